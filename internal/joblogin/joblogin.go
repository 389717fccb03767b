// Package joblogin logs a CI job in to a Pullpass server with the job's own identity.
//
// The one idea: a job has a token of its CI system, and that is enough. Where the system
// hands it over (GitLab's id_tokens) it is taken; where it has to be asked for (GitHub
// Actions) it is, for the server as its audience. The server trades it for a token of
// ours, which is kept until it ends, because it takes a job's token only once.
//
//	token, err := joblogin.Token(ctx, login, helper.UserCache(), client)
package joblogin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/helper"
)

// Exchanger is a server that trades a job's token for one of ours.
type Exchanger interface {
	Exchange(ctx context.Context, organization string, token pullpass.Secret, project, scope string) (api.Exchanged, error)
}

// Token returns the token with which a job speaks to the server of its login.
func Token(ctx context.Context, l helper.Login, cache *helper.Cache, server Exchanger) (pullpass.Secret, error) {
	if l.Job.Organization == "" {
		return pullpass.Secret{}, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "organization_missing", What: "cannot log this job in to " + l.Server,
			Cause: helper.EnvOrganization + " is not set, and a server can have several organizations",
			Hint:  "set " + helper.EnvOrganization + " to the organization's name, as pullpass whoami shows it",
		}
	}
	return cache.JobToken(ctx, l, func(ctx context.Context) (pullpass.Secret, time.Time, error) {
		own := l.Job.IDToken
		if own.Empty() {
			var err error
			if own, err = ask(ctx, l); err != nil {
				return pullpass.Secret{}, time.Time{}, err
			}
		}
		got, err := server.Exchange(ctx, l.Job.Organization, own, string(l.Project), "")
		if err != nil {
			return pullpass.Secret{}, time.Time{}, err
		}
		return got.AccessToken.Secret(), time.Now().Add(time.Duration(got.ExpiresIn) * time.Second), nil
	})
}

const maxToken = 64 << 10

// ask gets the job's token of GitHub Actions:
// https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/about-security-hardening-with-openid-connect
func ask(ctx context.Context, l helper.Login) (pullpass.Secret, error) {
	failed := func(cause string, err error) (pullpass.Secret, error) {
		return pullpass.Secret{}, &pullpass.Error{
			Kind: pullpass.Unavailable, Code: "id_token_missing", What: "cannot get this job's own token", Cause: cause, Err: err,
			Hint: "give the job permissions: {id-token: write}, and run it again",
		}
	}
	u, err := url.Parse(l.Job.RequestURL)
	if err != nil || u.User != nil || (u.Scheme != "https" && !loopback(u)) {
		return failed(helper.EnvRequestURL+" is not an https address", nil)
	}
	query := u.Query()
	query.Set("audience", l.Server)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return failed(helper.EnvRequestURL+" is not an address", nil)
	}
	req.Header.Set("Authorization", "Bearer "+l.Job.RequestToken.Reveal())
	direct := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects") // the token is for this address alone
	}}
	resp, err := direct.Do(req)
	if err != nil {
		return failed("GitHub Actions does not answer", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Value string `json:"value"`
	}
	if resp.StatusCode != http.StatusOK {
		return failed("GitHub Actions answers "+resp.Status, nil)
	}
	if json.NewDecoder(io.LimitReader(resp.Body, maxToken)).Decode(&answer) != nil || answer.Value == "" {
		return failed("GitHub Actions answers without a token", nil)
	}
	return pullpass.NewSecret(answer.Value), nil
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && ip != nil && ip.IsLoopback()
}
