package main

import (
	"context"
	"os"

	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass/internal/parts"
)

func startDocker(ctx context.Context, s *stage, dir string) (string, error) {
	bin := os.Getenv(parts.EnvEngineBin)
	if s.opts.engine == currentEngine {
		var err error
		if bin, err = buildEngine(ctx, os.Stderr); err != nil {
			return "", err
		}
		s.set(parts.EnvEngineBin, bin)
	}
	engine, err := parts.StartEngine(ctx, dir, bin)
	if err != nil {
		return "", err
	}
	s.onTearDown(engine.Stop)
	return engine.Host, nil
}

func startPostgres(ctx context.Context, s *stage, dir string) (string, error) {
	cluster, err := parts.StartCluster(ctx, dir)
	if err != nil {
		return "", err
	}
	s.onTearDown(func(context.Context) { cluster.Stop() })
	return cluster.URL, nil
}

func startRegistry(ctx context.Context, s *stage, dir string) (string, error) {
	registry, err := parts.StartRegistry(ctx, dir)
	if err != nil {
		return "", err
	}
	s.onTearDown(func(context.Context) { registry.Stop() })
	return registry.URL(), nil
}

// usualHost is where an engine answers when nobody says otherwise.
func usualHost() string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return host
	}
	return client.DefaultDockerHost
}
