package pullpass_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var quotedPath = regexp.MustCompile("`((?:internal|cmd|api|client)/[\\w./-]+)`")

// docs/ARCHITECTURE.md answers by file name where something is; a file that was
// moved takes its line along.
func TestArchitecturePageNamesFiles(t *testing.T) {
	const page = "docs/ARCHITECTURE.md"
	questions := section(t, page, "## Where is it?")
	rows := 0
	for _, line := range questions {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| question") {
			continue
		}
		rows++
		found := quotedPath.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("%s: no file answers: %s", page, line)
		}
		for _, m := range found {
			if info, err := os.Stat(filepath.FromSlash(m[1])); err != nil || info.IsDir() {
				t.Errorf("%s: there is no file %s: correct the line, or name the file by what it holds", page, m[1])
			}
		}
	}
	if rows < 15 {
		t.Errorf("%s answers %d questions, want 15", page, rows)
	}
	words := 0
	for _, line := range section(t, page, "## Words") {
		if strings.HasPrefix(line, "| ") {
			words++
		}
	}
	if words < 10 || words > 31 {
		t.Errorf("%s explains %d words, want at most 30: a word that explains itself needs no line", page, words-1)
	}
	for _, line := range section(t, page, "## Rooms for what comes") {
		name, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		name, rest, _ := strings.Cut(name, "` | ")
		floor, ok := floorOf("internal/" + name)
		if ok && !strings.HasPrefix(rest, string(rune('0'+floor))+" |") {
			t.Errorf("%s puts %s on another floor than floors_test.go, which says %d", page, name, floor)
		}
	}
}

func section(t *testing.T, page, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return strings.Split(rest, "\n")
}
