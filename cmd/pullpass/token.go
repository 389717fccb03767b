package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

type tokenCommand struct {
	Create   tokenCreate   `cmd:"" help:"Create an API token; it is printed once."`
	List     tokenList     `cmd:"" help:"List the tokens, without their texts."`
	Exchange tokenExchange `cmd:"" help:"In a CI job or a cluster: trade its own OIDC token for one of ours."`
	Delete   tokenDelete   `cmd:"" help:"End a token."`
}

type tokenCreate struct {
	Name    string        `arg:"" help:"What it is for."`
	Role    string        `required:"" enum:"owner,admin,developer,auditor" placeholder:"ROLE" help:"One of ${enum}; no more than you are."`
	Project string        `placeholder:"NAME" help:"Only for this project."`
	Expires time.Duration `default:"2160h" placeholder:"DURATION" help:"How long it lives; 0 for ever."`
}

func (k *tokenCreate) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	wanted := pullpass.Token{Name: k.Name, Role: pullpass.Role(k.Role)}
	if k.Expires > 0 {
		wanted.ExpiresAt = time.Now().Add(k.Expires)
	}
	if wanted.Project, err = optionalProject(ctx, c, k.Project); err != nil {
		return err
	}
	made, text, err := c.CreateToken(ctx, wanted)
	if err != nil {
		return err
	}
	t.say("Created token %s. This is the only time it is shown:", made.Name)
	return t.show(api.TokenWithText{Details: api.FromToken(made), Token: api.NewSecret(text)}, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, text.Reveal())
	})
}

type tokenList struct{}

func (tokenList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	list, err := all(c.AllTokens(ctx), api.FromToken)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, k := range list {
		rows = append(rows, []string{string(k.ID), k.Name, string(k.Kind), string(k.Role), string(k.Parent), day(k.ExpiresAt), day(k.LastUsedAt)})
	}
	return t.list(list, []string{"ID", "NAME", "KIND", "ROLE", "PARENT", "EXPIRES", "LAST USED"}, rows, "Create one: pullpass token create NAME --role developer")
}

type tokenDelete struct {
	Token string `arg:"" help:"Id of the token."`
}

func (k *tokenDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	if err := c.DeleteToken(ctx, pullpass.TokenID(k.Token)); err != nil {
		return err
	}
	t.say("Ended token %s.", k.Token)
	return shown(t, deletion{Kind: "token", ID: k.Token, Goes: []string{"the token"}})
}
