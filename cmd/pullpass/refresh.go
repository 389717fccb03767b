package main

import (
	"context"
	"os"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/delivery"
)

type refreshCommand struct {
	hostFlags `embed:""`
	Form      string `enum:"docker,containers" default:"docker" placeholder:"FORM" help:"docker: config.json; containers: auth.json."`
	File      string `placeholder:"PATH" help:"The file, instead of where its clients look for it."`
	Once      bool   `help:"Refresh once and end; exit code 1 if a host got none."`
}

// Help says what it is for.
func (*refreshCommand) Help() string {
	return "For consumers that only read a file. Each login is replaced at half of its life; a host that gets none keeps what it has and is " +
		"tried again. Where a client can run docker-credential-pullpass, nothing needs refreshing. It runs until it is stopped; " +
		"deploy/pullpass-refresh.service runs it with systemd."
}

// refreshed is one host's outcome under --json.
type refreshed struct {
	Host    string    `json:"host"`
	Expires time.Time `json:"expires,omitzero"`
	Next    time.Time `json:"next"`
	Error   string    `json:"error,omitempty"`
}

func (k *refreshCommand) Run(ctx context.Context, t *terminal) error {
	form := delivery.Form(k.Form)
	path := k.File
	var err error
	if path == "" {
		if path, err = form.DefaultPath(os.Getenv, os.Getuid()); err != nil {
			return err
		}
	}
	hosts, err := k.hosts(ctx)
	if err != nil {
		return err
	}
	r := &delivery.Refresher{
		Path: path, Wanted: delivery.Wanted{Form: form, Hosts: hosts, Issuer: hostIssuer{k.hostFlags}},
		Report: func(f delivery.Refreshed) {
			line := refreshed{Host: f.Host, Expires: f.Expires, Next: f.Next}
			switch {
			case f.Err != nil:
				line.Error = f.Err.Error()
				t.say("%s", pullpass.Explain(f.Err))
				t.say("%s is tried again %s.", f.Host, day(f.Next))
			case f.Expires.IsZero():
				t.say("%s: a login without an end in %s", f.Host, path)
			default:
				t.say("%s: a login until %s in %s", f.Host, day(f.Expires), path)
			}
			if t.json {
				_ = t.line(line) // a closed pipe is found out at the end
			}
		},
	}
	if k.Once {
		return r.Once(ctx)
	}
	return r.Run(ctx)
}
