package httpapi

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOperationsPage compares the tables of docs/operations.md with the code: every
// reason for not being ready and every metric, and the reverse.
func TestOperationsPage(t *testing.T) {
	page := read(t, "../../docs/operations.md")
	source := read(t, "ready.go")
	if loose := regexp.MustCompile(`errNotReady\("|Code: +"`).FindString(source); loose != "" {
		t.Errorf("ready.go has %s: make the code a constant, so that it is found here", loose)
	}
	same(t, "reason", table(page, "| reason (`code`)"), matches(source, `(?m)^\tcode\w+ += "(\w+)"$`))

	var metrics []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..":
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			metrics = append(metrics, matches(read(t, path), `Name: +"(pullpass_\w+)"`)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "metric", table(page, "| metric |"), metrics)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// table returns the first column of the table below this header.
func table(page, header string) (first []string) {
	_, rest, _ := strings.Cut(page, header)
	rest, _, _ = strings.Cut(rest, "\n\n")
	return matches(rest, "(?m)^\\| `(\\w+)` \\|")
}

func matches(text, pattern string) (found []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func same(t *testing.T, what string, page, code []string) {
	t.Helper()
	if len(code) == 0 {
		t.Errorf("no %s is found in the code: the pattern is wrong", what)
	}
	slices.Sort(page)
	slices.Sort(code)
	if !slices.Equal(page, code) {
		t.Errorf("docs/operations.md has the %ss %s\nthe code has %s", what, strings.Join(page, " "), strings.Join(code, " "))
	}
}
