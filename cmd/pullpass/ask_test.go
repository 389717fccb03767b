package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/term"
)

func TestSecretsAreReadWhole(t *testing.T) {
	key := "{\n \"type\": \"service_account\"\n}"
	for input, want := range map[string]string{
		key + "\n":       key,
		"token\r\n":      "token",
		"two\nlines\n\n": "two\nlines\n",
		" spaced ":       " spaced ",
		"":               "",
		"\n":             "",
		"\xff\n":         "",
	} {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(input), 0o600); err != nil {
			t.Fatal(err)
		}
		term := newTerminal(strings.NewReader(input), &bytes.Buffer{}, &bytes.Buffer{}, false)
		for _, from := range []string{"-", path} {
			got, err := readSecret(term, from, "")
			if got.Reveal() != want || (err == nil) != (want != "") {
				t.Errorf("readSecret(%q) from %s = %q, %v, want %q", input, from, got.Reveal(), err, want)
			}
		}
	}
}

// What is typed at a prompt is not shown; Ctrl-C and Ctrl-D end it at once, and the
// terminal is left as it was.
func TestPrompt(t *testing.T) {
	for _, test := range []struct {
		keys, want  string
		interrupted bool
	}{
		{"hunter2\r", "hunter2", false},
		{"hunter3\x7f2\r", "hunter2", false},
		{"wrong\x15right\r", "right", false},
		{"jür\x7f\x7fürgen\r", "jürgen", false},
		{"half\x03", "", true},
		{"\x04", "", true},
	} {
		master, slave := openTerminal(t)
		before, err := term.GetState(int(slave.Fd()))
		ok(t, err)
		var talk bytes.Buffer
		terminal := newTerminal(slave, &bytes.Buffer{}, &talk, false)
		done := make(chan struct{})
		var got string
		var failed error
		go func() {
			defer close(done)
			secret, err := askSecret(terminal, "Password: ")
			got, failed = secret.Reveal(), err
		}()
		_, err = master.WriteString(test.keys)
		ok(t, err)
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%q does not end the prompt", test.keys)
		}
		if got != test.want || errors.Is(failed, context.Canceled) != test.interrupted {
			t.Errorf("askSecret(%q) = %q, %v, want %q, interrupted %v", test.keys, got, failed, test.want, test.interrupted)
		}
		after, err := term.GetState(int(slave.Fd()))
		ok(t, err)
		if *before != *after {
			t.Errorf("after %q the terminal is not as it was", test.keys)
		}
		if strings.Contains(talk.String(), "hunter") {
			t.Errorf("the prompt shows the secret: %q", talk.String())
		}
	}
}
