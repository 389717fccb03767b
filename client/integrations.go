package client

import (
	"context"
	"iter"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// CreateIntegration adds access to an AWS account. The secret is the secret
// access key of pullpass.ModeAccessKey.
func (c *Client) CreateIntegration(ctx context.Context, i pullpass.Integration, secret pullpass.Secret) (pullpass.Integration, error) {
	w, err := do[api.Integration](ctx, c, post(api.PathIntegrations, api.NewIntegration{
		Name: i.Name, Mode: i.Mode, Account: i.Account, Region: i.Region, AccessKeyID: i.AccessKeyID,
		SecretAccessKey: api.NewSecret(secret), Chain: each(i.Chain, wireHop), Runners: i.Runners, Projects: i.Projects,
	}))
	return integration(w), err
}

// Integration gets one integration.
func (c *Client) Integration(ctx context.Context, id pullpass.IntegrationID) (pullpass.Integration, error) {
	w, err := do[api.Integration](ctx, c, get(path(api.PathIntegration, id), nil))
	return integration(w), err
}

// IntegrationByName gets the integration of that name.
func (c *Client) IntegrationByName(ctx context.Context, name string) (pullpass.Integration, error) {
	l, err := list(ctx, c, api.PathIntegrations, byName(name), pullpass.Page{}, integration)
	return only(l, err, "integration", name)
}

// Integrations gets one page of the integrations.
func (c *Client) Integrations(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Integration], error) {
	return list(ctx, c, api.PathIntegrations, nil, page, integration)
}

// AllIntegrations walks all integrations.
func (c *Client) AllIntegrations(ctx context.Context) iter.Seq2[pullpass.Integration, error] {
	return all(ctx, c.Integrations)
}

// UpdateIntegration changes what change names.
func (c *Client) UpdateIntegration(ctx context.Context, id pullpass.IntegrationID, change pullpass.IntegrationChange) (pullpass.Integration, error) {
	in := api.IntegrationChange{
		Name: change.Name, Account: change.Account, Region: change.Region, AccessKeyID: change.AccessKeyID,
		SecretAccessKey: wireSecret(change.Secret), Runners: change.Runners, Projects: change.Projects,
	}
	if change.Chain != nil {
		chain := each(*change.Chain, wireHop)
		in.Chain = &chain
	}
	w, err := do[api.Integration](ctx, c, patch(path(api.PathIntegration, id), in))
	return integration(w), err
}

// DeleteIntegration deletes an integration that no registry uses.
func (c *Client) DeleteIntegration(ctx context.Context, id pullpass.IntegrationID) error {
	return c.send(ctx, remove(path(api.PathIntegration, id)))
}
