package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/term"

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

// TestLogsOnATerminal prints a container's output to a real terminal, to a pipe,
// and raw.
func TestLogsOnATerminal(t *testing.T) {
	const output = "done\x1b[2J\ttab\nnext \u202e\xff\n"
	shown := func(out io.Writer, raw bool) {
		printOutput(newTerminal(nil, out, io.Discard, false), []byte(output), raw)
	}
	var pipe strings.Builder
	if shown(&pipe, false); pipe.String() != output {
		t.Errorf("a pipe gets %q, want every byte", pipe.String())
	}
	const escaped = "done" + `\u001b[2J` + "\ttab\nnext " + `\u202e\xff` + "\n"
	for raw, want := range map[bool]string{false: escaped, true: output} {
		screen, slave := openTerminal(t)
		shown(slave, raw)
		if err := slave.Close(); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(screen) // EIO: the other side has closed
		if string(got) != want {
			t.Errorf("a terminal gets %q with --raw=%v, want %q", got, raw, want)
		}
	}
}

// openTerminal makes a pseudo-terminal that passes bytes on unchanged.
func openTerminal(t *testing.T) (screen, slave *os.File) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("pseudo-terminals are opened in Linux's way here")
	}
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	number, unlock := uint32(0), uint32(0)
	for request, value := range map[uintptr]*uint32{0x80045430: &number, 0x40045431: &unlock} { // TIOCGPTN, TIOCSPTLCK
		if err := ioctl(screen, request, unsafe.Pointer(value)); err != nil { //nolint:gosec // how ioctl takes it
			t.Fatal(err)
		}
	}
	slave, err = os.OpenFile(filepath.Join("/dev/pts", itoa(int32(number))), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := term.MakeRaw(int(slave.Fd())); err != nil {
		t.Fatal(err)
	}
	return screen, slave
}
