package identity

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/issuer"
)

// Trust is an issuer whose tokens an organization accepts, the claims they must
// have, and what they are good for.
type Trust struct {
	ID           pullpass.TrustID
	Organization pullpass.OrganizationID
	Name         string
	Issuer       string // compared byte for byte with iss
	Audience     string
	Conditions   []Condition
	Project      pullpass.ProjectID // what the exchanged token is limited to
	Action       pullpass.Action
	Life         time.Duration
	Maker        pullpass.Maker
	CreatedAt    time.Time
}

// match lays the audience and each condition beside the claims.
func (t Trust) match(claims map[string]any) Match {
	m := Match{Trust: t, OK: true}
	m.Subject, _ = claims["sub"].(string)
	m.TokenID, _ = claims["jti"].(string)
	m.Expires, _ = seconds(claims["exp"])
	m.add(checkAudience(t.Audience, claims["aud"]))
	for _, c := range t.Conditions {
		m.add(c.check(claims))
	}
	if err := CheckOwner(t); err != nil { // saved by an older version
		m.add(
			ClaimResult{
				Claim: "sub",
				Got:   m.Subject,
				Why:   "the trust does not say whose tokens are meant: add it again with the owner written out",
			},
		)
	}
	return m
}

// Condition is one claim that must hold: Claim = one of Values, or, with Glob,
// like one of them: '*' is any text and '?' any character, a slash included, as in
// AWS's trust policies. Branches have slashes; that no owner is matched by a
// wildcard is CheckOwner's part.
type Condition struct {
	Claim  string   `json:"claim"`
	Glob   bool     `json:"glob,omitempty"`
	Values []string `json:"values"`
}

// ParseCondition reads claim=value, claim=a|b, or claim~pattern.
func ParseCondition(s string) (Condition, error) {
	i := strings.IndexAny(s, "=~")
	if i < 1 || i == len(s)-1 {
		return Condition{}, invalidCondition("want claim=value, claim=a|b or claim~pattern")
	}
	c := Condition{Claim: s[:i], Glob: s[i] == '~', Values: strings.Split(s[i+1:], "|")}
	if slices.Contains(c.Values, "") {
		return Condition{}, invalidCondition("an alternative is empty")
	}
	for _, v := range c.Values {
		if !c.Glob && strings.ContainsAny(v, "*?") {
			return Condition{}, invalidCondition("a wildcard has no meaning after =; write " + c.Claim + "~…")
		}
		if c.Glob && strings.Trim(v, "*?/") == "" {
			return Condition{}, invalidCondition("the pattern accepts everything")
		}
	}
	return c, nil
}

func invalidCondition(cause string) error {
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "trust_condition", What: "cannot use the claim condition", Cause: cause,
		Hint: "project_path=group/app, ref=main|release, sub~repo:acme/app:*",
	}
}

// String is the form that ParseCondition reads.
func (c Condition) String() string {
	operator := "="
	if c.Glob {
		operator = "~"
	}
	return c.Claim + operator + strings.Join(c.Values, "|")
}

// ClaimResult lays one condition beside what the token says.
type ClaimResult struct {
	Claim string   `json:"claim"`
	Want  []string `json:"want"`
	Got   string   `json:"got"`
	OK    bool     `json:"ok"`
	Why   string   `json:"why,omitempty"`
}

// check compares a condition with a token's claims. Only text, booleans and
// numbers can be compared: a list or an object never matches, so that nobody can
// slip a second value past.
func (c Condition) check(claims map[string]any) ClaimResult {
	r := ClaimResult{Claim: c.Claim, Want: c.Values}
	value, present := claims[c.Claim]
	if !present {
		r.Why = "the token has no such claim"
		return r
	}
	text, ok := scalar(value)
	if !ok {
		r.Why = "the claim is a list or an object; only single values are compared"
		return r
	}
	r.Got = text
	for _, want := range c.Values {
		if c.matches(want, text) {
			r.OK = true
			return r
		}
	}
	r.Why = "no value matches"
	return r
}

func (c Condition) matches(want, got string) bool {
	if !c.Glob {
		return want == got
	}
	return like(want, got)
}

// namesOwner reports whether each alternative of the condition names an owner.
func (c Condition) namesOwner(shared issuer.Issuer) bool {
	return !slices.ContainsFunc(c.Values, func(v string) bool { return !shared.NamesOwner(c.Claim, v) })
}

// like compares a text with a pattern in which * is any text and ? any character.
// It goes back to the last * only, so that no pattern makes it slow.
func like(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == text[t] || pattern[p] == '?'):
			p, t = p+1, t+1
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool, float64, int64:
		return fmt.Sprint(v), true
	}
	return "", false
}
