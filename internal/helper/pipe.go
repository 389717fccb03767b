package helper

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/printable"
)

// Question and reply pass between the helper, which is small because docker starts it
// for each image, and the programs that speak HTTPS: `pullpass` and `pullpass-aws`. A
// reply goes through a pipe from one process to its parent, so the secret is in no
// argument and no file.
type Question struct {
	Verb       string             `json:"verb"` // verbCredential or verbHosts
	Host       string             `json:"host,omitempty"`
	Repository string             `json:"repository,omitempty"`
	Action     string             `json:"action,omitempty"` // pull unless given, as by older helpers
	Refused    string             `json:"refused,omitempty"`
	Project    pullpass.ProjectID `json:"project,omitempty"`
	AWS        *Mint              `json:"aws,omitempty"` // AWS is to be asked, not the server
	Deadline   time.Time          `json:"deadline,omitzero"`
}

const (
	verbCredential = "credential"
	verbHosts      = "hosts"
)

type reply struct {
	Credential *api.Credential `json:"credential,omitempty"`
	Hosts      []string        `json:"hosts,omitempty"`
	Problem    *api.Problem    `json:"problem,omitempty"`
}

// Serve answers the one question on in: what `pullpass credential-issue` does. The
// reply holds the error, so the error that it returns is about in and out only.
func Serve(ctx context.Context, issuer func(Question) (Issuer, error), in io.Reader, out io.Writer) error {
	var q Question
	if json.NewDecoder(io.LimitReader(in, maxInput)).Decode(&q) != nil {
		return &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot read the question",
			Cause: "this verb is for docker-credential-pullpass", Hint: Usage,
		}
	}
	if !q.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, q.Deadline)
		defer cancel()
	}
	return json.NewEncoder(out).Encode(ask(ctx, issuer, q))
}

func ask(ctx context.Context, issuer func(Question) (Issuer, error), q Question) reply {
	i, err := issuer(q)
	if err != nil {
		return reply{Problem: problem(err)}
	}
	if q.Verb == verbHosts {
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
