package main

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/runner"
)

// resolver joins the runner to the registry client.
type resolver struct {
	registries *oci.Client
	own        *oci.Client // knows the mappings of this runner's operator alone
	mappings   *runner.Mappings
}

func (r resolver) Parse(image string) (runner.Image, error) {
	parsed, err := r.registries.Parse(image)
	if err != nil {
		return runner.Image{}, err
	}
	return runner.Image{Name: parsed.String(), Host: parsed.Host, Repository: parsed.Repository}, nil
}

func (r resolver) Resolve(ctx context.Context, image runner.Image, c pullpass.Credential) (runner.Resolved, error) {
	parsed, err := r.registries.Parse(image.Name)
	if err != nil {
		return runner.Resolved{}, err
	}
	registries := r.registries
	if c.Native {
		registries = r.own
	}
	found, err := registries.Resolve(ctx, parsed, c)
	if err != nil {
		return runner.Resolved{}, r.mappings.Explain(parsed.Host, c.Native, err)
	}
	return runner.Resolved{Digest: found.Digest, Reference: found.Reference, Bytes: found.Bytes, Probe: found.Probe, Auth: runner.RegistryAuth{
		Host: found.Auth.ServerAddress, Username: found.Auth.Username,
		Password: found.Auth.Password, Token: found.Auth.RegistryToken,
	}}, nil
}
