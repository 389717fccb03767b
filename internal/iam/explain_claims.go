package iam

import (
	"fmt"
	"strings"
)

// claimsOf lays the conditions of a trust policy's web identity statements
// beside the token's claims, one by one.
func claimsOf(trust []*Policy, r *Request, issuer string) []Claim {
	var ev evaluation
	ev.begin(r)
	var claims []Claim
	for _, p := range trust {
		for i := range p.Statements {
			s := &p.Statements[i]
			compiled := compileStatement(s, p.Variables(), 0, i)
			if s.Effect != Allow || s.Principals == nil || !ev.matchesAction(&compiled) {
				continue
			}
			for j, c := range s.Conditions {
				values := ev.lookup(c.Key.Text)
				claim := Claim{
					Statement: i, Key: c.Key.Text, Operator: c.Operator.Canonical(),
					Patterns: texts(c.Values), Values: []string{},
					Matched: compiled.conditions[j].holds(&ev, Allow),
				}
				for k := range values.len() {
					claim.Values = append(claim.Values, values.at(k))
				}
				claim.Note = claimNote(c, values.len() == 0, claim.Matched, issuer)
				claims = append(claims, claim)
			}
		}
	}
	return claims
}

// claimNote is what a reader of the condition would get wrong.
func claimNote(c Condition, absent, matched bool, issuer string) string {
	prefix := ProviderName(issuer) + ":"
	name, ofToken := cutPrefixFold(c.Key.Text, prefix)
	switch {
	case ofToken && !mapped(name):
		return fmt.Sprintf("STS makes no such key of a token; it makes %s%s", prefix, strings.Join(MappedClaims(), ", "+prefix))
	case ofToken && (c.Operator.IfExists || c.Operator.Quantifier == ForAllValues):
		return "it passes a token that has no such claim: use plain StringEquals or StringLike"
	case ofToken && c.Operator.comparison == compareEqual && hasWildcard(c.Values):
		return "StringEquals takes * and ? literally: use StringLike for a pattern"
	case !ofToken && strings.Contains(c.Key.Text, "/") && looksLikeClaim(c.Key.Text):
		return fmt.Sprintf("the key belongs to another issuer: this token's keys begin with %s", prefix)
	case absent && !matched:
		return "the token has no such claim"
	}
	return ""
}

func mapped(name string) bool {
	for _, claim := range MappedClaims() {
		if equalFold(claim, name) {
			return true
		}
	}
	return false
}

func looksLikeClaim(key string) bool {
	i := strings.LastIndexByte(key, ':')
	return i >= 0 && mapped(key[i+1:])
}

func hasWildcard(values []Value) bool {
	for _, v := range values {
		if strings.ContainsAny(v.Text, "*?") {
			return true
		}
	}
	return false
}

// aboutProviders tells when the trust policy names a provider, but not the one
// that STS looks for: the same issuer in another account, or another issuer.
func (s *Step) aboutProviders(trust []*Policy, want string) {
	wanted, _ := ParseARN(want)
	var wrong []string
	for _, p := range trust {
		for i := range p.Statements {
			if p.Statements[i].Principals == nil || p.Statements[i].Effect != Allow {
				continue
			}
			for _, v := range p.Statements[i].Principals.Federated {
				if v.Text == want {
					return
				}
				named, ok := ParseARN(v.Text)
				switch {
				case !ok:
				case named.Resource == wanted.Resource && named.Account != wanted.Account:
					wrong = append(wrong, fmt.Sprintf("the trust policy names the provider of account %s (%s), but STS looks in account %s, which owns the role",
						named.Account, v.Text, wanted.Account))
				case named.Account == wanted.Account && strings.EqualFold(strings.TrimSuffix(named.Resource, "/"), strings.TrimSuffix(wanted.Resource, "/")):
					wrong = append(wrong, fmt.Sprintf("the trust policy names %s, and the issuer's URL differs from it in letter case or a slash", v.Text))
				}
			}
		}
	}
	if len(wrong) > 0 && s.Status == StepDenied {
		s.Cause = append(wrong, s.Cause...)
		s.Fix = append([]string{fmt.Sprintf("name %s as the Federated principal", want)}, s.Fix...)
	}
}
