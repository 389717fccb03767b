package pullpass_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	required = regexp.MustCompile(`^\t?(?:require )?(\S+\.\S+/\S+) (v\S+)( // indirect)?$`)
	listed   = regexp.MustCompile("^\\| `([^`]+)` \\| (v\\S+) \\|")
)

// Every library has a line that says what it is for and why it was taken.
func TestEveryDependencyIsExplained(t *testing.T) {
	const page = "docs/decisions/dependencies.md"
	versions, explained := map[string]string{}, map[string]string{}
	each(t, page, listed, func(m []string) { explained[m[1]] = m[2] })
	each(t, "go.mod", required, func(m []string) {
		versions[m[1]] = m[2]
		if indirect := m[3] != ""; !indirect && explained[m[1]] == "" {
			t.Errorf("%s does not mention %s %s: say what it is for and why this one, or drop it", page, m[1], m[2])
		}
	})
	if len(versions) == 0 || len(explained) == 0 {
		t.Fatalf("found %d requirements and %d explanations; this test would prove nothing", len(versions), len(explained))
	}
	for path, version := range explained {
		if versions[path] != version {
			t.Errorf("%s says %s %s; go.mod says %q: correct the line or remove it", page, path, version, versions[path])
		}
	}
}

// each calls f with the matches of every line of a file.
func each(t *testing.T, file string, line *regexp.Regexp, f func([]string)) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.SplitSeq(string(text), "\n") {
		if m := line.FindStringSubmatch(l); m != nil {
			f(m)
		}
	}
}

var unpinned = regexp.MustCompile(`@latest|@master|@main\b`)

// TestDependenciesAreWatched: a release is not verified without a look at the known
// vulnerabilities, with tools of known versions.
func TestDependenciesAreWatched(t *testing.T) {
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, verify, _ := strings.Cut(string(text), "\nverify:")
	verify, _, _ = strings.Cut(verify, "\n\n")
	_, look, _ := strings.Cut(string(text), "\nvulnerabilities:")
	look, _, _ = strings.Cut(look, "\n\n")
	_, fresh, _ := strings.Cut(string(text), "\nfresh:")
	fresh, _, _ = strings.Cut(fresh, "\n\n")
	for what, holds := range map[string]bool{
		"verify runs vulnerabilities":               strings.Contains(verify, "$(MAKE) vulnerabilities"),
		"verify runs fresh":                         strings.Contains(verify, " fresh "),
		"vulnerabilities runs a pinned govulncheck": strings.Contains(look, "govulncheck@$(GOVULNCHECK_VERSION)"),
		"vulnerabilities says that it was skipped":  strings.Contains(look, "skipped: govulncheck"),
		"fresh compares the modules with go.sum":    strings.Contains(fresh, "go mod verify"),
		"no tool is taken in whatever version":      !unpinned.Match(text),
	} {
		if !holds {
			t.Errorf("the Makefile does not do it: %s", what)
		}
	}
}
