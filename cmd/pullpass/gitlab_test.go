package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGitLabPageHolds: each row of docs/gitlab.md has a command that the parser takes and
// tests that are there.
func TestGitLabPageHolds(t *testing.T) {
	tests := map[string]bool{}
	named := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/gitlab.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "/"), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "---") || cells[4] == " test " {
			continue
		}
		rows++
		command := quoted.FindStringSubmatch(cells[2])
		if command == nil || strings.TrimSpace(cells[3]) == "" {
			t.Errorf("a row without a command, or without what is better: %s", line)
			continue
		}
		words := strings.Fields(strings.ReplaceAll(command[1], "IMAGE", "ghcr.io/acme/app:1"))
		var cli commandLine
		parser, err := newParser(&cli, words[1:], io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(words[1:]); err != nil {
			t.Errorf("%s: %v", command[1], err)
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[4], -1) {
			if !tests[m[1]] {
				t.Errorf("there is no test %s: %s", m[1], line)
			}
		}
		if !strings.Contains(cells[4], "`Test") {
			t.Errorf("a row without a test: %s", line)
		}
	}
	if rows < 25 {
		t.Errorf("the page has %d rows, want one for each sentence of the recipe", rows)
	}
}
