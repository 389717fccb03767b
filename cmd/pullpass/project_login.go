package main

import (
	"context"

	"github.com/pullpass/pullpass"
)

type projectLogin struct {
	Project   string `arg:"" help:"Name or id."`
	Username  string `default:"x-access-token" placeholder:"NAME" help:"User name that the host wants with a token: x-access-token for GitHub, oauth2 for GitLab, your own elsewhere."`
	TokenFile string `default:"-" placeholder:"FILE" help:"File with the access token; - is standard input."`
}

// Run keeps the token with the server; one that may push also proves whose the
// repository is.
func (p *projectLogin) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findProject(ctx, c, p.Project)
	if err != nil {
		return err
	}
	token, err := readSecret(t, p.TokenFile, "Access token: ")
	if err != nil {
		return err
	}
	if err := c.SetGitLogin(ctx, found.ID, pullpass.GitLogin{Username: p.Username, Password: token}); err != nil {
		return err
	}
	t.say("The server reads %s with this token from now on.", found.Repository)
	t.say("Next: pullpass project prove %s", found.Name)
	return nil
}

type projectLogout struct {
	Project string `arg:"" help:"Name or id."`
}

func (p *projectLogout) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findProject(ctx, c, p.Project)
	if err != nil {
		return err
	}
	if err := c.SetGitLogin(ctx, found.ID, pullpass.GitLogin{}); err != nil {
		return err
	}
	t.say("The token is forgotten; a proof made with it ends when the server looks again, within a day.")
	return nil
}
