package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/go-jose/go-jose/v4"
)

const maxProviderAnswer = 1 << 20

// readKeys reads an issuer's public keys from a file.
func readKeys(name string) (*jose.JSONWebKeySet, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading its keys: %w", err)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(data, &keys); err != nil || len(keys.Keys) == 0 {
		return nil, fmt.Errorf("its keys: %s is not a JSON Web Key Set", name)
	}
	for _, k := range keys.Keys {
		if !k.IsPublic() || !k.Valid() {
			return nil, fmt.Errorf("its keys: %s holds a key that is not a valid public key", name)
		}
	}
	return &keys, nil
}

// providerKeys fetches the keys of an identity provider through its discovery
// document, afresh each time: a rehearsal rotates keys more often than it
// needs speed.
func (b *Sandbox) providerKeys(ctx context.Context, p *oidcProvider) (jose.JSONWebKeySet, *apiError) {
	if p.keys != nil {
		return *p.keys, nil
	}
	var discovery struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	var keys jose.JSONWebKeySet
	err := b.fetchJSON(ctx, p.issuer+"/.well-known/openid-configuration", &discovery)
	if err == nil && discovery.Issuer != p.issuer {
		err = fmt.Errorf("the discovery document is of another issuer")
	}
	if err == nil {
		err = b.fetchJSON(ctx, discovery.JWKSURI, &keys)
	}
	if err != nil {
		b.log.WarnContext(ctx, "cannot fetch an identity provider's keys", "provider", p.arn, "error", err)
		return keys, badRequest(
			"InvalidIdentityToken",
			"Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
		)
	}
	return keys, nil
}

func (b *Sandbox) fetchJSON(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("addressing the provider: %w", err)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return fmt.Errorf("asking the provider: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read only
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the provider answered %s", answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxProviderAnswer)).Decode(into); err != nil {
		return fmt.Errorf("reading the provider's answer: %w", err)
	}
	return nil
}
