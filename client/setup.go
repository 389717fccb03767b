package client

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Setup creates the organization with the server's one-time setup token and
// returns the owner's API token, which is not shown again.
func (c *Client) Setup(ctx context.Context, token pullpass.Secret, organizationName, tokenName string) (pullpass.Organization, pullpass.Secret, error) {
	k := post(api.PathSetup, api.Setup{Token: api.NewSecret(token), Organization: organizationName, Name: tokenName})
	k.anonymous = true
	w, err := do[api.SetupDone](ctx, c, k)
	return organization(w.Organization), w.Token.Secret(), err
}

// Self says who the client's token belongs to.
func (c *Client) Self(ctx context.Context) (api.Self, error) {
	return do[api.Self](ctx, c, get(api.PathSelf, nil))
}

// Ready reports an error while the server cannot serve.
func (c *Client) Ready(ctx context.Context) error {
	k := get(api.PathReady, nil)
	k.anonymous = true
	return c.send(ctx, k)
}

// Downloads lists the binaries that the server gives out.
func (c *Client) Downloads(ctx context.Context) ([]api.Download, error) {
	k := get(api.PathDownloads, nil)
	k.anonymous = true
	l, err := do[api.List[api.Download]](ctx, c, k)
	return l.Items, err
}
