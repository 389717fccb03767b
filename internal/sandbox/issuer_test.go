package sandbox_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer is a real OIDC provider on loopback: discovery, keys, tokens.
type issuer struct {
	url  string
	keys map[jose.SignatureAlgorithm]crypto.Signer
	says string // the issuer that the discovery document names, if not url
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	rsaKey := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	i := &issuer{keys: map[jose.SignatureAlgorithm]crypto.Signer{
		jose.RS256: rsaKey, jose.RS384: rsaKey, jose.RS512: rsaKey,
		jose.ES256: must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		jose.ES384: must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		jose.ES512: must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
	}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		named := i.url
		if i.says != "" {
			named = i.says
		}
		answer = map[string]string{"issuer": named, "jwks_uri": i.url + "/keys"}
	case "/keys":
		var set jose.JSONWebKeySet
		for alg, key := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: string(alg), Algorithm: string(alg), Use: "sig"})
		}
		answer = set
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// claims of a token as the platform of the first seed issues it.
func (i *issuer) claims() map[string]any {
	return map[string]any{
		"iss": i.url, "aud": []string{"sts.amazonaws.com"}, "sub": "https://github.com/team/app/tree/main",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
}

func (i *issuer) token(t *testing.T, alg jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	return signToken(t, alg, i.keys[alg], string(alg), claims)
}

func signToken(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	signer := must[jose.Signer](t)(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid)))
	return must[string](t)(jwt.Signed(signer).Claims(claims).Serialize())
}
