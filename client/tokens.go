package client

import (
	"context"
	"iter"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// CreateToken takes t's name, role, project and expiry, and returns with the
// token its text, which is not shown again.
func (c *Client) CreateToken(ctx context.Context, t pullpass.Token) (pullpass.Token, pullpass.Secret, error) {
	w, err := do[api.TokenWithText](ctx, c, post(api.PathTokens, api.NewToken{
		Name: t.Name, Role: t.Role, Project: t.Project, ExpiresAt: t.ExpiresAt,
	}))
	return token(w.Details), w.Token.Secret(), err
}

// Tokens gets one page of the tokens, without their texts.
func (c *Client) Tokens(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Token], error) {
	return list(ctx, c, api.PathTokens, nil, page, token)
}

// AllTokens walks all tokens.
func (c *Client) AllTokens(ctx context.Context) iter.Seq2[pullpass.Token, error] {
	return all(ctx, c.Tokens)
}

// DeleteToken ends a token.
func (c *Client) DeleteToken(ctx context.Context, id pullpass.TokenID) error {
	return c.send(ctx, remove(path(api.PathToken, id)))
}
