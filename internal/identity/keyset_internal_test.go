package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
)

// TestKeySetTakesPublicSigningKeysOnly: whatever else stands in an issuer's key set is
// no key to us, and a key is good for its own algorithm only.
func TestKeySetTakesPublicSigningKeysOnly(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: rsaKey.Public(), KeyID: "good", Algorithm: "RS256", Use: "sig"},
			{Key: ecKey.Public(), KeyID: "no use"},
			{Key: rsaKey, KeyID: "private", Algorithm: "RS256", Use: "sig"},
			{Key: ecKey, KeyID: "private ec", Use: "sig"},
			{Key: []byte("a secret that everybody can read"), KeyID: "symmetric", Algorithm: "HS256", Use: "sig"},
			{Key: rsaKey.Public(), KeyID: "for encryption", Algorithm: "RSA-OAEP", Use: "enc"},
			{Key: rsaKey.Public(), KeyID: "", Algorithm: "RS256", Use: "sig"},
		}})
	}))
	defer server.Close()
	keys := &remoteKeys{uri: server.URL, client: server.Client(), now: time.Now}
	if err := keys.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(keys.keys)); !slices.Equal(got, []string{"good", "no use"}) {
		t.Errorf("the set has the keys %q", got)
	}
	for alg, want := range map[jose.SignatureAlgorithm]bool{jose.RS256: true, jose.RS512: false, jose.PS256: false} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: rsaKey}, (&jose.SignerOptions{}).WithHeader("kid", "good"))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign([]byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.VerifySignature(t.Context(), text); (err == nil) != want {
			t.Errorf("a true signature by %s with a key for RS256: %v, want accepted %v", alg, err, want)
		}
	}
}

// TestInspectWantsAKeyID: the header says which key, or there is no looking for one.
func TestInspectWantsAKeyID(t *testing.T) {
	for _, header := range []map[string]any{{"alg": "RS256"}, {"alg": "RS256", "kid": ""}, {"alg": "RS256", "kid": 1}} {
		var in inspected
		if err := in.readHeader(header); err == nil || !strings.Contains(err.Error(), "which key signed it") {
			t.Errorf("header %v: %v", header, err)
		}
	}
}

// TestDiscoveryCauseIsShort: what an issuer answers is not passed on.
func TestDiscoveryCauseIsShort(t *testing.T) {
	got := discoveryCause(&pullpass.Error{Cause: "400 Bad Request: " + strings.Repeat("x", 1000) + "\n<html>canary</html>"})
	if text := pullpass.Explain(got); len(text) > 400 || strings.Contains(text, "canary") || !strings.Contains(text, "…") {
		t.Errorf("the cause is %q", text)
	}
	if got := pullpass.Explain(discoveryCause(&pullpass.Error{Cause: "short\nbody"})); strings.Contains(got, "body") {
		t.Errorf("the issuer's body is in %q", got)
	}
}

// TestGrantWithAnUnknownClaim: a claim that this runner does not know may be a limit.
func TestGrantWithAnUnknownClaim(t *testing.T) {
	org, runner, now := pullpass.NewOrganizationID(), pullpass.NewRunnerID(), time.Now()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(grantType).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}}
	for _, unknown := range []string{"", "limit"} {
		known, err := json.Marshal(grantPayload{Issuer: "https://pullpass.example.com/o/" + string(org), Audience: string(runner),
			Issued: now.Unix(), Expires: now.Add(time.Minute).Unix(), Grant: pullpass.Grant{Organization: org, Runner: runner}})
		if err != nil {
			t.Fatal(err)
		}
		body := string(known)
		if unknown != "" {
			body = strings.TrimSuffix(body, "}") + `,"` + unknown + `":"team/app only"}`
		}
		signed, err := signer.Sign([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenGrant(pullpass.NewSecret(text), keys, "https://pullpass.example.com/o/"+string(org), org, runner, now); (err == nil) != (unknown == "") {
			t.Errorf("a grant with the unknown claim %q: %v", unknown, err)
		}
	}
}

// TestSchedule: a key is published before it signs, also after an absence, and stays
// while what it signed, and caches of the key set, live.
func TestSchedule(t *testing.T) {
	day := 24 * time.Hour
	s := Schedule{Use: 30 * day, Lead: day, TokenLife: time.Hour}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	stored := func(sequence int64, from time.Time) *key {
		return &key{StoredKey: StoredKey{Sequence: sequence, ActiveFrom: from}}
	}
	one := newChain([]*key{stored(1, start)})
	for _, c := range []struct {
		after time.Duration
		due   bool
		from  time.Duration
	}{
		{29*day - time.Second, false, 0},
		{29 * day, true, 30 * day},
		{30 * day, true, 31 * day},
		{90 * day, true, 91 * day}, // away for two months: published for a day first
	} {
		from, due := one.next(start.Add(c.after), s)
		if due != c.due || due && !from.Equal(start.Add(c.from)) {
			t.Errorf("after %s: next = %s, %v, want %s, %v", c.after, from, due, start.Add(c.from), c.due)
		}
		if due && from.Before(start.Add(c.after).Add(s.Lead)) {
			t.Errorf("after %s: a key signs before it was published for %s", c.after, s.Lead)
		}
	}
	two := newChain([]*key{stored(2, start.Add(30*day)), stored(1, start)})
	for _, c := range []struct {
		after time.Duration
		keys  int
	}{
		{30 * day, 2},
		{30*day + s.TokenLife, 2},
		{30*day + s.TokenLife + s.Lead, 2},
		{30*day + s.TokenLife + s.Lead + time.Second, 1},
	} {
		if got := two.published(start.Add(c.after), s); len(got) != c.keys || got[len(got)-1].Sequence != 2 {
			t.Errorf("after %s: %d keys are published, want %d", c.after, len(got), c.keys)
		}
	}
	if k := two.signing(start.Add(30*day - time.Second)); k == nil || k.Sequence != 1 {
		t.Error("a key signs before its time")
	}
}
