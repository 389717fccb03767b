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

type tokenList struct{ wideFlag }

func (l *tokenList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	list, err := all(c.AllTokens(ctx), api.FromToken)
	if err != nil {
		return err
	}
	names := newNames(ctx, c)
	var rows [][]string
	for _, k := range list {
		rows = append(rows, l.row([]string{k.Name, string(k.Kind), string(k.Role), names.project(k.Project), day(k.ExpiresAt)},
			day(k.LastUsedAt), string(k.Parent), string(k.ID)))
	}
	return t.list(list, l.row([]string{"NAME", "KIND", "ROLE", "PROJECT", "EXPIRES"}, "LAST USED", "PARENT", "ID"), rows, "Create one: pullpass token create NAME --role developer")
}

type tokenDelete struct {
	Token string `arg:"" help:"Name or id of the token."`
}

func (k *tokenDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id := pullpass.TokenID(k.Token)
	if !pullpass.ValidID("tok", k.Token) {
		if id, err = onlyNamed(c.AllTokens(ctx), "token", k.Token,
			func(found pullpass.Token) (pullpass.TokenID, string) { return found.ID, found.Name }); err != nil {
			return err
		}
	}
	if err := c.DeleteToken(ctx, id); err != nil {
		return err
	}
	t.say("Ended token %s.", k.Token)
	return shown(t, deletion{Kind: "token", ID: string(id), Name: k.Token, Goes: []string{"the token"}})
}
