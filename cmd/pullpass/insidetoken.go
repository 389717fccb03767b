package main

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/agent"
)

var _ agent.Tokens = insidePort{}

// IdentityToken asks for the environment that is inside.
func (p insidePort) IdentityToken(ctx context.Context, id pullpass.EnvironmentID, r api.IdentityTokenRequest) (api.IdentityToken, error) {
	return p.c.IdentityToken(ctx, id, r)
}
