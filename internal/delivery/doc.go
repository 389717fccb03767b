// Package delivery writes the forms in which consumers take a registry credential:
// docker's config.json, the auth.json of podman and its kin, GitLab's
// DOCKER_AUTH_CONFIG, and Kubernetes' dockerconfigjson.
//
// The one idea: the file belongs to its user. What is there stays there, in its
// order and with keys that nobody here knows; what is at odds with a change is an
// error that names it, and is replaced only when that was asked for. The file is
// replaced in one step.
//
//	changed, err := delivery.Update(path, delivery.Options{}, func(c *delivery.Config) error {
//		return c.UseHelper("ghcr.io", "pullpass", false)
//	})
//
// Which client would then take which entry says the inner room clients.
package delivery
