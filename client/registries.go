package client

import (
	"context"
	"iter"
	"net/url"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// organizationScope, as ?project=, asks for what belongs to no project.
const organizationScope = "organization"

// CreateRegistry adds a registry. The password is for pullpass.AuthBasic; an
// empty Inside leaves the choice to the server.
func (c *Client) CreateRegistry(ctx context.Context, r pullpass.Registry, password pullpass.Secret) (pullpass.Registry, error) {
	w, err := do[api.Registry](ctx, c, post(api.PathRegistries, newRegistry(r, password)))
	return registry(w), err
}

// Registry gets one registry.
func (c *Client) Registry(ctx context.Context, id pullpass.RegistryID) (pullpass.Registry, error) {
	w, err := do[api.Registry](ctx, c, get(path(api.PathRegistry, id), nil))
	return registry(w), err
}

// RegistryByName gets the registry of that name in a project, or, for an empty
// project, in the organization.
func (c *Client) RegistryByName(ctx context.Context, p pullpass.ProjectID, name string) (pullpass.Registry, error) {
	query := inScope(&p)
	query.Set("name", name)
	l, err := list(ctx, c, api.PathRegistries, query, pullpass.Page{}, registry)
	return only(l, err, "registry", name)
}

// Registries gets one page of the registries.
func (c *Client) Registries(ctx context.Context, f pullpass.RegistryFilter, page pullpass.Page) (pullpass.List[pullpass.Registry], error) {
	return list(ctx, c, api.PathRegistries, inScope(f.Project), page, registry)
}

// AllRegistries walks all registries.
func (c *Client) AllRegistries(ctx context.Context, f pullpass.RegistryFilter) iter.Seq2[pullpass.Registry, error] {
	return all(ctx, func(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Registry], error) {
		return c.Registries(ctx, f, page)
	})
}

// UpdateRegistry changes what change names.
func (c *Client) UpdateRegistry(ctx context.Context, id pullpass.RegistryID, change pullpass.RegistryChange) (pullpass.Registry, error) {
	w, err := do[api.Registry](ctx, c, patch(path(api.PathRegistry, id), api.RegistryChange{
		Name: change.Name, Username: change.Username, Password: wireSecret(change.Secret),
		Inside: change.Inside, Runners: change.Runners,
	}))
	return registry(w), err
}

// DeleteRegistry deletes a registry; environments that run keep it until they
// are restarted.
func (c *Client) DeleteRegistry(ctx context.Context, id pullpass.RegistryID) error {
	return c.send(ctx, remove(path(api.PathRegistry, id)))
}

func inScope(p *pullpass.ProjectID) url.Values {
	switch {
	case p == nil:
		return url.Values{}
	case *p == "":
		return url.Values{"project": {organizationScope}}
	}
	return url.Values{"project": {string(*p)}}
}
