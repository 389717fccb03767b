package iam

import (
	"fmt"
)

func at(s *statement) string {
	text := ""
	if s.sid != "" {
		text = " " + quote(s.sid)
	}
	if !s.pos.IsZero() {
		text += " at " + s.pos.String()
	}
	return text
}

func identityNote(l *layer, s *statement) string {
	switch {
	case s.principals != nil || s.notPrincipals != nil:
		return "a Principal has no place here, AWS refuses to save it; an Allow with it never applies"
	case !s.hasResource:
		return "without a Resource AWS refuses to save it; an Allow without it never applies"
	}
	return ""
}

func resourceNote(ev *evaluation, s *statement) string {
	switch {
	case s.notPrincipals != nil && s.effect == Allow:
		return "NotPrincipal works only with Deny; this Allow never applies"
	case s.notPrincipals != nil && ev.assumesRole():
		return "a trust policy cannot have NotPrincipal"
	case s.notPrincipals != nil && ev.bounded:
		return "a Deny with NotPrincipal always denies a caller with a permissions boundary, whoever is listed: write it with a condition on aws:PrincipalArn"
	case s.principals == nil && s.notPrincipals == nil:
		return "without a Principal it names nobody; an Allow without it never applies"
	case !s.hasResource && !ev.policyStandsOnResource():
		return "without a Resource AWS refuses to save it; an Allow without it never applies"
	case ev.isTokenRequest() && ev.matchesAction(s):
		return "ecr:GetAuthorizationToken has no resource: a resource policy has no effect on it"
	}
	for _, entry := range s.principals.deadEntries() {
		return fmt.Sprintf("the principal %s is the id of something deleted: it matches nobody", quote(entry))
	}
	for _, entry := range s.principals.partialWildcards() {
		return fmt.Sprintf("the principal %s has a wildcard, which a Principal cannot have: it matches nobody", quote(entry))
	}
	return ""
}
