package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/agent"
)

type idpCommand struct {
	Token       idpToken       `cmd:"" help:"Inside an environment: print an identity token."`
	Login       idpLogin       `cmd:"" help:"Inside an environment: log in with an identity token."`
	Credentials idpCredentials `cmd:"" hidden:"" help:"What an AWS profile's credential_process runs."`
	Check       idpCheck       `cmd:"" help:"Tell whether AWS could reach the discovery document and the keys; export both."`
	Subject     idpSubject     `cmd:"" help:"Show or change how the subjects of identity tokens read."`
}

type idpToken struct {
	Audience []string `required:"" sep:"none" placeholder:"AUDIENCE" help:"Who will check it, such as sts.amazonaws.com. Can be repeated."`
	ES256    bool     `name:"es256" help:"Sign with ES256 instead of RS256."`
	Decode   bool     `help:"Print what the token says instead of the token."`
}

func (i *idpToken) Run(ctx context.Context, t *terminal) error {
	request := api.IdentityTokenRequest{Audience: i.Audience}
	if i.ES256 {
		request.Algorithm = "ES256"
	}
	token, err := askToken(ctx, request)
	if err != nil {
		return err
	}
	if i.Decode {
		return decodeToken(t, token.Token.Secret())
	}
	return t.show(token, func(w io.Writer) { _, _ = fmt.Fprintln(w, token.Token.Secret().Reveal()) })
}

// askToken asks the agent: the socket is the environment's identity.
func askToken(ctx context.Context, r api.IdentityTokenRequest) (api.IdentityToken, error) {
	if _, err := os.Stat(agentSocket()); err != nil {
		return api.IdentityToken{}, &pullpass.Error{
			Kind: pullpass.Unavailable, What: "cannot get an identity token", Cause: "there is no agent socket at " + agentSocket(),
			Hint: "this works inside an environment, where " + agent.Mount + " is mounted",
		}
	}
	c, err := client.New("unix://"+agentSocket(), ourOptions())
	if err != nil {
		return api.IdentityToken{}, err
	}
	return c.AgentToken(ctx, r)
}

// decodeToken prints the header and the claims of our own token.
func decodeToken(t *terminal, token pullpass.Secret) error {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot decode the token", Cause: "it is not a JWT"}
	}
	var decoded struct {
		Header json.RawMessage `json:"header"`
		Claims json.RawMessage `json:"claims"`
	}
	for i, into := range []*json.RawMessage{&decoded.Header, &decoded.Claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot decode the token", Cause: "it is not a JWT"}
		}
		*into = data
	}
	return t.encode(decoded)
}

type idpSubject struct {
	Template string `arg:"" optional:"" help:"repository, ids, referrer:jetbrains-gateway:EDITOR, or a text such as project:{project_id}:ref:{ref}."`
}

func (s *idpSubject) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	var id api.Identity
	if s.Template == "" {
		id, err = c.Identity(ctx)
	} else if id, err = c.SetSubject(ctx, s.Template); err == nil {
		t.say("Subjects of new tokens read as %s from now on; trust policies have to expect that.", id.Subject)
	}
	if err != nil {
		return err
	}
	return t.show(id, func(w io.Writer) { facts(w, "issuer", id.Issuer, "subject", id.Subject) })
}
