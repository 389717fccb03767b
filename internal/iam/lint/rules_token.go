package lint

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
)

func tokenRules() []Rule {
	kinds := []Kind{Trust}
	return []Rule{
		{
			ID: "token-issuer", Severity: Error, Title: "The token comes from another issuer", Kinds: kinds, Needs: "token",
			Why:   "AWS looks for a provider whose URL equals the token's iss (\"No OpenIDConnect provider found\").",
			Fix:   "Register the token's issuer as a provider in the role's account, and name it here.",
			check: checkTokenIssuer,
		},
		{
			ID: "token-subject", Severity: Error, Title: "The token's subject does not match", Kinds: kinds, Needs: "token",
			Why: "The role refuses this token: \"Not authorized to perform sts:AssumeRoleWithWebIdentity\".",
			Fix: "Compare the two, character by character, and correct the pattern or the operator.",
			check: func(p *pass) {
				if t := p.facts.Token; t != nil {
					p.tokenClaim("sub", []string{t.Subject})
				}
			},
		},
		{
			ID: "token-audience", Severity: Error, Title: "The token's audience does not match", Kinds: kinds, Needs: "token",
			Why:   "The role refuses this token. An audience that is not a client id of the provider fails before that, with \"Incorrect token audience\".",
			Fix:   "Ask for the token with the audience that stands here, or add the audience here and to the provider's client ids.",
			check: checkTokenAudience,
		},
	}
}

// checkTokenIssuer is silent as soon as one statement names the issuer.
func checkTokenIssuer(p *pass) {
	t := p.facts.Token
	if t == nil || t.Issuer == "" {
		return
	}
	issuer := strings.TrimPrefix(t.Issuer, "https://")
	var first *provider
	found := false
	p.eachProvider(func(_ *statement, pr provider) {
		if first == nil {
			first = &pr
		}
		found = found || pr.issuer == issuer
	})
	if first == nil || found {
		return
	}
	right := ""
	if first.arn.Resource != "" {
		arn := first.arn
		arn.Resource = "oidc-provider/" + issuer
		if account := p.facts.account(); account != "" {
			arn.Account = account
		}
		right = quoted(arn.String())
	}
	p.suggest(first.at, "the token's iss is "+quoted(t.Issuer)+", the provider is "+quoted(first.issuer), right)
}

// checkTokenAudience uses azp where the token has it: AWS maps aud to it.
func checkTokenAudience(p *pass) {
	t := p.facts.Token
	switch {
	case t == nil:
	case t.AuthorizedParty != "":
		p.tokenClaim("aud", []string{t.AuthorizedParty})
	case len(t.Audience) > 0:
		p.tokenClaim("aud", t.Audience)
	}
}

// tokenClaim reports conditions on the claim that the token does not meet, in
// statements about the token's issuer, unless another such statement takes it.
func (p *pass) tokenClaim(claim string, values []string) {
	if len(values) == 0 || values[0] == "" {
		return
	}
	var failed []condition
	taken := false
	p.eachProvider(func(s *statement, pr provider) {
		if t := p.facts.Token; t.Issuer != "" && strings.TrimPrefix(t.Issuer, "https://") != pr.issuer {
			return
		}
		met := true
		for _, c := range s.claims(pr.issuer, claim) {
			if !p.meets(c, values) {
				met = false
				failed = append(failed, c)
			}
		}
		taken = taken || met
	})
	if taken {
		return
	}
	for _, c := range failed {
		p.suggest(
			c.key,
			"the token's "+claim+" is "+quotedList(values)+", the condition wants "+c.parsed.Canonical()+" "+c.valueText(),
			quoted(c.key.name)+": "+quoted(values[0]),
		)
	}
}

// meets decides string conditions; what it cannot decide, it lets pass.
func (p *pass) meets(c condition, values []string) bool {
	var match func(pattern, value string) bool
	switch strings.Replace(c.parsed.Name, "Not", "", 1) {
	case "StringEquals":
		match = func(pattern, value string) bool { return p.literal(pattern) == value }
	case "StringEqualsIgnoreCase":
		match = func(pattern, value string) bool { return strings.EqualFold(p.literal(pattern), value) }
	case "StringLike":
		match = p.like
	default:
		return true
	}
	hit := slices.ContainsFunc(values, func(value string) bool {
		return slices.ContainsFunc(c.values, func(v *node) bool { return variable(v.text) != "" || match(v.text, value) })
	})
	return hit != c.parsed.Negated
}

// literal resolves the escapes of a document that has policy variables.
func (p *pass) literal(s string) string {
	if !p.variables() {
		return s
	}
	return strings.NewReplacer("${*}", "*", "${?}", "?", "${$}", "$").Replace(s)
}

// like matches a pattern whose escapes stand for themselves.
func (p *pass) like(pattern, value string) bool {
	if !p.variables() || pattern == withoutEscapes(pattern) {
		return iam.MatchLike(pattern, value)
	}
	// Escaped wildcards become characters that no claim has.
	mask := strings.NewReplacer("${*}", "\x01", "${?}", "\x02", "${$}", "$")
	return iam.MatchLike(mask.Replace(pattern), strings.NewReplacer("*", "\x01", "?", "\x02").Replace(value))
}

func quotedList(values []string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = quoted(v)
	}
	return strings.Join(words, ", ")
}
