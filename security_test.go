package pullpass_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSecurityPage: each row of SECURITY.md's tables names the tests that show it, and
// each of those is there. What is promised and no longer tested is found here.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	suite := suiteTests(t)
	for header, least := range map[string]int{"| attack | defence | test |": 65, "| boundary |": 8} {
		rows := rowsOf(string(page), header)
		if len(rows) < least {
			t.Errorf("%d rows below %q, want at least %d", len(rows), header, least)
		}
		for _, row := range rows {
			named := testsNamed(row[len(row)-1])
			if len(named) == 0 {
				t.Errorf("no test for %q", row[0])
			}
			for _, n := range named {
				if !exists(t, suite, n) {
					t.Errorf("%q names %s %s, which is not there", row[0], n.pkg, n.test)
				}
			}
		}
	}
}

// namedTest is a test as a page names it.
type namedTest struct{ pkg, test string }

// rowsOf returns the cells of a table's rows.
func rowsOf(page, header string) (rows [][]string) {
	_, rest, _ := strings.Cut(page, header)
	rest, _, _ = strings.Cut(rest, "\n\n")
	for _, line := range strings.Split(rest, "\n")[1:] {
		if line == "" || strings.HasPrefix(line, "|---") {
			continue
		}
		rows = append(rows, strings.Split(strings.Trim(line, "| "), " | "))
	}
	return rows
}

var inPackage = regexp.MustCompile("^`([^`]+)` ")

// testsNamed reads "`pkg` TestA, TestB; `other` TestC".
func testsNamed(cell string) (named []namedTest) {
	pkg := ""
	for _, word := range strings.FieldsFunc(cell, func(r rune) bool { return r == ',' || r == ';' }) {
		word = strings.TrimSpace(word)
		if m := inPackage.FindStringSubmatch(word); m != nil {
			pkg, word = m[1], strings.TrimPrefix(word, m[0])
		}
		named = append(named, namedTest{pkg, word})
	}
	return named
}

const suitePackage = "internal/store/storetest"

func exists(t *testing.T, suite []string, n namedTest) bool {
	t.Helper()
	if n.pkg == suitePackage {
		group, _, inGroup := strings.Cut(n.test, "/")
		return slices.Contains(suite, n.test) && (!inGroup || slices.Contains(suite, group)) || n.test == "Forged/*"
	}
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(n.pkg), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(n.test, "Test") && f.Name.Name == n.test {
				return true
			}
		}
	}
	return false
}

var (
	inSuite  = regexp.MustCompile(`(?m)^\t\t\{"(\w+)", test\w+\},$`)
	inForged = regexp.MustCompile(`(?m)^\t"([^"]+)": +(?:\{|func)`)
)

// suiteTests are the names of the tests that every store runs.
func suiteTests(t *testing.T) (names []string) {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(filepath.FromSlash(suitePackage), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, m := range inSuite.FindAllStringSubmatch(read("storetest.go"), -1) {
		names = append(names, m[1])
	}
	forged := inForged.FindAllStringSubmatch(read("seals.go"), -1)
	if len(names) < 50 || len(forged) == 0 {
		t.Fatalf("%d tests and %d forgeries are found in %s: the pattern is wrong", len(names), len(forged), suitePackage)
	}
	names = append(names, "Forged")
	for _, m := range forged {
		names = append(names, "Forged/"+m[1])
	}
	return names
}
