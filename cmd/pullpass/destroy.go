package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

// deletion is what a command that deletes is about to do, and what --json prints
// when it is done.
type deletion struct {
	Kind    string   `json:"kind"` // project, registry, …
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Goes    []string `json:"goes"`
	Stays   []string `json:"stays"`
	Blocked []string `json:"blocked"` // what has to go first
	// Requested says that the server has taken the order, Deleted that it is carried
	// out: an environment is deleted by its runner, later.
	Requested bool `json:"requested"`
	Deleted   bool `json:"deleted"`
	later     bool
}

// carefulFlags are those of the commands that delete.
type carefulFlags struct {
	Yes bool `short:"y" help:"Do not ask first. Only a terminal is asked."`
	dryRunFlag
}

type dryRunFlag struct {
	DryRun bool `help:"Say what would go and what would stay; delete nothing."`
}

// delete tells what goes and what stays, asks the person where there is one, and has
// it deleted.
func (f carefulFlags) delete(ctx context.Context, t *terminal, d deletion, remove func(context.Context) error) error {
	if f.DryRun {
		return d.show(t)
	}
	if !f.Yes && !t.json && isTerminal(t.in) && isTerminal(t.talk) {
		d.write(printable.NewWriter(t.talk))
		if err := askYes(t, "Delete "+d.Kind+" "+d.Name+"?"); err != nil {
			return err
		}
	}
	if err := remove(ctx); err != nil {
		return err
	}
	d.Requested, d.Deleted = true, !d.later
	if t.json {
		return d.show(t)
	}
	if d.later {
		return nil
	}
	t.say("Deleted %s %s.", d.Kind, d.Name)
	if len(d.Stays) > 0 {
		t.say("What stays: %s.", strings.Join(d.Stays, "; "))
	}
	return nil
}

// shown prints under --json what a command has deleted and told the person already.
func shown(t *terminal, d deletion) error {
	if !t.json {
		return nil
	}
	d.Requested, d.Deleted = true, true
	return d.show(t)
}

func (d deletion) show(t *terminal) error {
	for _, list := range []*[]string{&d.Goes, &d.Stays, &d.Blocked} {
		if *list == nil {
			*list = []string{} // JSON has lists, not null
		}
	}
	return t.show(d, d.write)
}

// write is the plan for a person.
func (d deletion) write(w io.Writer) {
	if len(d.Blocked) > 0 {
		_, _ = fmt.Fprintf(w, "%s %s cannot be deleted yet:\n", d.Kind, d.Name)
		writeItems(w, d.Blocked)
		return
	}
	_, _ = fmt.Fprintf(w, "Deleting %s %s takes away:\n", d.Kind, d.Name)
	writeItems(w, d.Goes)
	if len(d.Stays) > 0 {
		_, _ = fmt.Fprintln(w, "What stays:")
		writeItems(w, d.Stays)
	}
}

func writeItems(w io.Writer, items []string) {
	for _, item := range items {
		_, _ = fmt.Fprintln(w, "  "+item)
	}
}

// askYes asks a question whose answer is no unless it is said otherwise.
func askYes(t *terminal, question string) error {
	_, _ = io.WriteString(t.talk, printable.EscapeText(question+" [y/N] "))
	answer, err := bufio.NewReader(io.LimitReader(t.in, 1<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Conflict, Code: "not_confirmed", What: "nothing was deleted", Cause: "the answer was not yes", Hint: "answer y, or give --yes"}
}
