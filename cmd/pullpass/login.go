package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/helper"
)

// loginCommand remembers a server and a token for the other verbs and for the
// credential helper.
type loginCommand struct {
	Server       string `arg:"" help:"Address of the server, such as https://pullpass.example.com."`
	Setup        bool   `xor:"way" help:"The token is the server's one-time setup token: make the organization and its first owner."`
	Organization string `placeholder:"NAME" help:"Name of the organization that --setup makes (main if it is not given), or that you sign in to."`
	Name         string `default:"owner" placeholder:"NAME" help:"Name of the token that --setup makes."`
	TokenFile    string `default:"-" placeholder:"FILE" help:"Where to read the token; - is standard input. It is never taken from an argument, where others could see it."`
	Browser      bool   `xor:"way" help:"Sign in as a person, with the browser of this machine."`
	Device       bool   `xor:"way" help:"Sign in as a person, with the browser of another machine: this one shows a code."`
	Project      string `placeholder:"NAME" help:"With --browser or --device: your role in this project."`
	PlainHTTP    bool   `name:"plain-http" help:"Allow http to another machine. Whoever is on the way can read the token."`
}

func (l *loginCommand) Run(ctx context.Context, t *terminal) error {
	var options []client.Option
	if l.PlainHTTP {
		options = append(options, client.WithPlainHTTP())
	}
	token, err := l.token(ctx, t, options)
	if err != nil {
		return err
	}
	c, err := client.New(l.Server, append(options, client.WithToken(token), ourOptions())...)
	if err != nil {
		return err
	}
	self, err := c.Self(ctx)
	if err != nil {
		return err
	}
	if err := helper.SaveLogin(helper.Login{Server: c.Base(), Token: token, PlainHTTP: l.PlainHTTP}); err != nil {
		return err
	}
	t.say("Logged in to %s as %s (%s) of %s.", c.Base(), self.Name, self.Role, self.Organization.Name)
	if l.Setup {
		t.say("This is the owner's token, shown once: keep it in a safe place, this machine has the only copy.")
	}
	if slices.Contains(self.Permissions, "project.create") {
		t.say("Next: pullpass project create NAME")
	}
	return t.show(self, func(w io.Writer) {
		if l.Setup {
			_, _ = fmt.Fprintln(w, token.Reveal())
		}
	})
}

// token is the token to remember: given, made by the setup, or a session.
func (l *loginCommand) token(ctx context.Context, t *terminal, options []client.Option) (pullpass.Secret, error) {
	if l.Browser || l.Device {
		c, err := client.New(l.Server, append(options, ourOptions())...)
		if err != nil {
			return pullpass.Secret{}, err
		}
		w := wish{l.Organization, l.Project}
		if l.Device {
			return throughDevice(ctx, t, c, w)
		}
		return throughBrowser(ctx, t, c, w, openBrowser)
	}
	token, err := readSecret(t, l.TokenFile, "Token: ")
	if err == nil && l.Setup {
		return l.setUp(ctx, token, options)
	}
	return token, err
}

func (l *loginCommand) setUp(ctx context.Context, token pullpass.Secret, options []client.Option) (pullpass.Secret, error) {
	c, err := client.New(l.Server, append(options, ourOptions())...)
	if err != nil {
		return pullpass.Secret{}, err
	}
	_, owner, err := c.Setup(ctx, token, cmp.Or(l.Organization, "main"), l.Name)
	return owner, err
}

// connect makes a client from the environment (PULLPASS_SERVER and PULLPASS_TOKEN,
// for CI) or from what login remembered.
func connect() (*client.Client, error) {
	login, err := helper.CurrentLogin()
	if err != nil {
		return nil, orInside(err)
	}
	if login.Job != nil { // it is for the registries of the job; other commands want a token
		return nil, &pullpass.Error{
			Kind: pullpass.Unauthenticated, Code: "not_logged_in", What: "not logged in to " + login.Server,
			Cause: helper.EnvToken + " is not set; a job's own token is for the credential helper",
			Hint:  "printf %s \"$" + helper.EnvIDToken + "\" | pullpass token exchange " + login.Server + " --organization " + login.Job.Organization,
		}
	}
	options := []client.Option{client.WithToken(login.Token), ourOptions()}
	if login.PlainHTTP {
		options = append(options, client.WithPlainHTTP())
	}
	return client.New(login.Server, options...)
}

type whoamiCommand struct{}

func (whoamiCommand) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	self, err := c.Self(ctx)
	if err != nil {
		return err
	}
	return t.show(self, func(w io.Writer) {
		facts(w, "server", c.Base(), "organization", self.Organization.Name+" ("+string(self.Organization.ID)+")",
			"kind", string(self.Kind), "name", self.Name, "role", string(self.Role),
			"project", newNames(ctx, c).project(self.Project))
		_, _ = fmt.Fprintln(w, "may:\n"+wrap(strings.Join(self.Permissions, " "), 78))
	})
}

// all collects a walked list; a list for a person is read whole.
func all[T, W any](seq func(func(T, error) bool), wire func(T) W) ([]W, error) {
	items := []W{}
	for item, err := range seq {
		if err != nil {
			return nil, err
		}
		items = append(items, wire(item))
	}
	return items, nil
}
