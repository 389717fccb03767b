package client

import (
	"context"
	"iter"
	"net/url"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// keepWait is what the server may take beyond an ordinary answer: it climbs to an
// identity and asks ECR a handful of things.
const keepWait = time.Minute

// CreateRepository asks for a repository. Asked for once more it is the same one.
func (c *Client) CreateRepository(ctx context.Context, in api.NewRepository) (api.Repository, error) {
	k := post(api.PathRepositories, in)
	k.wait = keepWait
	return do[api.Repository](ctx, c, k)
}

// Repository gets one repository, with what its settings come to.
func (c *Client) Repository(ctx context.Context, id pullpass.RepositoryID) (api.Repository, error) {
	return do[api.Repository](ctx, c, get(path(api.PathRepository, id), nil))
}

// Repositories gets one page of the repositories; an empty project means all.
func (c *Client) Repositories(ctx context.Context, f pullpass.RepositoryFilter, page pullpass.Page) (pullpass.List[api.Repository], error) {
	query := url.Values{}
	if f.Project != "" {
		query.Set("project", string(f.Project))
	}
	return list(ctx, c, api.PathRepositories, query, page, same[api.Repository])
}

// AllRepositories walks all repositories.
func (c *Client) AllRepositories(ctx context.Context, f pullpass.RepositoryFilter) iter.Seq2[api.Repository, error] {
	return all(ctx, func(ctx context.Context, page pullpass.Page) (pullpass.List[api.Repository], error) {
		return c.Repositories(ctx, f, page)
	})
}

// ApplyRepository changes what is set and puts everything right.
func (c *Client) ApplyRepository(ctx context.Context, id pullpass.RepositoryID, in api.RepositoryApply) (api.Repository, error) {
	k := patch(path(api.PathRepository, id), in)
	k.wait = keepWait
	return do[api.Repository](ctx, c, k)
}

// DeleteRepository forgets a repository; with images also what ECR has of it.
func (c *Client) DeleteRepository(ctx context.Context, id pullpass.RepositoryID, images bool) error {
	k := remove(path(api.PathRepository, id))
	k.wait = keepWait
	if images {
		k.query = url.Values{"images": {"true"}}
	}
	return c.send(ctx, k)
}

// RepositoryDefaults gets what the organization sets for all repositories.
func (c *Client) RepositoryDefaults(ctx context.Context) (api.RepositorySettings, error) {
	return do[api.RepositorySettings](ctx, c, get(api.PathRepositoryDefaults, nil))
}

// SetRepositoryDefaults replaces them.
func (c *Client) SetRepositoryDefaults(ctx context.Context, s api.RepositorySettings) (api.RepositorySettings, error) {
	return do[api.RepositorySettings](ctx, c, put(api.PathRepositoryDefaults, s))
}
