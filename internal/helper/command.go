package helper

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

// Command is the Issuer outside an environment: the `pullpass` program beside the
// helper, or on the PATH, which asks the server of the login.
type Command struct {
	Path  string
	Login Login
}

// NewCommand finds the program and the login.
func NewCommand() (*Command, error) {
	login, err := CurrentLogin()
	if err != nil {
		return nil, err
	}
	c := &Command{Login: login}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "pullpass")
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			c.Path = beside
			return c, nil
		}
	}
	if c.Path, err = exec.LookPath("pullpass"); err != nil {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "no_command", What: "cannot ask the server", Err: err,
			Cause: "the program pullpass is neither beside docker-credential-pullpass nor on the PATH",
			Hint:  "install both in one directory: " + strings.TrimRight(login.Server, "/") + "/downloads/",
		}
	}
	return c, nil
}

// Identity tells servers, tokens and projects apart.
func (c *Command) Identity() string {
	sum := sha256.Sum256([]byte(c.Login.Token.Reveal()))
	return fmt.Sprint("server ", c.Login.Server, " ", hex.EncodeToString(sum[:]), " ", c.Login.Project)
}

// Credential asks the server.
func (c *Command) Credential(ctx context.Context, a Ask) (pullpass.Credential, error) {
	r, err := c.run(ctx, question{Verb: "credential", Host: a.Host, Repository: a.Repository, Action: string(a.Action), Refused: a.Refused})
	if err != nil {
		return pullpass.Credential{}, err
	}
	if r.Credential == nil {
		return pullpass.Credential{}, errors.New("pullpass answered without a credential")
	}
	return credentialOf(r.Credential), nil
}

// Hosts asks the server which hosts are configured.
func (c *Command) Hosts(ctx context.Context) ([]string, error) {
	r, err := c.run(ctx, question{Verb: "hosts"})
	return r.Hosts, err
}

func (c *Command) run(ctx context.Context, q question) (reply, error) {
	in, err := json.Marshal(q)
	if err != nil {
		return reply{}, err
	}
	var out, talk bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Path, "credential-issue") //nolint:gosec // the program beside this one
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &talk
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return reply{}, ctx.Err()
		}
		return reply{}, &pullpass.Error{
			Kind: pullpass.Internal, What: "cannot ask the server", Cause: c.Path + " failed: " + firstLine(talk.String()),
			Hint: "install pullpass and docker-credential-pullpass of one version", Err: err,
		}
	}
	var r reply
	if json.Unmarshal(out.Bytes(), &r) != nil {
		return reply{}, errors.New("the answer of " + c.Path + " cannot be read") // and not repeated: it may hold a secret
	}
	if r.Problem != nil {
		return reply{}, refusal(r.Problem)
	}
	return r, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return printable.Line(line, 0)
}
