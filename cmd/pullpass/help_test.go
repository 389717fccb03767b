package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestExamplesParse: each example is a command that the parser takes, of the command
// whose help shows it.
func TestExamplesParse(t *testing.T) {
	for command, lines := range examples {
		for _, line := range lines {
			var cli commandLine
			words := strings.Fields(line)
			parser, err := newParser(&cli, words[1:], io.Discard, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parser.Parse(words[1:])
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			if got := commandOf(parsed); got != command {
				t.Errorf("%q is an example of %q, and parsed as %q", line, command, got)
			}
		}
	}
}

// TestDailyCommandsHaveExamples: none of the commands of every day is without.
func TestDailyCommandsHaveExamples(t *testing.T) {
	parser, err := newParser(new(commandLine), nil, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	daily := []string{"project", "registry", "env", "integration", "repository", "doctor", "login", "logout", "whoami"}
	for _, leaf := range parser.Model.Leaves(true) {
		noun := leaf
		for noun.Parent != nil && noun.Parent.Type != kong.ApplicationNode {
			noun = noun.Parent
		}
		rare := []string{"project prove", "project login", "project logout", "repository defaults"}
		name := strings.TrimSpace(strings.TrimPrefix(commandOfNode(leaf), "pullpass"))
		if slices.Contains(daily, noun.Name) && !slices.Contains(rare, name) && len(examples[name]) == 0 {
			t.Errorf("pullpass %s --help has no example", name)
		}
	}
}

// TestEveryWordParses: other words for a noun and a verb lead to the same command.
func TestEveryWordParses(t *testing.T) {
	for line, want := range map[string]string{
		"projects ls": "project list", "environments ls": "env list", "environment get web": "env show",
		"registries rm ghcr": "registry delete", "runners create x": "runner add", "env add web --image i": "env create",
		"project remove x": "project delete", "tokens add x --role owner": "token create", "members ls": "member list",
	} {
		parser, err := newParser(new(commandLine), nil, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.Parse(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if got := commandOf(parsed); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

// TestEveryCommandHasHelp: and --help ends with 0.
func TestEveryCommandHasHelp(t *testing.T) {
	parser, err := newParser(new(commandLine), nil, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range append(parser.Model.Leaves(false), parser.Model.Children...) {
		var out bytes.Buffer
		words := append(strings.Fields(commandOfNode(leaf)), "--help")
		if code := run(t.Context(), words, strings.NewReader(""), &out, io.Discard); code != 0 {
			t.Errorf("%q ends with %d", words, code)
		}
		if !strings.Contains(out.String(), "Usage:") {
			t.Errorf("%q prints no usage", words)
		}
	}
}

func commandOfNode(node *kong.Node) string {
	var words []string
	for ; node != nil && node.Type == kong.CommandNode; node = node.Parent {
		words = append([]string{node.Name}, words...)
	}
	return strings.Join(words, " ")
}
