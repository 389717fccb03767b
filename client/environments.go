package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// CreateEnvironment takes e's project, runner, name and services; without a
// runner the server takes the only active one.
func (c *Client) CreateEnvironment(ctx context.Context, e pullpass.Environment) (pullpass.Environment, error) {
	w, err := do[api.Environment](ctx, c, post(api.PathEnvironments, api.NewEnvironment{
		Project: e.Project, Runner: e.Runner, Name: e.Name, Ref: e.Ref, Services: each(e.Services, api.FromService),
	}))
	return environment(w), err
}

// Environment gets one environment.
func (c *Client) Environment(ctx context.Context, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	w, err := do[api.Environment](ctx, c, get(path(api.PathEnvironment, id), nil))
	return environment(w), err
}

// WaitEnvironment returns the environment as soon as its revision is beyond
// after, or as it is when wait (at most 30 s) is over.
func (c *Client) WaitEnvironment(ctx context.Context, id pullpass.EnvironmentID, after int64, wait time.Duration) (pullpass.Environment, error) {
	k := get(path(api.PathEnvironment, id), url.Values{"after": {strconv.FormatInt(after, 10)}})
	w, err := do[api.Environment](ctx, c, k.waiting(wait))
	return environment(w), err
}

// EnvironmentByName gets the environment of that name in a project.
func (c *Client) EnvironmentByName(ctx context.Context, p pullpass.ProjectID, name string) (pullpass.Environment, error) {
	query := byName(name)
	query.Set("project", string(p))
	l, err := list(ctx, c, api.PathEnvironments, query, pullpass.Page{}, environment)
	return only(l, err, "environment", name)
}

// Environments gets one page of the environments.
func (c *Client) Environments(ctx context.Context, f pullpass.EnvironmentFilter, page pullpass.Page) (pullpass.List[pullpass.Environment], error) {
	query := url.Values{}
	set(query, "project", string(f.Project))
	set(query, "runner", string(f.Runner))
	set(query, "phase", string(f.Phase))
	return list(ctx, c, api.PathEnvironments, query, page, environment)
}

// AllEnvironments walks all environments.
func (c *Client) AllEnvironments(ctx context.Context, f pullpass.EnvironmentFilter) iter.Seq2[pullpass.Environment, error] {
	return all(ctx, func(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Environment], error) {
		return c.Environments(ctx, f, page)
	})
}

// StartEnvironment wants a stopped environment running, with the registries in
// force now.
func (c *Client) StartEnvironment(ctx context.Context, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	w, err := do[api.Environment](ctx, c, post(path(api.PathEnvironmentStart, id), nil))
	return environment(w), err
}

// StopEnvironment wants it stopped.
func (c *Client) StopEnvironment(ctx context.Context, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	w, err := do[api.Environment](ctx, c, post(path(api.PathEnvironmentStop, id), nil))
	return environment(w), err
}

// RestartEnvironment starts it anew, with the registries in force now.
func (c *Client) RestartEnvironment(ctx context.Context, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	w, err := do[api.Environment](ctx, c, post(path(api.PathEnvironmentRestart, id), nil))
	return environment(w), err
}

// DeleteEnvironment wants it deleted; its runner does it. With force it is gone at
// once, and what runs is left to whoever has the runner's machine.
func (c *Client) DeleteEnvironment(ctx context.Context, id pullpass.EnvironmentID, force ...Force) error {
	return c.send(ctx, forced(remove(path(api.PathEnvironment, id)), force))
}

// Output gets the end of what a service has printed; an empty service means the
// only one.
func (c *Client) Output(ctx context.Context, id pullpass.EnvironmentID, service string) (api.Output, error) {
	query := url.Values{}
	set(query, "service", service)
	return do[api.Output](ctx, c, get(path(api.PathEnvironmentOutput, id), query))
}

// waiting makes a long poll of a call.
func (k call) waiting(wait time.Duration) call {
	wait = min(wait, api.MaxWait*time.Second)
	if wait > 0 {
		if k.query == nil {
			k.query = url.Values{}
		}
		k.query.Set("wait", wait.String())
		k.wait = wait
	}
	return k
}

func set(query url.Values, key, value string) {
	if value != "" {
		query.Set(key, value)
	}
}
