package main

import (
	"errors"
	"io"

	"github.com/pullpass/pullpass"
)

// checkedWriter remembers the first write that failed: a command prints in many
// places, and a full disk or a closed pipe must not look like success in any.
type checkedWriter struct {
	to  io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// check is what a command ends with: its own error, or that of its output.
func (w *checkedWriter) check(err error) error {
	if w.err == nil || (err != nil && !errors.Is(err, w.err)) {
		return err
	}
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: "output_failed", What: "cannot write the output", Err: w.err,
		Hint: "what was asked for may be done; only its output is incomplete",
	}
}
