package signin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"github.com/pullpass/pullpass"
)

// Browser is the secret by which the browser that began a sign-in is known when
// it comes back. Nonce and verifier come from it and are kept nowhere.
type Browser struct{ secret pullpass.Secret }

// NewBrowser makes a secret for one sign-in.
func NewBrowser() Browser { return Browser{pullpass.NewSecret(NewText())} }

// ParseBrowser takes the value of the cookie.
func ParseBrowser(cookie string) (Browser, bool) {
	if len(cookie) != 43 || !unreserved(cookie) {
		return Browser{}, false
	}
	return Browser{pullpass.NewSecret(cookie)}, true
}

// Cookie is the value for the cookie.
func (b Browser) Cookie() pullpass.Secret { return b.secret }

// Hash is what the server keeps of it.
func (b Browser) Hash() Hash { return Hash(b.derive("browser")) }

// Nonce ties the provider's token to this browser.
func (b Browser) Nonce() string { return b.derive("nonce") }

// Verifier is the PKCE verifier for the provider.
func (b Browser) Verifier() string { return b.derive("verifier") }

func (b Browser) derive(purpose string) string {
	mac := hmac.New(sha256.New, []byte(b.secret.Reveal()))
	mac.Write([]byte("pullpass/sign-in/" + purpose + "/v1"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
