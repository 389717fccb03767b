package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

// failures tells the person, or the program, why a command did not do its work.
type failures struct {
	to   io.Writer
	json bool
}

// failure is an error under --json, one line on standard error. Its form is stable.
type failure struct {
	Error string `json:"error"`
	Cause string `json:"cause"`
	Hint  string `json:"hint"`
	Code  string `json:"code"` // the error's own, else its kind
}

// misused reports a command line that cannot be obeyed.
func (f failures) misused(err error) int {
	var parse *kong.ParseError
	if !errors.As(err, &parse) {
		f.complain(err)
		return exitMisuse
	}
	if node := incomplete(parse); node != nil && !f.json {
		parse.Context.Stdout = f.to
		_ = parse.Context.PrintUsage(false)
		return exitMisuse
	}
	if pullpass.HintOf(err) == "" {
		hint := strings.TrimSpace("pullpass "+commandOf(parse.Context)) + " --help"
		err = &pullpass.Error{Kind: pullpass.Invalid, Code: "usage", What: err.Error(), Hint: hint}
	}
	f.complain(err)
	return exitMisuse
}

// finish reports how a command ended, as an exit code.
func (f failures) finish(err error) int {
	var code exitCode
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled):
		return exitFailed
	}
	f.complain(err)
	var misuse misuseError
	if errors.As(err, &misuse) {
		return exitMisuse
	}
	return exitFailed
}

// complain prints an error. Parts of it may be what a server, a registry or a file
// said.
func (f failures) complain(err error) {
	if !f.json {
		_, _ = fmt.Fprintln(f.to, printable.EscapeText(pullpass.Explain(err)))
		return
	}
	_ = json.NewEncoder(printable.JSONWriter{To: f.to}).Encode(failureOf(err))
}

func failureOf(err error) failure {
	out := failure{Error: err.Error(), Hint: pullpass.HintOf(err), Code: cmp.Or(pullpass.CodeOf(err), string(pullpass.KindOf(err)))}
	var e *pullpass.Error
	if errors.As(err, &e) && e.What != "" {
		out.Error, out.Cause = e.What, e.Cause
		if e.Cause == "" && e.Err != nil {
			out.Cause = e.Err.Error()
		}
	}
	return out
}

// asksForJSON looks for --json before the parser has: what the parser refuses is
// reported in that form, too.
func asksForJSON(args []string) bool {
	for _, arg := range args {
		switch arg {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	return false
}

// exitCode is an error that is only an exit code: the command has said the rest.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// misuseError marks what only the person at the keyboard can change.
type misuseError struct{ error }

func (e misuseError) Unwrap() error { return e.error }

func misuse(what, hint string) error {
	return misuseError{&pullpass.Error{Kind: pullpass.Invalid, What: what, Hint: hint}}
}
