package client

import (
	"context"
	"iter"
	"net/url"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// CreateRunner takes r's name, kind, role and whether it is hosted, and returns with
// the runner the one-time token with which it joins.
func (c *Client) CreateRunner(ctx context.Context, r pullpass.Runner) (pullpass.Runner, pullpass.Secret, error) {
	w, err := do[api.RunnerWithToken](ctx, c, post(api.PathRunners, api.NewRunner{Name: r.Name, Kind: r.Kind, Hosted: r.Hosted, AWSRole: r.AWSRole, Projects: r.Projects}))
	return runner(w.Runner), w.Token.Secret(), err
}

// Runner gets one runner.
func (c *Client) Runner(ctx context.Context, id pullpass.RunnerID) (pullpass.Runner, error) {
	w, err := do[api.Runner](ctx, c, get(path(api.PathRunner, id), nil))
	return runner(w), err
}

// RunnerByName gets the runner of that name.
func (c *Client) RunnerByName(ctx context.Context, name string) (pullpass.Runner, error) {
	l, err := list(ctx, c, api.PathRunners, byName(name), pullpass.Page{}, runner)
	return only(l, err, "runner", name)
}

// Runners gets one page of the runners.
func (c *Client) Runners(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Runner], error) {
	return list(ctx, c, api.PathRunners, nil, page, runner)
}

// AllRunners walks all runners.
func (c *Client) AllRunners(ctx context.Context) iter.Seq2[pullpass.Runner, error] {
	return all(ctx, c.Runners)
}

// UpdateRunner changes what change names.
func (c *Client) UpdateRunner(ctx context.Context, id pullpass.RunnerID, change pullpass.RunnerChange) (pullpass.Runner, error) {
	w, err := do[api.Runner](ctx, c, patch(path(api.PathRunner, id), api.RunnerChange{Projects: change.Projects}))
	return runner(w), err
}

// Force says whether something goes whose runner has not let go of it.
type Force string

// The forces: the server refuses ForceAbsent while the runner reports.
const (
	ForceNone   Force = ""
	ForceAbsent Force = "absent"
	ForceAlways Force = "always"
)

// DeleteRunner deletes a runner and its tokens; with force its environments, too.
func (c *Client) DeleteRunner(ctx context.Context, id pullpass.RunnerID, force ...Force) error {
	return c.send(ctx, forced(remove(path(api.PathRunner, id)), force))
}

func forced(k call, force []Force) call {
	k.query = url.Values{}
	for _, f := range force {
		set(k.query, "force", string(f))
	}
	return k
}

// RejoinRunner makes a new one-time token for a runner that is there.
func (c *Client) RejoinRunner(ctx context.Context, id pullpass.RunnerID) (pullpass.Runner, pullpass.Secret, error) {
	w, err := do[api.RunnerWithToken](ctx, c, post(path(api.PathRunnerJoinToken, id), nil))
	return runner(w.Runner), w.Token.Secret(), err
}

// ApproveIdentity lets policies name the AWS identity that was confirmed of a
// runner.
func (c *Client) ApproveIdentity(ctx context.Context, id pullpass.RunnerID, identity string) (pullpass.Runner, error) {
	w, err := do[api.Runner](ctx, c, put(path(api.PathRunnerApproval, id), api.AWSApproval{Identity: identity}))
	return runner(w), err
}

// Join trades a one-time join token for the runner's own.
func (c *Client) Join(ctx context.Context, joinToken pullpass.Secret, kind pullpass.RunnerKind, report pullpass.RunnerReport) (pullpass.Runner, pullpass.Secret, error) {
	joined, err := c.JoinAs(ctx, Joining{Token: joinToken, Kind: kind, Report: report})
	return joined.Runner, joined.Token, err
}

// Joining is how a runner joins: with a one-time token, or by its AWS role as the
// runner that is named.
type Joining struct {
	Token        pullpass.Secret
	Organization pullpass.OrganizationID // and Runner, without Token
	Runner       pullpass.RunnerID
	Kind         pullpass.RunnerKind
	Own          pullpass.Secret // what it will work with; empty: the server makes it
	Proof        pullpass.IdentityProof
	Report       pullpass.RunnerReport
}

// Joined is a runner that has joined, and what it is to remember.
type Joined struct {
	Runner       pullpass.Runner
	Token        pullpass.Secret
	Organization pullpass.OrganizationID
	Issuer       string
	Keys         []byte // JWKS
}

// JoinAs joins. It may be repeated with another token only.
func (c *Client) JoinAs(ctx context.Context, j Joining) (Joined, error) {
	body := api.Join{Token: api.NewSecret(j.Token), Organization: j.Organization, Runner: j.Runner, Kind: j.Kind, OwnToken: api.NewSecret(j.Own),
		Version: j.Report.Version, Capabilities: j.Report.Capabilities, AWSIdentity: j.Report.AWSClaim}
	if !j.Proof.Empty() {
		w := wireProof(j.Proof)
		body.Proof = &w
	}
	k := post(api.PathRunnerJoin, body)
	k.anonymous = true
	w, err := do[api.RunnerWithToken](ctx, c, k)
	return Joined{Runner: runner(w.Runner), Token: w.Token.Secret(), Organization: w.Organization, Issuer: w.Issuer, Keys: w.Keys}, err
}

func wireProof(p pullpass.IdentityProof) api.IdentityProof {
	return api.IdentityProof{Challenge: p.Challenge, Host: p.Host, Credential: p.Credential, Date: p.Date, Signature: p.Signature, Token: api.NewSecret(p.Token)}
}

// Challenge asks for what a runner signs into its request to AWS before it joins:
// by its join token, which is not spent, or as the runner that is named.
func (c *Client) Challenge(ctx context.Context, j Joining) (api.Challenge, error) {
	k := post(api.PathRunnerChallenge, api.ChallengeRequest{Token: api.NewSecret(j.Token), Organization: j.Organization, Runner: j.Runner})
	k.anonymous, k.again = true, true
	return do[api.Challenge](ctx, c, k)
}

// OwnChallenge asks for the same as the client's runner.
func (c *Client) OwnChallenge(ctx context.Context) (api.Challenge, error) {
	k := post(api.PathRunnerOwnChallenge, nil)
	k.again = true
	return do[api.Challenge](ctx, c, k)
}

// ProveIdentity lets AWS confirm who the client's runner is to it.
func (c *Client) ProveIdentity(ctx context.Context, p pullpass.IdentityProof) (pullpass.Runner, error) {
	k := put(api.PathRunnerIdentity, wireProof(p))
	k.again = false // a challenge is answered once
	w, err := do[api.Runner](ctx, c, k)
	return runner(w), err
}

// RunnerKeys gets the keys of the runner's issuer, signed by those before them.
func (c *Client) RunnerKeys(ctx context.Context) (api.RunnerKeys, error) {
	return do[api.RunnerKeys](ctx, c, get(api.PathRunnerKeys, nil))
}
