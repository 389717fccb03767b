package identity

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
)

// grantType keeps grants apart from every other token that the same keys sign.
const grantType = "pullpass-grant+jwt"

type grantPayload struct {
	Issuer   string         `json:"iss"`
	Audience string         `json:"aud"` // the runner
	Expires  int64          `json:"exp"`
	Issued   int64          `json:"iat"`
	ID       string         `json:"jti"`
	Grant    pullpass.Grant `json:"grant"`
}

// maxGrant bounds what is parsed: a grant of a hundred repositories is far below.
const maxGrant = 64 << 10

// OpenGrant returns what a grant says, if a key of the set signed it for this
// runner of this organization, the issuer is the one known and it has not expired. The key is the set's, by
// kid; what the header brings along counts for nothing.
func OpenGrant(
	text pullpass.Secret,
	keys jose.JSONWebKeySet,
	issuer string,
	org pullpass.OrganizationID,
	runner pullpass.RunnerID,
	now time.Time,
) (pullpass.Grant, error) {
	refuse := func(cause string) (pullpass.Grant, error) {
		return pullpass.Grant{}, &pullpass.Error{
			Kind:  pullpass.Denied,
			Code:  "grant_refused",
			What:  "cannot use the server's grant",
			Cause: cause,
			Hint:  "check that this runner talks to its own server, and this machine's clock",
		}
	}
	if len(text.Reveal()) > maxGrant {
		return refuse("it is too long")
	}
	signed, err := jose.ParseSignedCompact(text.Reveal(), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || len(signed.Signatures) != 1 {
		return refuse("it is not a token signed with ES256")
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != grantType {
		return refuse("it is another kind of token")
	}
	found := keys.Key(header.KeyID)
	if header.KeyID == "" || len(found) != 1 || !fits(ES256, found[0].Key) {
		return pullpass.Grant{}, errGrantKey
	}
	data, err := signed.Verify(found[0].Key)
	if err != nil {
		return refuse("its signature is not the server's")
	}
	var body grantPayload
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return refuse("its claims cannot be read: the server is newer than this runner")
	}
	g := body.Grant
	switch {
	case body.Audience != string(runner) || g.Runner != runner:
		return refuse("it is for another runner")
	case g.Organization != org || body.Issuer != issuer:
		return refuse("it is another organization's")
	case body.Expires-now.Unix() <= 0 || body.Expires-now.Unix() > int64(grantLongest/time.Second):
		return refuse("it has expired, or would live too long")
	case body.Issued > now.Add(grantSkew).Unix():
		return refuse("it was issued in the future")
	}
	return g, nil
}

const (
	grantSkew    = time.Minute
	grantLongest = 10 * time.Minute
)

// CodeGrantKey says that the set does not have the key: it may be older.
const CodeGrantKey = "grant_key_unknown"

var errGrantKey = &pullpass.Error{Kind: pullpass.Denied, Code: CodeGrantKey, What: "cannot use the server's grant",
	Cause: "the key that signed it is not among the organization's", Hint: "check that this runner talks to its own server"}
