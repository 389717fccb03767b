package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

// TestDeletionAsksATerminal: nothing is deleted unless the person says yes; a pipe, and
// --yes, are not asked.
func TestDeletionAsksATerminal(t *testing.T) {
	for _, c := range []struct {
		answer  string
		flags   carefulFlags
		pipe    bool
		deleted bool
	}{
		{answer: "y\n", deleted: true},
		{answer: "yes\n", deleted: true},
		{answer: "\n"},
		{answer: "n\n"},
		{answer: "payments\n"},
		{flags: carefulFlags{Yes: true}, deleted: true},
		{flags: carefulFlags{Yes: true, dryRunFlag: dryRunFlag{DryRun: true}}},
		{pipe: true, deleted: true},
	} {
		keyboard, screen := openTerminal(t)
		var out bytes.Buffer
		term := &terminal{in: screen, out: &out, raw: &out, talk: screen}
		if c.pipe {
			term.in, term.talk = strings.NewReader(""), &out
		}
		if c.answer != "" {
			if _, err := keyboard.WriteString(c.answer); err != nil {
				t.Fatal(err)
			}
		}
		deleted := false
		d := deletion{Kind: "project", Name: "payments", Goes: []string{"the project"}, Stays: []string{"images"}}
		err := c.flags.delete(t.Context(), term, d, func(context.Context) error { deleted = true; return nil })
		if deleted != c.deleted {
			t.Errorf("answer %q, flags %+v: deleted = %v, want %v", c.answer, c.flags, deleted, c.deleted)
		}
		if refused := pullpass.CodeOf(err) == "not_confirmed"; refused != (!c.deleted && !c.flags.DryRun) {
			t.Errorf("answer %q, flags %+v: error %v", c.answer, c.flags, err)
		}
	}
}
