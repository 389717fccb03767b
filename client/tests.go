package client

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// testWait is how long the server may take to try a pull.
const testWait = 30 * time.Second

// TestRegistrySettings makes the server try a pull with settings that are not
// saved.
func (c *Client) TestRegistrySettings(ctx context.Context, r pullpass.Registry, password pullpass.Secret, repository, tag string) (api.Diagnosis, error) {
	k := post(api.PathRegistriesTest, api.RegistryTest{Settings: newRegistry(r, password), Repository: repository, Tag: tag})
	k.wait = testWait
	return do[api.Diagnosis](ctx, c, k)
}

// TestRegistry makes the server try a pull from a registry that it has.
func (c *Client) TestRegistry(ctx context.Context, id pullpass.RegistryID, repository, tag string) (api.Diagnosis, error) {
	k := post(path(api.PathRegistryTest, id), api.SavedRegistryTest{Repository: repository, Tag: tag})
	k.wait = testWait
	return do[api.Diagnosis](ctx, c, k)
}

// TestIntegration makes the server find out who an integration is.
func (c *Client) TestIntegration(ctx context.Context, id pullpass.IntegrationID) (api.IntegrationTest, error) {
	k := post(path(api.PathIntegrationTest, id), nil)
	k.wait = testWait
	return do[api.IntegrationTest](ctx, c, k)
}

func newRegistry(r pullpass.Registry, password pullpass.Secret) api.NewRegistry {
	return api.NewRegistry{
		Project: r.Project, Name: r.Name, Host: r.Host, PathPrefix: r.PathPrefix, Auth: r.Auth,
		Username: r.Username, Password: api.NewSecret(password), Integration: r.Integration,
		Runners: r.Runners, Inside: r.Inside,
	}
}
