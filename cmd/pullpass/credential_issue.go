package main

import (
	"context"
	"slices"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/helper"
)

// issueCommand is what docker-credential-pullpass runs when it has to ask the server.
type issueCommand struct{}

func (issueCommand) Run(ctx context.Context, t *terminal) error {
	return helper.Serve(ctx, serverIssuer, t.in, t.raw)
}

// issuing asks the server of the login for credentials.
type issuing struct {
	client *client.Client
	login  helper.Login
}

func serverIssuer() (helper.Issuer, error) {
	login, err := helper.CurrentLogin()
	if err != nil {
		return nil, err
	}
	c, err := connect()
	if err != nil {
		return nil, err
	}
	return &issuing{client: c, login: login}, nil
}

func (i *issuing) Identity() string { return i.login.Server }

func (i *issuing) Credential(ctx context.Context, a helper.Ask) (pullpass.Credential, error) {
	c, err := i.client.Credential(ctx, api.CredentialRequest{
		Project: i.login.Project, Host: a.Host, Repository: a.Repository, Action: pullpass.ActionPull, Refused: a.Refused,
	})
	return c.Credential, err
}

// Hosts lists what is configured, without asking any registry or cloud.
func (i *issuing) Hosts(ctx context.Context) ([]string, error) {
	var hosts []string
	for r, err := range i.client.AllRegistries(ctx, pullpass.RegistryFilter{}) {
		if err != nil {
			return nil, err
		}
		if r.Project != "" && i.login.Project != "" && r.Project != i.login.Project {
			continue
		}
		if r.Host == "docker.io" {
			r.Host = "https://index.docker.io/v1/" // the only form in which clients look for it
		}
		hosts = append(hosts, r.Host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}
