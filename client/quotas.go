package client

import (
	"context"
	"net/url"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Quotas lists the quotas; those per project count what this one has, or without
// one the project that has most.
func (c *Client) Quotas(ctx context.Context, project pullpass.ProjectID) ([]api.Quota, error) {
	query := url.Values{}
	if project != "" {
		query.Set("project", string(project))
	}
	l, err := do[api.List[api.Quota]](ctx, c, get(api.PathQuotas, query))
	return l.Items, err
}

// SetQuota sets the organization's own limit.
func (c *Client) SetQuota(ctx context.Context, q pullpass.Quota, limit int64) error {
	return c.send(ctx, put(path(api.PathQuota, q), api.QuotaLimit{Limit: limit}))
}

// ResetQuota removes the organization's own limit.
func (c *Client) ResetQuota(ctx context.Context, q pullpass.Quota) error {
	return c.send(ctx, remove(path(api.PathQuota, q)))
}
