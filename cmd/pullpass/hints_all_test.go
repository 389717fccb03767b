package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var (
	formatVerb = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)
	// afterCommand begins the sentence that goes on after a command, or ends it.
	afterCommand = regexp.MustCompile("[;`()\\x00<>\\n|…?]| [&#—–] ?|, |: |\\. | (?:and|or|shows|prints|printed|lists|gives|says|keeps|no|does|answered|in|on|of|for|with|then|again|to|is|are|has|after|before|where|that|which|makes|wants|takes|reads|writes|asks|stands) ")
	printedVerb  = regexp.MustCompile(`(?:^|[^-/\w.])pullpass ([a-z][-a-z]*)[^-\w/]`)
	htmlTag      = regexp.MustCompile(`<[^>]*>|\{\{[^}]*\}\}`)
	shellsPart   = regexp.MustCompile(`\$\{[^}]*\}`) // of a script that we write
	inlineCode   = regexp.MustCompile("`(?:bin/)?(pullpass [^`\n]*)`")
)

// namesOnly are commands that texts speak of without telling anybody to run them.
var namesOnly = []string{"pullpass idp login", "pullpass login", "pullpass policy explain"}

// TestEveryHintParses gives every command that the product's sources print, in hints,
// notes, tables and pages, to the product's own parser. A part that is filled in when
// it is printed stands for a name, or for a number where the parser wants one.
func TestEveryHintParses(t *testing.T) {
	n := 0
	check := func(where, text string) {
		for _, c := range printedCommands(text) {
			n++
			if err := parsesFilled(c); err != nil && !slices.Contains(namesOnly, c) {
				t.Errorf("%s: %q: %v", where, c, err)
			}
		}
	}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case strings.HasSuffix(path, ".html"):
			text, err := os.ReadFile(path) //nolint:gosec // of this repository, which nobody changes meanwhile
			check(path, htmlTag.ReplaceAllString(string(text), "\x00"))
			return err
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			writtenIn(t, path, check)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commands", n)
	if n < 250 {
		t.Errorf("only %d commands were found: the test would prove little", n)
	}
}

// TestCommandsInTheTextOfPagesParse does the same with what the pages have in the
// middle of a sentence; their blocks are run by e2e.
func TestCommandsInTheTextOfPagesParse(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, page := range append(append(pages, more...), "../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range inlineCode.FindAllStringSubmatch(string(text), -1) {
			for _, c := range printedCommands(found[1]) {
				n++
				if err := parsesFilled(c); err != nil && !namesAVerb(c) {
					t.Errorf("%s: %q: %v", filepath.Base(page), c, err)
				}
			}
		}
	}
	t.Logf("%d commands", n)
}

// namesAVerb reports whether the text says a verb's name only, as "`pullpass trust add`
// says whom to trust" does, or the grammar of one: it is not for copying.
func namesAVerb(command string) bool {
	return strings.Contains(command, "[") || !strings.ContainsAny(command, "-=:/") && strings.ToLower(command) == command
}

// writtenIn gives each text of a source file to check, concatenations as one.
func writtenIn(t *testing.T, path string, check func(where, text string)) {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(node ast.Node) bool {
		e, ok := node.(ast.Expr)
		if !ok {
			return true
		}
		text, ok := written(e)
		if ok {
			check(set.Position(node.Pos()).String(), text)
		}
		return !ok
	})
}

func written(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, okA := written(e.X)
		b, okB := written(e.Y)
		if !okA && !okB {
			return "", false
		}
		if !okA {
			a = "NAME"
		}
		if !okB {
			b = "NAME"
		}
		return a + b, e.Op == token.ADD
	}
	return "", false
}

// printedCommands finds the commands in a text: from "pullpass" and a verb of ours to
// where the sentence goes on without it.
func printedCommands(text string) []string {
	var all []string
	text = shellsPart.ReplaceAllString(text, "")
	for _, at := range printedVerb.FindAllStringSubmatchIndex(text+" ", -1) {
		if !slices.Contains(knownVerbs(), text[at[2]:at[3]]) {
			continue
		}
		command := text[at[2]:]
		if end := afterCommand.FindStringIndex(command); end != nil {
			command = command[:end[0]]
		}
		all = append(all, "pullpass "+strings.TrimSpace(command))
	}
	return all
}

var knownVerbs = sync.OnceValue(func() []string {
	var cli commandLine
	parser, err := newParser(&cli, nil, io.Discard, io.Discard)
	if err != nil {
		panic(err)
	}
	var all []string
	for _, n := range parser.Model.Children {
		all = append(append(all, n.Name), n.Aliases...)
	}
	return all
})

// parsesFilled parses a command with names, else with numbers, for what is filled in.
func parsesFilled(command string) error {
	if strings.HasSuffix(command, "--help") || strings.HasPrefix(command, "pullpass help") {
		return nil
	}
	if strings.HasSuffix(formatVerb.ReplaceAllString(command, ""), "%") {
		return errors.New("a part is missing")
	}
	for _, filling := range []string{"7", "https://NAME.example.com"} {
		c := strings.ReplaceAll(formatVerb.ReplaceAllString(command, "NAME"), "NAME", filling)
		if err := parses(c); err == nil {
			return nil
		}
	}
	return parses(formatVerb.ReplaceAllString(command, "NAME"))
}
