package helper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

// The programs that ask over a network; the helper itself links none.
const (
	programServer = "pullpass"
	programAWS    = "pullpass-aws"
	// VerbIssue is the argument with which they read a Question.
	VerbIssue = "credential-issue"
)

const (
	// reserve is left of the time when a program has to have answered: it knows the
	// cause, and what is left suffices to say it.
	reserve = 100 * time.Millisecond
	// linger is how long a killed program's children may hold its output open.
	linger = 50 * time.Millisecond
)

// findProgram returns the path of the first of these programs that is beside the
// helper, or on the PATH; empty where there is none.
func findProgram(names ...string) string {
	if self, err := os.Executable(); err == nil {
		for _, name := range names {
			beside := filepath.Join(filepath.Dir(self), name)
			if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
				return beside
			}
		}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// runProgram puts a question to a program.
func runProgram(ctx context.Context, path string, q Question) (reply, error) {
	if end, ok := ctx.Deadline(); ok {
		q.Deadline = end.Add(-reserve)
	}
	in, err := json.Marshal(q)
	if err != nil {
		return reply{}, err
	}
	var out, talk bytes.Buffer
	cmd := exec.CommandContext(ctx, path, VerbIssue)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &talk
	cmd.WaitDelay = linger
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return reply{}, ctx.Err()
		}
		return reply{}, &pullpass.Error{
			Kind: pullpass.Internal, What: "cannot ask for a credential", Cause: path + " failed: " + firstLine(talk.String()),
			Hint: "install " + filepath.Base(path) + " and docker-credential-pullpass of one version", Err: err,
		}
	}
	var r reply
	if json.Unmarshal(out.Bytes(), &r) != nil {
		return reply{}, errors.New("the answer of " + path + " cannot be read") // and not repeated: it may hold a secret
	}
	if r.Problem != nil {
		return reply{}, refusal(r.Problem)
	}
	return r, nil
}

func firstLine(s string) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace([]byte(s)), []byte("\n"))
	return printable.Line(string(line), 0)
}
