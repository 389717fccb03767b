package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/issuer"
)

// claimsOf lays the conditions of a trust policy's web identity statements
// beside the token's claims, one by one.
func claimsOf(trust []*Policy, r *Request, url string) []Claim {
	shared, _ := issuer.Shared(url)
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
			named := s.NamesOwner(url)
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
				claim.Note = claimNote(c, claim, url)
				if claim.Note == "" && c.opens(shared) && !named {
					claim.Note = "it does not say whose tokens are meant: " + shared.Name + " signs for everybody, so strangers match it"
				}
				claims = append(claims, claim)
			}
		}
	}
	return claims
}

// claimNote is what a reader of the condition would get wrong.
func claimNote(c Condition, claim Claim, url string) string {
	prefix := ProviderName(url) + ":"
	name, ofToken := cutPrefixFold(c.Key.Text, prefix)
	switch {
	case ofToken && !MappedClaim(url, name):
		return fmt.Sprintf(
			"STS makes no such key of a token; it makes %s%s",
			prefix,
			strings.Join(MappedClaims(url), ", "+prefix),
		)
	case ofToken && (c.Operator.IfExists || c.Operator.Quantifier == ForAllValues):
		return "it passes a token that has no such claim: use plain StringEquals or StringLike"
	case ofToken && c.Operator.comparison == compareEqual && hasWildcard(c.Values):
		return "StringEquals takes * and ? literally: use StringLike for a pattern"
	case !ofToken && strings.Contains(c.Key.Text, "/") && looksLikeClaim(c.Key.Text):
		return fmt.Sprintf("the key belongs to another issuer: this token's keys begin with %s", prefix)
	case len(claim.Values) == 0 && !claim.Matched:
		return "the token has no such claim"
	case ofToken && equalFold(name, "sub") && !claim.Matched:
		return subjectForms(claim)
	}
	return ""
}

// subjectForms tells when the token and the patterns are of GitHub's two forms.
func subjectForms(claim Claim) string {
	if len(claim.Values) != 1 {
		return ""
	}
	switch ids := issuer.HasIDs(claim.Values[0]); {
	case ids && slices.ContainsFunc(claim.Patterns, issuer.NamesWithoutIDs):
		return "the token has the immutable form, " + issuer.ImmutableForm + ", which GitHub writes for repositories created, renamed or " +
			"transferred since " + issuer.ImmutableSince + ", and the pattern has names only: allow both forms"
	case !ids && slices.ContainsFunc(claim.Patterns, issuer.HasIDs):
		return "the pattern has the immutable form, " + issuer.ImmutableForm + ", and the token has names only, as GitHub writes it for " +
			"older repositories: allow both forms"
	}
	return ""
}

// unescaped replaces ${*} and its like by a character that no owner's name has, and
// any other variable by a wildcard: what it stands for is the caller's to choose.
func unescaped(text string) string {
	text = strings.NewReplacer("${*}", "\x00", "${?}", "\x00", "${$}", "$").Replace(text)
	for {
		before, rest, found := strings.Cut(text, "${")
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return text
		}
		text = before + "*" + after
	}
}

// looksLikeClaim knows keys of any issuer: an address, a colon and a claim.
func looksLikeClaim(key string) bool {
	i := strings.LastIndexByte(key, ':')
	return i >= 0 && MappedClaim(key[:i], key[i+1:])
}

func hasWildcard(values []Value) bool {
	for _, v := range values {
		if strings.ContainsAny(v.Text, "*?") {
			return true
		}
	}
	return false
}
