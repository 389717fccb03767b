package helper

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/printable"
)

// question and reply pass between the helper, which is small because docker starts
// it for each image, and `pullpass`, which speaks HTTPS. A reply goes through a pipe
// from one process to its parent, so the secret is in no argument and no file.
type question struct {
	Verb       string `json:"verb"` // "credential" or "hosts"
	Host       string `json:"host,omitempty"`
	Repository string `json:"repository,omitempty"`
	Action     string `json:"action,omitempty"` // pull unless given, as by older helpers
	Refused    string `json:"refused,omitempty"`
}

type reply struct {
	Credential *api.Credential `json:"credential,omitempty"`
	Hosts      []string        `json:"hosts,omitempty"`
	Problem    *api.Problem    `json:"problem,omitempty"`
}

// Serve answers the one question on in: what `pullpass credential-issue` does. The
// reply holds the error, so the error that it returns is about in and out only.
func Serve(ctx context.Context, issuer func() (Issuer, error), in io.Reader, out io.Writer) error {
	var q question
	if json.NewDecoder(io.LimitReader(in, maxInput)).Decode(&q) != nil {
		return &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot read the question",
			Cause: "this verb is for docker-credential-pullpass", Hint: Usage,
		}
	}
	return json.NewEncoder(out).Encode(ask(ctx, issuer, q))
}

func ask(ctx context.Context, issuer func() (Issuer, error), q question) reply {
	i, err := issuer()
	if err != nil {
		return reply{Problem: problem(err)}
	}
	if q.Verb == "hosts" {
		hosts, err := i.Hosts(ctx)
		if err != nil {
			return reply{Problem: problem(err)}
		}
		return reply{Hosts: hosts}
	}
	c, err := i.Credential(ctx, Ask{Host: q.Host, Repository: q.Repository, Action: pullpass.Action(q.Action), Refused: q.Refused})
	if err != nil {
		return reply{Problem: problem(err)}
	}
	return reply{Credential: &api.Credential{
		Host: c.Host, Username: c.Username, Secret: api.NewSecret(c.Secret), Expires: c.Expires, Unscoped: c.Unscoped,
	}}
}

// problem writes an error as the API does; refusal reads it.
func problem(err error) *api.Problem {
	p := &api.Problem{Kind: pullpass.KindOf(err), Detail: err.Error(), Hint: pullpass.HintOf(err)}
	var e *pullpass.Error
	if errors.As(err, &e) {
		p.Code, p.Detail, p.Cause = e.Code, e.What, e.Cause
		if p.Cause == "" && e.Err != nil {
			p.Cause = e.Err.Error()
		}
	}
	return p
}

func refusal(p *api.Problem) error {
	return &pullpass.Error{
		Kind: p.Kind, Code: p.Code, What: printable.Line(p.Detail, 0), Cause: printable.Line(p.Cause, 0), Hint: printable.Line(p.Hint, 0),
	}
}

func credentialOf(c *api.Credential) pullpass.Credential {
	return pullpass.Credential{
		Host: c.Host, Username: c.Username, Secret: c.Secret.Secret(), Expires: c.Expires, Unscoped: c.Unscoped,
	}
}
