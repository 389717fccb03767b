package identity_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// ci is a CI system's issuer, served over real HTTP.
type ci struct {
	*httptest.Server
	key     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	fetches atomic.Int64
	broken  atomic.Bool
}

func newCI(t *testing.T) *ci {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &ci{key: key, ec: ec}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": c.URL, "jwks_uri": c.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		c.fetches.Add(1)
		if c.broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: key.Public(), KeyID: "rsa", Algorithm: "RS256", Use: "sig"},
			{Key: ec.Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"},
		}})
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func encode(v any) string {
	data, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(data)
}

// rs256 signs whatever header and claims say.
func (c *ci) rs256(header, claims string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(input))
	sig, _ := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (c *ci) claims(k *clock) map[string]any {
	return map[string]any{
		"iss": c.URL, "aud": "pullpass", "sub": "project_path:acme/app:ref_type:branch:ref:main", "project_path": "acme/app",
		"ref": "main", "iat": k.now().Unix(), "nbf": k.now().Unix(), "exp": k.now().Unix() + 600,
	}
}

func jsonOf(v any) string { data, _ := json.Marshal(v); return string(data) }

const goodHeader = `{"alg":"RS256","kid":"rsa","typ":"JWT"}`

func (c *ci) trusts() []identity.Trust {
	return []identity.Trust{{
		Organization: org, Name: "gitlab", Issuer: c.URL, Audience: "pullpass",
		Conditions: []identity.Condition{{Claim: "project_path", Values: []string{"acme/app"}}, {Claim: "ref", Glob: true, Values: []string{"ma*"}}},
	}}
}

func TestVerifyAccepts(t *testing.T) {
	issuer, k := newCI(t), newClock()
	v := identity.NewVerifier(issuer.Client(), k.now)
	match, _, err := v.Verify(context.Background(), issuer.rs256(goodHeader, jsonOf(issuer.claims(k))), issuer.trusts())
	if err != nil || match.Trust.Name != "gitlab" {
		t.Fatalf("Verify = %+v, %v", match, err)
	}
	claims := issuer.claims(k)
	claims["aud"] = []string{"pullpass"}
	if _, _, err := v.Verify(context.Background(), issuer.rs256(goodHeader, jsonOf(claims)), issuer.trusts()); err != nil {
		t.Errorf("a list of our audience alone: %v", err)
	}
}

func TestVerifyRefusesTheAttackList(t *testing.T) {
	issuer, k := newCI(t), newClock()
	v := identity.NewVerifier(issuer.Client(), k.now)
	with := func(name string, value any) string {
		claims := issuer.claims(k)
		claims[name] = value
		return issuer.rs256(goodHeader, jsonOf(claims))
	}
	header := func(h string) string { return issuer.rs256(h, jsonOf(issuer.claims(k))) }
	good := issuer.rs256(goodHeader, jsonOf(issuer.claims(k)))
	unsigned := func(alg string) string {
		return encode(map[string]string{"alg": alg, "kid": "rsa", "typ": "JWT"}) + "." + encode(issuer.claims(k)) + "."
	}
	jwk := jsonOf(jose.JSONWebKey{Key: issuer.key.Public(), KeyID: "rsa"})
	attacks := map[string]string{
		"none":                 unsigned("none"),
		"None":                 unsigned("None"),
		"NONE":                 unsigned("NONE"),
		"nOnE":                 unsigned("nOnE"),
		"no algorithm":         unsigned(""),
		"HS256, public key":    hs256(issuer, k),
		"header jwk":           header(`{"alg":"RS256","kid":"rsa","typ":"JWT","jwk":` + jwk + `}`),
		"header jku":           header(`{"alg":"RS256","kid":"rsa","typ":"JWT","jku":"` + issuer.URL + `/keys"}`),
		"header x5u":           header(`{"alg":"RS256","kid":"rsa","typ":"JWT","x5u":"https://evil.example/"}`),
		"header x5c":           header(`{"alg":"RS256","kid":"rsa","typ":"JWT","x5c":["AA"]}`),
		"crit":                 header(`{"alg":"RS256","kid":"rsa","typ":"JWT","crit":["exp"]}`),
		"b64":                  header(`{"alg":"RS256","kid":"rsa","typ":"JWT","b64":false}`),
		"zip":                  header(`{"alg":"RS256","kid":"rsa","typ":"JWT","zip":"DEF"}`),
		"kid traversal":        header(`{"alg":"RS256","kid":"../../rsa","typ":"JWT"}`),
		"no kid":               header(`{"alg":"RS256","typ":"JWT"}`),
		"kid of another key":   header(`{"alg":"RS256","kid":"ec","typ":"JWT"}`),
		"kid is a number":      header(`{"alg":"RS256","kid":1,"typ":"JWT"}`),
		"algorithm not pinned": header(`{"alg":"RS512","kid":"rsa","typ":"JWT"}`),
		"typ at+jwt":           header(`{"alg":"RS256","kid":"rsa","typ":"at+jwt"}`),
		"duplicate header":     header(`{"alg":"none","alg":"RS256","kid":"rsa","typ":"JWT"}`),
		"duplicate claim":      issuer.rs256(goodHeader, `{"aud":"x",`+jsonOf(issuer.claims(k))[1:]),
		"duplicate deep claim": issuer.rs256(goodHeader, `{"x":{"a":1,"a":2},`+jsonOf(issuer.claims(k))[1:]),
		"audience prefix":      with("aud", "pullpass.evil"),
		"audience case":        with("aud", "Pullpass"),
		"audience array trick": with("aud", []any{"other", []string{"pullpass"}}),
		"several audiences":    with("aud", []string{"other", "pullpass"}),
		"audience object":      with("aud", map[string]string{"0": "pullpass"}),
		"no audience":          with("aud", nil),
		"issuer slash":         with("iss", issuer.URL+"/"),
		"issuer case":          with("iss", strings.ToUpper(issuer.URL)),
		"issuer list":          with("iss", []string{issuer.URL}),
		"other issuer":         with("iss", "https://evil.example"),
		"expired":              with("exp", k.now().Unix()-3600),
		"huge exp":             with("exp", 1e300),
		"exp in a thousand y":  with("exp", k.now().Unix()+31536000000),
		"exp for two days":     with("exp", k.now().Unix()+172800),
		"negative exp":         with("exp", -1),
		"exp as text":          with("exp", "9999999999"),
		"fractional exp":       with("exp", float64(k.now().Unix())+600.5),
		"no exp":               with("exp", nil),
		"nbf in the future":    with("nbf", k.now().Unix()+3600),
		"iat in the future":    with("iat", k.now().Unix()+3600),
		"claim differs":        with("project_path", "acme/other"),
		"claim is a list":      with("project_path", []string{"acme/app"}),
		"claim missing":        with("project_path", nil),
		"glob is anchored":     with("ref", "xma"),
		"glob in another case": with("ref", "Main"),
		"changed payload":      tamper(good),
		"cut signature":        good[:len(good)-4],
		"empty signature":      good[:strings.LastIndex(good, ".")+1],
		"signature twice":      good + "." + strings.Split(good, ".")[2],
		"JWE":                  "a.b.c.d.e",
		"not base64":           "!!." + strings.SplitN(good, ".", 2)[1],
		"padded base64":        strings.Split(good, ".")[0] + "=." + strings.SplitN(good, ".", 2)[1],
		"empty":                "",
		"one of our own":       pullpass.NewBearer(pullpass.TokenAPI).Reveal(),
		"huge":                 strings.Repeat("a", 1<<20),
		"deep":                 issuer.rs256(goodHeader, strings.Repeat(`{"a":`, 1000)+"1"+strings.Repeat("}", 1000)),
		"trailing JSON":        issuer.rs256(goodHeader, jsonOf(issuer.claims(k))+`{"aud":"pullpass"}`),
		"NUL in the issuer":    with("iss", issuer.URL+"\x00"),
	}
	for name, token := range attacks {
		match, _, err := v.Verify(context.Background(), token, issuer.trusts())
		kind := pullpass.KindOf(err)
		if err == nil || (kind != pullpass.Unauthenticated && kind != pullpass.Denied) {
			t.Errorf("%s: accepted as %+v, %v (%s)", name, match, err, kind)
		}
	}
	if len(attacks) < 50 {
		t.Errorf("%d attacks, want the whole list", len(attacks))
	}
}

