package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/printable"
)

// evil sets the clipboard, wipes the screen, names the window, and turns text
// around; \r and \b overwrite what stands before.
const evil = "x\x1b]52;c;cm0=\x07\x1b[2J\x1b]0;root\x07\u009b31m\u202ey\r\b\x00z"

// TestNothingSteersTheTerminal puts escape sequences through everything that
// prints for a person: tables, facts, sentences, errors, logs, and JSON, which is
// read on terminals as well.
func TestNothingSteersTheTerminal(t *testing.T) {
	var out, talk strings.Builder
	term := newTerminal(nil, &out, &talk, false)
	hostile := &pullpass.Error{Kind: pullpass.Denied, What: evil, Cause: evil + "\nline", Hint: evil}
	asJSON := newTerminal(nil, &out, &talk, true)
	for name, print := range map[string]func() error{
		"list":  func() error { return term.list(nil, []string{"NAME"}, [][]string{{evil, "two\nlines"}}, "") },
		"facts": func() error { return term.show(nil, func(w io.Writer) { facts(w, "name", evil) }) },
		"show":  func() error { return term.show(nil, func(w io.Writer) { _, err := io.WriteString(w, evil); _ = err }) },
		"say":   func() error { term.say("%s", evil); return nil },
		"error": func() error { failures{to: &talk}.finish(hostile); failures{to: &talk}.misused(hostile); return nil },
		"json":  func() error { return errors.Join(asJSON.show(map[string]string{evil: evil}, nil), asJSON.line(evil)) },
		"log": func() error {
			for _, format := range []string{"text", "json"} {
				newLogger(&talk, config.Log{LogLevel: "info", LogFormat: format}).Info(evil, "key", evil, evil, errors.New(evil))
			}
			return nil
		},
	} {
		out.Reset()
		talk.Reset()
		if err := print(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := out.String() + talk.String()
		if got == "" || !printable.Only(strings.NewReplacer("\n", "", "\t", "").Replace(got)) {
			t.Errorf("%s prints %q", name, got)
		}
	}
	out.Reset()
	if err := term.list(nil, []string{"A", "B"}, [][]string{{"one\ntwo", "three\tfour"}}, ""); err != nil || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("a cell with a line break makes more rows: %q, %v", out.String(), err)
	}
}

// TestPolicyLintEscapes has a policy, and the name of its file, carry what a
// terminal obeys.
func TestPolicyLintEscapes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a\x1b[2Jb.json")
	policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:Batch` + "\u009b31m\u202e" + `GetImage", "Resource": "*"}]}`
	if err := os.WriteFile(path, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, form := range [][]string{{}, {"--json"}, {"--sarif"}, {"--fix"}} {
		var out, talk strings.Builder
		run(t.Context(), append(append([]string{"policy", "lint"}, form...), path), nil, &out, &talk)
		got := out.String() + talk.String()
		if got == "" || !printable.Only(strings.NewReplacer("\n", "", "\t", "").Replace(got)) {
			t.Errorf("policy lint %v prints %q", form, got)
		}
	}
}
