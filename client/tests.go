package client

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// testWait is how long the server may take to try a pull.
const testWait = 30 * time.Second

// RegistryTest says what to pull from a registry, and who does.
type RegistryTest struct {
	Repository string // empty: only the login is tried
	Tag        string // latest unless given
	Runner     pullpass.RunnerID
}

// TestRegistrySettings has a pull tried with settings that are not saved, by the
// server or a runner.
func (c *Client) TestRegistrySettings(ctx context.Context, r pullpass.Registry, password pullpass.Secret, t RegistryTest) (api.Diagnosis, error) {
	k := post(api.PathRegistriesTest, api.RegistryTest{Settings: newRegistry(r, password), Repository: t.Repository, Tag: t.Tag, Runner: t.Runner})
	k.wait = testWait
	return do[api.Diagnosis](ctx, c, k)
}

// TestRegistry has a pull tried from a registry that the server has.
func (c *Client) TestRegistry(ctx context.Context, id pullpass.RegistryID, t RegistryTest) (api.Diagnosis, error) {
	k := post(path(api.PathRegistryTest, id), api.SavedRegistryTest(t))
	k.wait = testWait
	return do[api.Diagnosis](ctx, c, k)
}

// TestIntegration finds out who an integration is: the server does, or the runner
// whose own identity it is.
func (c *Client) TestIntegration(ctx context.Context, id pullpass.IntegrationID, runner pullpass.RunnerID) (api.IntegrationTest, error) {
	k := post(path(api.PathIntegrationTest, id), api.IntegrationTrial{Runner: runner})
	k.wait = testWait
	return do[api.IntegrationTest](ctx, c, k)
}

// TestEnvironment lets an environment's runner pull one of its images.
func (c *Client) TestEnvironment(ctx context.Context, id pullpass.EnvironmentID, image string) (api.Diagnosis, error) {
	k := post(path(api.PathEnvironmentTest, id), api.EnvironmentTest{Image: image})
	k.wait = testWait
	return do[api.Diagnosis](ctx, c, k)
}

func newRegistry(r pullpass.Registry, password pullpass.Secret) api.NewRegistry {
	return api.NewRegistry{
		Project: r.Project, Name: r.Name, Host: r.Host, PathPrefix: r.PathPrefix, Auth: r.Auth,
		Username: r.Username, Password: api.NewSecret(password), Integration: r.Integration,
		Runners: r.Runners, Inside: r.Inside,
	}
}
