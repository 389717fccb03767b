package identity

import (
	"time"

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

// maxChallenge bounds what is parsed.
const maxChallenge = 2 << 10
