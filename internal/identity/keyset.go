package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
)

// How often an issuer's keys are fetched: anew after an hour, and for a key that
// is not known at most every ten seconds, so that a flood of made-up key ids
// does not become a flood towards the issuer.
const (
	keySetLife   = time.Hour
	keySetPause  = 10 * time.Second
	maxKeySet    = 256 << 10
	maxKeysInSet = 100
)

// remoteKeys are the keys of one trusted issuer. It is an oidc.KeySet whose keys
// are chosen by kid alone, with the algorithm pinned to the key's type.
type remoteKeys struct {
	uri    string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	keys    map[string]jose.JSONWebKey
	fetched time.Time
	tried   time.Time
}

// VerifySignature implements oidc.KeySet.
func (r *remoteKeys) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	})
	if err != nil {
		return nil, malformed("it is not a signed JWT")
	}
	header := signed.Signatures[0].Header
	key, err := r.key(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return nil, malformed("its algorithm is not the one of its key")
	}
	payload, err := signed.Verify(key.Key)
	if err != nil {
		return nil, &pullpass.Error{
			Kind:  pullpass.Unauthenticated,
			Code:  "token_signature",
			What:  "the token is not accepted",
			Cause: "its signature does not fit the issuer's key",
		}
	}
	return payload, nil
}

func (r *remoteKeys) key(ctx context.Context, id string) (jose.JSONWebKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	key, known := r.keys[id]
	fresh := now.Sub(r.fetched) < keySetLife
	if known && fresh {
		return key, nil
	}
	if now.Sub(r.tried) >= keySetPause {
		r.tried = now
		if err := r.fetch(ctx); err != nil {
			return jose.JSONWebKey{}, err
		}
		key, known, fresh = r.keys[id], r.has(id), true
	}
	if !known || !fresh {
		return jose.JSONWebKey{}, &pullpass.Error{
			Kind:  pullpass.Unauthenticated,
			Code:  "token_key",
			What:  "the token is not accepted",
			Cause: "the issuer's key set has no such key",
		}
	}
	return key, nil
}

func (r *remoteKeys) has(id string) bool { _, ok := r.keys[id]; return ok }

// fetch replaces the keys. A failure leaves the old ones for their hour.
func (r *remoteKeys) fetch(ctx context.Context) error {
	unavailable := func(err error) error {
		return &pullpass.Error{
			Kind: pullpass.Unavailable,
			Code: "issuer_keys",
			What: "cannot fetch the key set of the token's issuer",
			Err:  err,
			Hint: "the server must reach " + r.uri,
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.uri, nil)
	if err != nil {
		return unavailable(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return unavailable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return unavailable(fmt.Errorf("it answers %s", resp.Status))
	}
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxKeySet)).Decode(&set); err != nil ||
		len(set.Keys) > maxKeysInSet {
		return unavailable(fmt.Errorf("it does not answer with a key set"))
	}
	r.keys = map[string]jose.JSONWebKey{}
	for _, k := range set.Keys {
		if k.KeyID != "" && k.IsPublic() && k.Valid() && (k.Use == "" || k.Use == "sig") {
			r.keys[k.KeyID] = k
		}
	}
	r.fetched = r.now()
	return nil
}
