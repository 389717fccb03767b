package client

import (
	"context"
	"iter"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// CreateRunner takes r's name, kind, projects and whether it is hosted, and returns with
// the runner the one-time token with which it joins.
func (c *Client) CreateRunner(ctx context.Context, r pullpass.Runner) (pullpass.Runner, pullpass.Secret, error) {
	w, err := do[api.RunnerWithToken](ctx, c, post(api.PathRunners, api.NewRunner{Name: r.Name, Kind: r.Kind, Hosted: r.Hosted, Projects: r.Projects}))
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

// DeleteRunner deletes a runner and its tokens.
func (c *Client) DeleteRunner(ctx context.Context, id pullpass.RunnerID) error {
	return c.send(ctx, remove(path(api.PathRunner, id)))
}

// Join trades a one-time join token for the runner's own.
func (c *Client) Join(ctx context.Context, joinToken pullpass.Secret, kind pullpass.RunnerKind, report pullpass.RunnerReport) (pullpass.Runner, pullpass.Secret, error) {
	k := post(api.PathRunnerJoin, api.Join{
		Token: api.NewSecret(joinToken), Kind: kind, Version: report.Version,
		Capabilities: report.Capabilities, AWSIdentity: report.AWSIdentity,
	})
	k.anonymous = true
	w, err := do[api.RunnerWithToken](ctx, c, k)
	return runner(w.Runner), w.Token.Secret(), err
}
