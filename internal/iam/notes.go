package iam

import (
	"fmt"
	"strings"
)

// notes tells what a reader of the policies would overlook: statements that
// AWS would not save, or that cannot have the effect that they seem to have.
func (e *Evaluator) notes(ev *evaluation) []string {
	var notes []string
	each := func(l *layer, what func(*layer, *statement) string) {
		for i := range l.statements {
			s := &l.statements[i]
			if text := what(l, s); text != "" {
				notes = append(notes, fmt.Sprintf("%s %d, statement %d%s: %s", ev.statementKind(l.kind, s).one(), s.policy, s.index, at(s), text))
			}
		}
	}
	each(&e.resource, func(l *layer, s *statement) string { return resourceNote(ev, s) })
	callers := append([]layer{e.identity}, e.boundaries...)
	callers = append(callers, e.serviceControl...)
	if e.session != nil {
		callers = append(callers, *e.session)
	}
	for i := range callers {
		each(&callers[i], identityNote)
	}
	if ev.caller.Linked && len(e.serviceControl)+len(e.resourceControl) > 0 {
		notes = append(notes, "service and resource control policies do not apply to a service-linked role")
	}
	return notes
}

// notes warns of a principal that had to be guessed.
func (m *Missing) notes(ev *evaluation) []string {
	if ev.caller.Kind != RoleSession || ev.caller.Path != "" {
		return nil
	}
	for _, a := range m.Additions {
		if p := a.Statement.Principals; p != nil && !p.Any {
			return []string{fmt.Sprintf("a session's ARN does not show its role's path: if the role %s has one, name its whole ARN instead of %s",
				ev.caller.Name, ev.caller.RoleARN)}
		}
	}
	return nil
}

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

// deadEntries are unique ids: AWS shows them in place of an ARN once the user
// or role is gone, and one of the same name made anew has another id.
func (s *principalSet) deadEntries() (dead []string) {
	if s == nil {
		return nil
	}
	for _, entry := range s.aws {
		if len(entry) >= 16 && (strings.HasPrefix(entry, "AROA") || strings.HasPrefix(entry, "AIDA")) {
			dead = append(dead, entry)
		}
	}
	return dead
}

func (s *principalSet) partialWildcards() (wild []string) {
	if s == nil {
		return nil
	}
	for _, entries := range [...][]string{s.aws, s.service, s.federated} {
		for _, entry := range entries {
			if entry != "*" && strings.ContainsAny(entry, "*?") {
				wild = append(wild, entry)
			}
		}
	}
	return wild
}
