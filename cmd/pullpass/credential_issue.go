package main

import (
	"context"
	"slices"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/awslogin"
	"github.com/pullpass/pullpass/internal/helper"
)

// issueCommand is what docker-credential-pullpass runs when it has to ask the server.
type issueCommand struct{}

func (issueCommand) Run(ctx context.Context, t *terminal) error {
	return helper.Serve(ctx, issuerFor, t.in, t.raw)
}

// issuing asks the server of the login for credentials.
type issuing struct {
	client *client.Client
	login  helper.Login
}

// issuerFor is AWS where pullpass-aws is not installed, and else the server.
func issuerFor(q helper.Question) (helper.Issuer, error) {
	if q.AWS != nil {
		return awslogin.New(*q.AWS), nil
	}
	return projectIssuer(string(q.Project))
}

// projectIssuer is serverIssuer for a project, by name or id; "" is that of the login.
func projectIssuer(project string) (helper.Issuer, error) {
	login, err := helper.CurrentLogin()
	if err != nil {
		return nil, err
	}
	if project != "" {
		login.Project = pullpass.ProjectID(project)
	}
	if login.Job != nil {
		return &jobIssuing{login: login}, nil
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
		Project: i.login.Project, Host: a.Host, Repository: a.Repository, Action: a.Action, Refused: a.Refused,
	})
	return c.Credential, err
}

// Hosts lists what the login opens, without asking any registry or cloud. A login that
// reaches several projects and names none opens nothing yet: it is shown what there is.
func (i *issuing) Hosts(ctx context.Context) ([]string, error) {
	hosts, err := i.client.CredentialHosts(ctx, i.login.Project)
	if i.login.Project == "" && pullpass.CodeOf(err) == api.CodeProjectMissing {
		hosts, err = i.configured(ctx)
	}
	if err != nil {
		return nil, err
	}
	for n, host := range hosts {
		if host == "docker.io" {
			hosts[n] = "https://index.docker.io/v1/" // the only form in which clients look for it
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// configured lists the hosts of all registries that the login may see.
func (i *issuing) configured(ctx context.Context) ([]string, error) {
	var hosts []string
	for r, err := range i.client.AllRegistries(ctx, pullpass.RegistryFilter{}) {
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, r.Host)
	}
	return hosts, nil
}
