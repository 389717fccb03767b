package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
)

// challengeType keeps challenges apart from every other token of the same keys.
const challengeType = "pullpass-challenge+jwt"

// challengeLife is how long a runner has to answer: AWS takes what it signs for
// fifteen minutes.
const challengeLife = 5 * time.Minute

type challengePayload struct {
	Issuer  string                  `json:"iss"`
	Org     pullpass.OrganizationID `json:"organization"`
	Runner  pullpass.RunnerID       `json:"runner"`
	Expires int64                   `json:"exp"`
	ID      string                  `json:"jti"`
}

// Challenge makes what a runner has to sign into its request to AWS. Nothing is
// kept: the signature says that it is ours, and whoever accepts an answer remembers
// the id until the challenge expires.
func (p *Provider) Challenge(ctx context.Context, org pullpass.OrganizationID, runner pullpass.RunnerID) (string, error) {
	r, err := p.ring(ctx, org)
	if err != nil {
		return "", err
	}
	now := p.now()
	k := r.chains[ES256].signing(now)
	if k == nil {
		return "", &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot make a challenge", Cause: "the organization has no signing key in force yet"}
	}
	data, err := json.Marshal(challengePayload{Issuer: p.Issuer(org), Org: org, Runner: runner, Expires: now.Add(challengeLife).Unix(), ID: tokenID()})
	if err != nil {
		return "", fmt.Errorf("encoding a challenge: %w", err)
	}
	signed, err := k.challenges.Sign(data)
	if err != nil {
		return "", fmt.Errorf("signing with key %s: %w", k.ID, err)
	}
	return signed.CompactSerialize()
}

// maxChallenge bounds what is parsed.
const maxChallenge = 2 << 10

// OpenChallenge returns the id of a challenge that this provider made for this
// runner and that has not expired.
func (p *Provider) OpenChallenge(ctx context.Context, org pullpass.OrganizationID, runner pullpass.RunnerID, text string) (id string, expires time.Time, err error) {
	refused := &pullpass.Error{Kind: pullpass.Invalid, Code: "challenge_refused", What: "cannot check the runner's AWS identity",
		Cause: "the challenge that it answers is not this server's for this runner, or has expired", Hint: "check the clocks of both machines; the runner asks for a new one by itself"}
	if len(text) > maxChallenge {
		return "", expires, refused
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || len(signed.Signatures) != 1 || signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != challengeType {
		return "", expires, refused
	}
	keys, err := p.KeySet(ctx, org)
	if err != nil {
		return "", expires, err
	}
	kid := signed.Signatures[0].Protected.KeyID
	found := keys.Key(kid)
	if kid == "" || len(found) != 1 || !fits(ES256, found[0].Key) {
		return "", expires, refused
	}
	data, err := signed.Verify(found[0].Key)
	if err != nil {
		return "", expires, refused
	}
	var body challengePayload
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	expires = time.Time{}
	if err := d.Decode(&body); err != nil || body.ID == "" || body.Org != org || body.Runner != runner || body.Issuer != p.Issuer(org) {
		return "", expires, refused
	}
	left := body.Expires - p.now().Unix()
	if left <= 0 || left > int64(challengeLife/time.Second) {
		return "", expires, refused
	}
	return body.ID, time.Unix(body.Expires, 0), nil
}
