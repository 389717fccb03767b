package main

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/pullpass/pullpass"
)

// askSecret reads a line from the keyboard without showing it.
func askSecret(t *terminal, prompt string) (pullpass.Secret, error) {
	file, ok := t.in.(*os.File)
	if !ok {
		return pullpass.Secret{}, misuse("no secret was given", "pipe it in, or name a file")
	}
	_, _ = fmt.Fprint(t.talk, prompt)
	line, err := term.ReadPassword(int(file.Fd()))
	_, _ = fmt.Fprintln(t.talk)
	if err != nil {
		return pullpass.Secret{}, fmt.Errorf("reading the secret: %w", err)
	}
	return pullpass.NewSecret(string(line)), nil
}
