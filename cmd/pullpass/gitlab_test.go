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
	tree := os.DirFS("../..")
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(tree, path)
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

// TestGitLabHintsParse: the commands of ours in each fix of gitlab check are commands.
func TestGitLabHintsParse(t *testing.T) {
	var texts []string
	for _, file := range []string{"check.go", "runner.go"} {
		text, err := os.ReadFile(filepath.Join("../../internal/delivery/gitlab", file))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	found := regexp.MustCompile(`pullpass (?:gitlab|docker-config|registry|token|refresh)(?: [a-zA-Z-]+| --[a-z-]+(?: [A-Za-z+-]+)?)*`).FindAllString(strings.Join(texts, "\n"), -1)
	if len(found) < 10 {
		t.Fatalf("found %d commands: the test would prove little", len(found))
	}
	for _, command := range found {
		words := strings.Fields(command)[1:]
		switch {
		case strings.HasPrefix(command, "pullpass token exchange"):
			words = append(words, "https://pullpass.example.com", "--organization", "acme")
		case strings.HasPrefix(command, "pullpass registry add"):
			words = append(words, "ghcr.io")
		}
		var cli commandLine
		parser, err := newParser(&cli, words, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(words); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
}
