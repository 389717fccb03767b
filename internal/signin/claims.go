package signin

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

// claims are what a provider says of a person.
type claims struct {
	issuer, subject string
	all             map[string]json.RawMessage

	Email           string `json:"email"`
	EmailVerified   truth  `json:"email_verified"`
	Name            string `json:"name"`
	Username        string `json:"preferred_username"`
	AuthorizedParty string `json:"azp"`
}

// truth is a boolean; some providers write it as text.
type truth bool

// UnmarshalJSON takes true and "true"; everything else is false.
func (t *truth) UnmarshalJSON(b []byte) error {
	*t = truth(bytes.Equal(b, []byte("true")) || bytes.Equal(b, []byte(`"true"`)))
	return nil
}

// read takes claims from a token or from an answer, which come through decode.
func (c *claims) read(decode func(any) error) error {
	more := map[string]json.RawMessage{}
	if decode(c) != nil || decode(&more) != nil {
		return Refusal("token_refused")
	}
	if c.all == nil {
		c.all = more
		return nil
	}
	for name, value := range more {
		if _, ok := c.all[name]; !ok { // the signed token has the first word
			c.all[name] = value
		}
	}
	return nil
}

// has reports whether the claim name=value is there, alone or in a list.
func (c *claims) has(wanted string) bool {
	name, value, _ := strings.Cut(wanted, "=")
	raw, ok := c.all[name]
	if !ok {
		return false
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one == value
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return slices.Contains(many, value)
	}
	return string(raw) == value // true, 7
}

// name is for people: what the provider calls them, within bounds.
func (c *claims) name() string {
	for _, name := range []string{c.Name, c.Username, c.Email} {
		if readable(name) {
			return name
		}
	}
	return c.subject
}

func readable(s string) bool {
	const longest = 127
	return s != "" && len(s) <= longest && printable.Only(s)
}

var _ json.Unmarshaler = (*truth)(nil)

// causes are the refusals, by code: what is kept of a failed sign-in for the
// command line that waits for it.
var causes = map[string]string{
	"issuer_mismatch":      "the answer comes from another OpenID provider",
	"code_refused":         "the OpenID provider does not take the code that the browser brought",
	"token_missing":        "the OpenID provider gave no identity token",
	"token_refused":        "the OpenID provider's token does not verify",
	"nonce_mismatch":       "the token was made for another sign-in",
	"subject_mismatch":     "the OpenID provider tells of two different people",
	"email_missing":        "the OpenID provider gives no usable e-mail address",
	"email_unverified":     "the OpenID provider has not verified the e-mail address",
	"domain_refused":       "this server does not take e-mail addresses of that domain",
	"claim_missing":        "the token lacks the claim that this server demands",
	"not_a_member":         "nobody has made this address a member of an organization here",
	"member_ambiguous":     "this person is a member of several organizations or projects",
	"provider_refused":     "the person or the OpenID provider gave up",
	"provider_unavailable": "the OpenID provider does not answer as one",
}

// Refusal is the refusal with this code, in words.
func Refusal(code string) error {
	e := &pullpass.Error{
		Kind:  pullpass.Denied,
		Code:  "sign_in_refused",
		What:  "cannot sign in",
		Cause: "the server refused",
	}
	if cause, ok := causes[code]; ok {
		e.Code, e.Cause = code, cause
	}
	switch e.Code {
	case "not_a_member":
		e.Hint = "an owner invites: pullpass member add EMAIL --role developer"
	case "member_ambiguous":
		e.Hint = "say which: pullpass login SERVER --browser --organization NAME --project NAME"
	}
	return e
}