func hs256(issuer *ci, k *clock) string {
	der, _ := x509.MarshalPKIXPublicKey(issuer.key.Public())
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	input := encode(map[string]string{"alg": "HS256", "kid": "rsa", "typ": "JWT"}) + "." + encode(issuer.claims(k))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func tamper(token string) string {
	parts := strings.Split(token, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), "acme/app", "acme/apq", 1)))
	return strings.Join(parts, ".")
}

func TestVerifyExplainsClaimByClaim(t *testing.T) {
	issuer, k := newCI(t), newClock()
	v := identity.NewVerifier(issuer.Client(), k.now)
	claims := issuer.claims(k)
	claims["ref"] = "feature"
	_, tried, err := v.Verify(context.Background(), issuer.rs256(goodHeader, jsonOf(claims)), issuer.trusts())
	if !pullpass.IsKind(err, pullpass.Denied) || len(tried) != 1 {
		t.Fatalf("Verify = %v, %v", tried, err)
	}
	want := map[string]bool{"aud": true, "project_path": true, "ref": false}
	for _, r := range tried[0].Results {
		if ok, known := want[r.Claim]; !known || ok != r.OK {
			t.Errorf("claim %s: ok %v (%s), want %v", r.Claim, r.OK, r.Why, ok)
		}
		delete(want, r.Claim)
	}
	if len(want) > 0 {
		t.Errorf("claims not told: %v", want)
	}
}

func TestUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	issuer, k := newCI(t), newClock()
	v := identity.NewVerifier(issuer.Client(), k.now)
	for i := range 100 {
		token := issuer.rs256(fmt.Sprintf(`{"alg":"RS256","kid":"made-up-%d"}`, i), jsonOf(issuer.claims(k)))
		if _, _, err := v.Verify(context.Background(), token, issuer.trusts()); err == nil {
			t.Fatal("a made-up key is accepted")
		}
	}
	if n := issuer.fetches.Load(); n != 1 {
		t.Errorf("100 made-up keys made %d requests to the issuer, want 1", n)
	}
}

func TestIssuerDownIsUnavailableNotDenied(t *testing.T) {
	issuer, k := newCI(t), newClock()
	issuer.broken.Store(true)
	v := identity.NewVerifier(issuer.Client(), k.now)
	_, _, err := v.Verify(context.Background(), issuer.rs256(goodHeader, jsonOf(issuer.claims(k))), issuer.trusts())
	if !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("key set unreachable: %v, want unavailable", err)
	}
}
