package main

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/helper"
	"github.com/pullpass/pullpass/internal/joblogin"
)

// jobIssuing is issuing for a CI job, which logs in once it asks for something.
type jobIssuing struct{ login helper.Login }

func (j *jobIssuing) Identity() string { return j.login.Server }

func (j *jobIssuing) Credential(ctx context.Context, a helper.Ask) (pullpass.Credential, error) {
	i, err := j.issuing(ctx)
	if err != nil {
		return pullpass.Credential{}, err
	}
	return i.Credential(ctx, a)
}

func (j *jobIssuing) Hosts(ctx context.Context) ([]string, error) {
	i, err := j.issuing(ctx)
	if err != nil {
		return nil, err
	}
	return i.Hosts(ctx)
}

func (j *jobIssuing) issuing(ctx context.Context) (*issuing, error) {
	c, err := newClient(j.login.Server)
	if err != nil {
		return nil, err
	}
	token, err := joblogin.Token(ctx, j.login, helper.UserCache(), c)
	if err != nil {
		return nil, err
	}
	if c, err = client.New(j.login.Server, client.WithToken(token), ourOptions()); err != nil {
		return nil, err
	}
	return &issuing{client: c, login: j.login}, nil
}
