package pullpass_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// wornIdioms are phrases that a native reader stumbles over, with what to write
// instead. They were frequent once; the style page in CONTRIBUTING.md has pairs.
var wornIdioms = []struct {
	phrase  *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\b(\w+) (is|are) none\b`), `"is not an ECR host", "is not recognized", "there is none"`},
	{regexp.MustCompile(`\b(stands?|is there|are there) twice\b`), `"duplicate key"`},
	{regexp.MustCompile(`\b(is|are|was) not said\b`), `"no issuer is given"`},
	{regexp.MustCompile(`\bput right\b`), `"repaired", "fixed"`},
	{regexp.MustCompile(`\b(is|was|been) given up\b`), `"was canceled", "timed out"`},
	{regexp.MustCompile(`\bis over already\b`), `"has expired", "has ended"`},
	{regexp.MustCompile(`\b(identifiers?|ids?) of ours\b`), `"a Pullpass ID"`},
	{regexp.MustCompile(`\bcannot tell who\b`), `"not authenticated"`},
	{regexp.MustCompile(`\bis not known who\b`), `"the caller is unknown"`},
	{regexp.MustCompile(`\bwanted running\b`), `"the environment is stopped"`},
	{regexp.MustCompile(`^Be (the|a|an) `), `"Run the server."`},
	{regexp.MustCompile(`^Lay `), `"Compare a token with the trusts"`},
	{regexp.MustCompile(`^How (the|a|it) .*\bis called\b`), `"Name of the session"`},
}

// What users read keeps to plain English: string literals and pages do not use the
// phrases that were weeded out once.
func TestWornIdiomsStayAway(t *testing.T) {
	texts := 0
	tree := os.DirFS(".")
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || strings.HasPrefix(name, ".") && name != "."):
			return fs.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			return literals(path, func(line int, text string) {
				texts++
				for _, said := range idioms(text) {
					t.Errorf("%s:%d: %s", path, line, said)
				}
			})
		case strings.HasSuffix(name, ".md") && name != "CHANGELOG.md" && name != "CONTRIBUTING.md":
			page, err := fs.ReadFile(tree, path)
			if err != nil {
				return err
			}
			for i, text := range strings.Split(string(page), "\n") {
				texts++
				for _, said := range idioms(text) {
					t.Errorf("%s:%d: %s", path, i+1, said)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if texts < 10000 {
		t.Errorf("read %d texts; this test would prove nothing", texts)
	}
}

func TestIdioms(t *testing.T) {
	for text, want := range map[string]int{
		"the host is none": 1, "there is none": 0, "a name is there twice": 1, "duplicate key x": 0, "Be the server.": 1,
		"To be the server": 0, "the request was given up": 1, "it is not said what to check": 1,
	} {
		if got := idioms(text); len(got) != want {
			t.Errorf("idioms(%q) = %q, want %d", text, got, want)
		}
	}
}

// idioms returns a line for each worn idiom in a text.
func idioms(text string) []string {
	var found []string
	for _, idiom := range wornIdioms {
		m := idiom.phrase.FindStringSubmatch(text)
		if m == nil || len(m) > 1 && strings.EqualFold(m[1], "there") {
			continue
		}
		found = append(found, "says "+strconv.Quote(m[0])+"; write "+idiom.instead)
	}
	return found
}

// literals calls f with every string of a Go file: literals, and the help texts in
// struct tags.
func literals(path string, f func(line int, text string)) error {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	words := regexp.MustCompile(`(?:help|doc):"((?:[^"\\]|\\.)*)"`)
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		line := positions.Position(lit.Pos()).Line
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			return true
		}
		f(line, text)
		for _, m := range words.FindAllStringSubmatch(text, -1) {
			f(line, m[1])
		}
		return true
	})
	return nil
}
