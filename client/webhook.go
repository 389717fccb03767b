package client

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// SetWebhook sends audit records to an address and returns the secret that signs
// them, which is not shown again.
func (c *Client) SetWebhook(ctx context.Context, w api.NewWebhook) (api.Webhook, pullpass.Secret, error) {
	made, err := do[api.WebhookWithSecret](ctx, c, put(api.PathAuditWebhook, w))
	return made.Webhook, made.Secret.Secret(), err
}

// Webhook says where audit records go.
func (c *Client) Webhook(ctx context.Context) (api.Webhook, error) {
	return do[api.Webhook](ctx, c, get(api.PathAuditWebhook, nil))
}

// DeleteWebhook sends audit records nowhere.
func (c *Client) DeleteWebhook(ctx context.Context) error {
	return c.send(ctx, remove(api.PathAuditWebhook))
}

// TestWebhook has the server make a delivery without records.
func (c *Client) TestWebhook(ctx context.Context) (api.WebhookTest, error) {
	return do[api.WebhookTest](ctx, c, post(api.PathAuditWebhookTest, nil))
}
