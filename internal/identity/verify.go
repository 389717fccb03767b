package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/pullpass/pullpass"
)

// Verifier checks tokens of trusted issuers.
type Verifier struct {
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	issuers map[string]*remoteKeys
	failed  map[string]failure
}

// failure is why an issuer could not be asked a moment ago: a flood of tokens must
// not become a flood towards it.
type failure struct {
	at  time.Time
	err error
}

// NewVerifier returns a verifier that fetches discovery documents and key sets
// with client: the egress client, because an organization names the issuers.
func NewVerifier(client *http.Client, now func() time.Time) *Verifier {
	if now == nil {
		now = time.Now
	}
	return &Verifier{client: client, now: now, issuers: map[string]*remoteKeys{}, failed: map[string]failure{}}
}

// Match is how one Trust took to a token.
type Match struct {
	Trust   Trust
	Results []ClaimResult
	OK      bool
	Subject string // of the token, and its jti: for the audit record
	TokenID string
	Expires time.Time // of the token: what it buys lives no longer

	// Unique is a hash that is the same whenever the token comes again.
	Unique string
}

// Verify checks a token against an organization's trusts and returns the first
// that accepts it. The other matches say why not, claim by claim.
func (v *Verifier) Verify(ctx context.Context, raw string, trusts []Trust) (Match, []Match, error) {
	token, err := inspect(strings.TrimSpace(raw), v.now())
	if err != nil {
		return Match{}, nil, err
	}
	candidates := slices.DeleteFunc(slices.Clone(trusts), func(t Trust) bool { return t.Issuer != token.issuer })
	if len(candidates) == 0 {
		return Match{}, nil, &pullpass.Error{
			Kind: pullpass.Unauthenticated, Code: "issuer_unknown", What: "the token is not accepted",
			Cause: "the organization does not trust its issuer", Hint: "issuers are compared byte for byte, a trailing slash included; see those that are trusted: pullpass trust list",
		}
	}
	if err := v.verifySignature(ctx, strings.TrimSpace(raw), token.issuer); err != nil {
		return Match{}, nil, err
	}
	var tried []Match
	for _, t := range candidates {
		m := t.match(token.claims)
		if m.OK {
			m.Unique = unique(strings.TrimSpace(raw), token.issuer, m.TokenID)
			return m, tried, nil
		}
		tried = append(tried, m)
	}
	return Match{}, tried, &pullpass.Error{
		Kind: pullpass.Denied, Code: "trust_mismatch", What: "the token is not accepted",
		Cause: "its signature is good, but its claims meet no trust of the organization", Hint: "see them side by side: pullpass trust test --token -",
	}
}

// verifySignature uses go-oidc for discovery and issuer, and our key set for
// the key. Audience and expiry are checked with the claims.
func (v *Verifier) verifySignature(ctx context.Context, raw, issuer string) error {
	keys, err := v.keysOf(ctx, issuer)
	if err != nil {
		return err
	}
	tracked := &trackedKeys{keys: keys}
	_, err = oidc.NewVerifier(issuer, tracked, &oidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, Now: v.now,
		SupportedSigningAlgs: []string{
			oidc.RS256,
			oidc.RS384,
			oidc.RS512,
			oidc.PS256,
			oidc.PS384,
			oidc.PS512,
			oidc.ES256,
			oidc.ES384,
			oidc.ES512,
			oidc.EdDSA,
		},
	}).Verify(ctx, raw)
	switch {
	case tracked.err != nil:
		return tracked.err
	case err != nil:
		return &pullpass.Error{
			Kind:  pullpass.Unauthenticated,
			Code:  "token_signature",
			What:  "the token is not accepted",
			Cause: "it cannot be verified with its issuer's keys",
		}
	}
	return nil
}

// trackedKeys remembers why a key was not found: go-oidc keeps only the text of
// the error, and "the issuer does not answer" is not "the token is bad".
type trackedKeys struct {
	keys *remoteKeys
	err  error
}

func (t *trackedKeys) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	var payload []byte
	payload, t.err = t.keys.VerifySignature(ctx, raw)
	return payload, t.err
}

func (v *Verifier) keysOf(ctx context.Context, issuer string) (*remoteKeys, error) {
	v.mu.Lock()
	keys, failed := v.issuers[issuer], v.failed[issuer]
	v.mu.Unlock()
	switch {
	case keys != nil:
		return keys, nil
	case failed.err != nil && v.now().Sub(failed.at) < keySetPause:
		return nil, failed.err
	}
	keys, err := v.discover(ctx, issuer)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.failed[issuer] = failure{v.now(), err}
		return nil, err
	}
	if first := v.issuers[issuer]; first != nil {
		return first, nil
	}
	v.issuers[issuer] = keys
	delete(v.failed, issuer)
	return keys, nil
}

func (v *Verifier) discover(ctx context.Context, issuer string) (*remoteKeys, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, v.client), issuer)
	if err != nil {
		return nil, &pullpass.Error{
			Kind: pullpass.Unavailable, Code: "issuer_discovery", What: "cannot read the discovery document of the token's issuer",
			Err: discoveryCause(
				err,
			), Hint: "the server must reach " + issuer + "/.well-known/openid-configuration, and it must name that issuer",
		}
	}
	var document struct {
		KeySet string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil || document.KeySet == "" {
		return nil, &pullpass.Error{
			Kind: pullpass.Unavailable,
			Code: "issuer_discovery",
			What: "the discovery document of the token's issuer names no key set",
		}
	}
	return &remoteKeys{uri: document.KeySet, client: v.client, now: v.now}, nil
}

// unique hashes the issuer and its name for the token. Where it has no name, what
// was signed counts, without the signature: of that there can be a second form.
func unique(raw, issuer, id string) string {
	kind := "jti"
	if id == "" {
		kind, id = "token", raw[:strings.LastIndex(raw, ".")]
	}
	sum := sha256.Sum256([]byte(kind + "\x00" + issuer + "\x00" + id))
	return hex.EncodeToString(sum[:])
}

func (m *Match) add(r ClaimResult) {
	m.Results = append(m.Results, r)
	m.OK = m.OK && r.OK
}

// checkAudience wants the token to be for us alone, byte for byte: no prefix, no
// case folding. Whoever else it was made for could bring it here.
func checkAudience(want string, got any) ClaimResult {
	r := ClaimResult{Claim: "aud", Want: []string{want}}
	switch aud := got.(type) {
	case string:
		r.Got, r.OK = aud, aud == want
	case []any:
		var texts []string
		for _, a := range aud {
			text, ok := a.(string)
			if !ok {
				r.Why = "an audience is not text"
				return r
			}
			texts = append(texts, text)
		}
		r.Got, r.OK = strings.Join(texts, " "), len(texts) == 1 && texts[0] == want
		if slices.Contains(texts, want) && len(texts) > 1 {
			r.Why = "the token is for others, too: have the CI system make one for this audience alone"
		}
	}
	if !r.OK && r.Why == "" {
		r.Why = "the token is for somebody else"
	}
	return r
}

// discoveryCause drops the body that go-oidc puts into its errors: it is the
// issuer's text, of any length, and nobody checked it.
func discoveryCause(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	const longest = 200
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return &pullpass.Error{Kind: pullpass.Unavailable, Cause: text}
}
