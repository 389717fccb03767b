package sandbox

import (
	"crypto/subtle"
	"encoding/base64"
)

// newSessionToken looks like STS's own. It means nothing by itself: the
// session is found by its access key id.
func newSessionToken() string {
	return "IQoJb3JpZ2luX2Vj" + base64.StdEncoding.EncodeToString(randomBytes(192))
}

// carries reports whether the session token of a request belongs to the key: a
// session's keys are nothing without it, and a user's take none.
func (c *credential) carries(token string) bool {
	if c.session == nil {
		return token == ""
	}
	return subtle.ConstantTimeCompare([]byte(token), []byte(c.session.token.Reveal())) == 1
}
