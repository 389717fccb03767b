package main

import (
	"context"
	"os"

	"github.com/pullpass/pullpass/e2e/process"
)

// startServer starts a server of its own for a measurement.
func (s *setting) startServer(ctx context.Context, args ...string) (*process.Server, error) {
	dir, err := os.MkdirTemp(s.dir, "server-")
	if err != nil {
		return nil, err
	}
	return process.StartServer(ctx, s.binary, dir, append(args, "--log-level=error")...)
}
