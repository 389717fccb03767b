package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
)

// readToken takes the claims out of an OIDC token. The token is a secret: what
// cannot be read of it is not repeated.
func readToken(t *terminal, path string) (*iam.Token, error) {
	secret, err := readSecret(t, path, "Token: ")
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.TrimSpace(secret.Reveal()), ".")
	unreadable := misuse("the token cannot be read", "it is three parts of base64url with dots between them")
	if len(parts) != 3 {
		return nil, unreadable
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, unreadable
	}
	var claims map[string]any
	if json.Unmarshal(data, &claims) != nil {
		return nil, unreadable
	}
	issuer, _ := claims["iss"].(string)
	if issuer == "" {
		return nil, misuse("the token names no issuer", "its claim iss is the provider's URL")
	}
	return &iam.Token{Issuer: issuer, Claims: claims}, nil
}
