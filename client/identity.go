package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/printable"
)

// Identity gets the organization's identity provider.
func (c *Client) Identity(ctx context.Context) (api.Identity, error) {
	return do[api.Identity](ctx, c, get(api.PathIdentity, nil))
}

// SetSubject changes how the subjects of identity tokens read.
func (c *Client) SetSubject(ctx context.Context, template string) (api.Identity, error) {
	return do[api.Identity](ctx, c, patch(api.PathIdentity, api.IdentityChange{Subject: template}))
}

// Proof gets a project's challenge, and whether it has been met.
func (c *Client) Proof(ctx context.Context, id pullpass.ProjectID) (api.Proof, error) {
	return do[api.Proof](ctx, c, get(path(api.PathProjectProof, id), nil))
}

// SetGitLogin gives the server a login for a project's repository; the zero login
// has it forget the one it has.
func (c *Client) SetGitLogin(ctx context.Context, id pullpass.ProjectID, login pullpass.GitLogin) error {
	at := path(api.PathProjectGitLogin, id)
	if login.Password.Empty() {
		return c.send(ctx, remove(at))
	}
	return c.send(ctx, put(at, api.GitLogin{Username: login.Username, Token: api.NewSecret(login.Password)}))
}

// Prove has the server look for the challenge in the project's repository.
func (c *Client) Prove(ctx context.Context, id pullpass.ProjectID) (api.Proof, error) {
	return do[api.Proof](ctx, c, post(path(api.PathProjectProof, id), nil))
}

// IdentityToken gets a token for an environment of the client's runner.
func (c *Client) IdentityToken(ctx context.Context, id pullpass.EnvironmentID, r api.IdentityTokenRequest) (api.IdentityToken, error) {
	k := post(path(api.PathRunnerTokens, id), r)
	k.again = true // it is issued anew each time
	return do[api.IdentityToken](ctx, c, k)
}

// AgentToken gets a token for the environment whose agent socket the client is on.
func (c *Client) AgentToken(ctx context.Context, r api.IdentityTokenRequest) (api.IdentityToken, error) {
	k := post(api.PathAgentTokens, r)
	k.again = true
	return do[api.IdentityToken](ctx, c, k)
}

// CreateTrust trusts an issuer.
func (c *Client) CreateTrust(ctx context.Context, t api.NewTrust) (api.Trust, error) {
	return do[api.Trust](ctx, c, post(api.PathTrusts, t))
}

// Trusts gets one page of the trusts.
func (c *Client) Trusts(ctx context.Context, page pullpass.Page) (pullpass.List[api.Trust], error) {
	return list(ctx, c, api.PathTrusts, nil, page, same[api.Trust])
}

// AllTrusts walks all trusts.
func (c *Client) AllTrusts(ctx context.Context) iter.Seq2[api.Trust, error] {
	return all(ctx, c.Trusts)
}

// TrustByName gets the trust of that name.
func (c *Client) TrustByName(ctx context.Context, name string) (api.Trust, error) {
	l, err := list(ctx, c, api.PathTrusts, byName(name), pullpass.Page{}, same[api.Trust])
	return only(l, err, "trust", name)
}

// TestTrust lays a token beside the trusts.
func (c *Client) TestTrust(ctx context.Context, token pullpass.Secret) (api.TrustTestResult, error) {
	k := post(api.PathTrustTest, api.TrustTest{Token: api.NewSecret(token)})
	k.again = true
	return do[api.TrustTestResult](ctx, c, k)
}

// DeleteTrust stops trusting an issuer.
func (c *Client) DeleteTrust(ctx context.Context, id pullpass.TrustID) error {
	return c.send(ctx, remove(path(api.PathTrust, id)))
}

// Exchange trades a CI job's own token for one of ours. Organization and project are
// ids or names; project and scope may be empty.
func (c *Client) Exchange(ctx context.Context, organization string, token pullpass.Secret, project, scope string) (api.Exchanged, error) {
	form := url.Values{"grant_type": {api.GrantTokenExchange}, "subject_token_type": {api.TokenTypeJWT},
		"subject_token": {token.Reveal()}, "organization": {organization}}
	set(form, "project", project)
	set(form, "scope", scope)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+api.PathExchange, strings.NewReader(form.Encode()))
	if err != nil {
		return api.Exchanged{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot ask " + c.shown, Cause: "the request cannot be written as HTTP"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", c.userAgent)
	resp, err := c.http.Do(req)
	if err != nil {
		return api.Exchanged{}, c.unreachable(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		api.Exchanged
		api.Problem
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		return api.Exchanged{}, c.stranger(resp.StatusCode)
	}
	if resp.StatusCode != http.StatusOK {
		p := answer.Problem
		return api.Exchanged{}, &pullpass.Error{Kind: knownKind(p.Kind, resp.StatusCode), Code: printable.Text(p.Code, 0),
			What: printable.Text(p.Detail, 0), Cause: printable.Text(p.Cause, 0), Hint: printable.Text(p.Hint, 0)}
	}
	return answer.Exchanged, nil
}

// KeySet gets the public keys of an organization, as they are published: JSON.
func (c *Client) KeySet(ctx context.Context, org pullpass.OrganizationID) (json.RawMessage, error) {
	k := get(path(api.PathKeySet, org), nil)
	k.anonymous = true
	return do[json.RawMessage](ctx, c, k)
}
