package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/pullpass/pullpass"
)

// maxSecret bounds a secret: the key file of a service account has some kilobytes.
const maxSecret = 1 << 16

// readSecret reads a secret from a file, from standard input or from the keyboard.
// It is the whole input, because some secrets have many lines (the JSON key of a
// service account), without the one line break that editors and echo add.
func readSecret(t *terminal, path, prompt string) (pullpass.Secret, error) {
	in := t.in
	if path != "-" && path != "" {
		f, err := os.Open(path)
		if err != nil {
			return pullpass.Secret{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the secret", Err: err}
		}
		defer func() { _ = f.Close() }()
		in = f
	} else if isTerminal(t.in) {
		return askSecret(t, prompt)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
	if err != nil {
		return pullpass.Secret{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the secret", Err: err}
	}
	return secretOf(text, path)
}

func secretOf(text []byte, path string) (pullpass.Secret, error) {
	from := "standard input"
	if path != "-" && path != "" {
		from = path
	}
	s := string(text)
	if n := len(s); n > 0 && s[n-1] == '\n' {
		s = s[:n-1]
	}
	if n := len(s); n > 0 && s[n-1] == '\r' {
		s = s[:n-1]
	}
	switch {
	case s == "":
		return pullpass.Secret{}, misuse("the secret from "+from+" is empty", "pipe it in, or name a file: printf %s \"$TOKEN\" | pullpass …")
	case len(s) > maxSecret:
		return pullpass.Secret{}, misuse("the secret from "+from+" is longer than 64 KiB", "name the file that holds only the secret")
	case !utf8.ValidString(s):
		return pullpass.Secret{}, misuse("the secret from "+from+" is not text", "name the file that holds only the secret")
	}
	return pullpass.NewSecret(s), nil
}

// errInterrupted is what Ctrl-C at a prompt means.
var errInterrupted = fmt.Errorf("interrupted at the prompt: %w", context.Canceled)

// askSecret reads a line from the keyboard without showing it. Ctrl-C ends the
// program, Ctrl-D an empty line; the terminal is put back as it was, also when a
// signal from elsewhere ends it.
func askSecret(t *terminal, prompt string) (pullpass.Secret, error) {
	file, ok := t.in.(*os.File)
	if !ok {
		return pullpass.Secret{}, misuse("no secret was given", "pipe it in, or name a file")
	}
	before, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return pullpass.Secret{}, fmt.Errorf("preparing the terminal: %w", err)
	}
	ended, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	_, _ = fmt.Fprint(t.talk, prompt)
	type line struct {
		text []byte
		err  error
	}
	lines := make(chan line, 1)
	go func() {
		text, err := readLine(file)
		lines <- line{text, err}
	}()
	var got line
	select {
	case got = <-lines:
	case <-ended.Done():
		got.err = errInterrupted
	}
	restored := term.Restore(int(file.Fd()), before)
	_, _ = fmt.Fprintln(t.talk)
	if err := errors.Join(got.err, restored); err != nil {
		return pullpass.Secret{}, err
	}
	return secretOf(got.text, "the keyboard")
}

const (
	ctrlC, ctrlD, ctrlH, ctrlU = 0x03, 0x04, 0x08, 0x15
	deleteKey                  = 0x7f
)

// readLine reads keys until Return, as a terminal in raw mode sends them.
func readLine(keys io.Reader) ([]byte, error) {
	var line []byte
	key := make([]byte, 1)
	for {
		n, err := keys.Read(key)
		if n == 0 || err != nil {
			return nil, errors.Join(errInterrupted, err)
		}
		switch key[0] {
		case '\r', '\n':
			return line, nil
		case ctrlC:
			return nil, errInterrupted
		case ctrlD:
			if len(line) == 0 {
				return nil, errInterrupted
			}
		case ctrlH, deleteKey:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		case ctrlU:
			line = line[:0]
		default:
			if len(line) < maxSecret {
				line = append(line, key[0])
			}
		}
	}
}
