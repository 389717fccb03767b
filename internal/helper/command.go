package helper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/pullpass/pullpass"
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
	return commandFor(login)
}

func commandFor(login Login) (*Command, error) {
	path := findProgram(programServer)
	if path == "" {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "no_command", What: "cannot ask the server",
			Cause: "the program pullpass is neither beside docker-credential-pullpass nor on the PATH",
			Hint:  "install both in one directory: " + strings.TrimRight(login.Server, "/") + "/downloads/",
		}
	}
	return &Command{Path: path, Login: login}, nil
}

// Identity tells servers, tokens and projects apart.
func (c *Command) Identity() string {
	if c.Login.Job != nil {
		return fmt.Sprint("server ", c.Login.Server, " ", c.Login.Job.identity(), " ", c.Login.Project)
	}
	sum := sha256.Sum256([]byte(c.Login.Token.Reveal()))
	return fmt.Sprint("server ", c.Login.Server, " ", hex.EncodeToString(sum[:]), " ", c.Login.Project)
}

// Credential asks the server.
func (c *Command) Credential(ctx context.Context, a Ask) (pullpass.Credential, error) {
	r, err := runProgram(ctx, c.Path, Question{
		Verb: verbCredential, Host: a.Host, Repository: a.Repository, Action: string(a.Action), Refused: a.Refused, Project: c.Login.Project,
	})
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
	r, err := runProgram(ctx, c.Path, Question{Verb: verbHosts, Project: c.Login.Project})
	return r.Hosts, err
}
