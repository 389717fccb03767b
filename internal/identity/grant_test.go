package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// TestGrants opens what the server signed for this runner, and nothing else that
// can be made of it or with the same keys.
func TestGrants(t *testing.T) {
	org, runner := pullpass.NewOrganizationID(), pullpass.NewRunnerID()
	p := identity.NewProvider("https://pullpass.example", &memoryKeys{}, identity.Options{})
	now := time.Now()
	grant := pullpass.Grant{Organization: org, Runner: runner, Environment: pullpass.NewEnvironmentID(), Host: "222222222222.dkr.ecr.eu-west-1.amazonaws.com",
		Repositories: []string{"team/app"}, Action: pullpass.ActionPull, Chain: []pullpass.RoleHop{{RoleARN: "arn:aws:iam::222222222222:role/pull"}}, Expires: now.Add(5 * time.Minute).UTC().Truncate(time.Second)}
	sign := func(change func(*pullpass.Grant)) pullpass.Secret {
		g := grant
		change(&g)
		text, id, err := p.SignGrant(t.Context(), g)
		if err != nil || id == "" {
			t.Fatalf("SignGrant = %q, %v", id, err)
		}
		return text
	}
	good := sign(func(*pullpass.Grant) {})
	keys, err := p.KeySet(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := identity.OpenGrant(good, keys, p.Issuer(org), org, runner, now); err != nil || !cmp.Equal(got, grant) {
		t.Fatalf("OpenGrant = %+v, %v, want %+v", got, err, grant)
	}

	idToken, err := p.Issue(t.Context(), identity.Request{Organization: org, Subject: "x", Audience: []string{string(runner)}, Algorithm: identity.ES256})
	if err != nil {
		t.Fatal(err)
	}
	other := identity.NewProvider("https://pullpass.example", &memoryKeys{}, identity.Options{})
	foreign, _, err := other.SignGrant(t.Context(), grant)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good.Reveal(), ".")
	encode := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	var header, body map[string]any
	for i, into := range []*map[string]any{&header, &body} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(data, into) != nil {
			t.Fatalf("part %d: %v", i, err)
		}
	}
	with := func(m map[string]any, key string, v any) map[string]any {
		out := map[string]any{}
		for k, old := range m {
			out[k] = old
		}
		out[key] = v
		return out
	}
	mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(options *jose.SignerOptions) string {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: mine}, options.WithType("pullpass-grant+jwt"))
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.Sign(data)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	tampered := with(body, "grant", with(body["grant"].(map[string]any), "Repositories", []string{"*"}))
	for name, text := range map[string]string{
		"an identity token":    idToken.Text.Reveal(),
		"another server's":     foreign.Reveal(),
		"other repositories":   parts[0] + "." + encode(tampered) + "." + parts[2],
		"no algorithm":         encode(with(header, "alg", "none")) + "." + parts[1] + ".",
		"another algorithm":    encode(with(header, "alg", "RS256")) + "." + parts[1] + "." + parts[2],
		"HS256":                encode(with(header, "alg", "HS256")) + "." + parts[1] + "." + parts[2],
		"another typ":          encode(with(header, "typ", "JWT")) + "." + parts[1] + "." + parts[2],
		"a key of its own":     forge((&jose.SignerOptions{EmbedJWK: true})),
		"our kid, its own key": forge((&jose.SignerOptions{}).WithHeader("kid", header["kid"])),
		"a jku":                forge((&jose.SignerOptions{}).WithHeader("kid", "x").WithHeader("jku", "https://evil.example/jwks.json")),
		"no signature":         parts[0] + "." + parts[1] + ".",
		"for another runner":   sign(func(g *pullpass.Grant) { g.Runner = pullpass.NewRunnerID() }).Reveal(),
		"expired":              sign(func(g *pullpass.Grant) { g.Expires = now.Add(-time.Second) }).Reveal(),
		"for a day":            sign(func(g *pullpass.Grant) { g.Expires = now.Add(24 * time.Hour) }).Reveal(),
		"nothing":              "",
		"too long":             strings.Repeat("a", 1<<20),
		"two grants":           good.Reveal() + "." + good.Reveal(),
	} {
		if got, err := identity.OpenGrant(pullpass.NewSecret(text), keys, p.Issuer(org), org, runner, now); !pullpass.IsKind(err, pullpass.Denied) || got.Host != "" {
			t.Errorf("%s: OpenGrant = %+v, %v, want Denied", name, got, err)
		}
	}
	if _, err := identity.OpenGrant(good, keys, p.Issuer(org), pullpass.NewOrganizationID(), runner, now); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("a runner of another organization: %v, want Denied", err)
	}
	if _, err := identity.OpenGrant(good, keys, "https://elsewhere.example/o/"+string(org), org, runner, now); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("another issuer with the same organization: %v, want Denied", err)
	}
	if _, err := identity.OpenGrant(good, keys, p.Issuer(org), org, runner, now.Add(-time.Hour)); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("a grant from the future: %v, want Denied", err)
	}
	if strings.Contains(pullpass.Explain(err), good.Reveal()) {
		t.Error("an error repeats the grant")
	}
}

// TestAGrantIsNoIdentityToken: who trusts the organization's own issuer takes its
// identity tokens and not its grants, though the same keys sign both.
func TestAGrantIsNoIdentityToken(t *testing.T) {
	org, runner := pullpass.NewOrganizationID(), pullpass.NewRunnerID()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	p := identity.NewProvider(server.URL, &memoryKeys{}, identity.Options{})
	base := "/o/" + string(org)
	mux.HandleFunc("GET "+base+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": p.Issuer(org), "jwks_uri": server.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		keys, err := p.KeySet(r.Context(), org)
		if err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(keys)
	})
	v := identity.NewVerifier(server.Client(), nil)
	trusts := []identity.Trust{{Organization: org, Name: "own", Issuer: p.Issuer(org), Audience: string(runner),
		Conditions: []identity.Condition{{Claim: "iss", Values: []string{p.Issuer(org)}}}}}
	token, err := p.Issue(t.Context(), identity.Request{Organization: org, Subject: "x", Audience: []string{string(runner)}, Algorithm: identity.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if m, _, err := v.Verify(t.Context(), token.Text.Reveal(), trusts); err != nil || !m.OK {
		t.Fatalf("an identity token: %+v, %v, want it accepted", m, err)
	}
	grant, _, err := p.SignGrant(t.Context(), pullpass.Grant{Organization: org, Runner: runner, Host: "registry.example", Expires: time.Now().Add(5 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if m, _, err := v.Verify(t.Context(), grant.Reveal(), trusts); m.OK || !pullpass.IsKind(err, pullpass.Unauthenticated) || !strings.Contains(pullpass.Explain(err), "another kind of token") {
		t.Errorf("a grant: %+v, %v, want it refused as another kind of token", m, err)
	}
}
