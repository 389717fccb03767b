package iam

import (
	"strings"
)

// grant says how strongly a resource policy names the caller, and with it
// which other layers still have to agree inside one account.
type grant uint8

func (g grant) words(ev *evaluation) string {
	if !ev.caller.inside() {
		return "the caller"
	}
	switch g {
	case delegatedGrant:
		return "the account, which leaves the decision to its identity policies"
	case limitedGrant:
		if ev.caller.Kind == FederatedUser {
			return "the user behind it, which boundary and session policy still limit"
		}
		return "the role, which boundary and session policy still limit"
	}
	return "the caller itself or everyone"
}

const (
	noGrant        grant = iota
	delegatedGrant       // the account: its identity policies decide
	limitedGrant         // the role or user behind the session: boundary and session policy still bind
	directGrant          // the user, the session, everyone: nothing else binds
)

// principalSet is a compiled Principal or NotPrincipal. Entries are compared
// as they are: a Principal has no wildcards but "*".
type principalSet struct {
	any                            bool
	aws, service, federated, canon []string
}

func compilePrincipals(p *Principals) *principalSet {
	if p == nil {
		return nil
	}
	return &principalSet{
		any: p.Everyone(), aws: texts(p.AWS), service: texts(p.Service),
		federated: texts(p.Federated), canon: texts(p.CanonicalUser),
	}
}

func texts(values []Value) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.Text
	}
	return out
}

// names returns how the set names the caller.
func (s *principalSet) names(p *Principal) grant {
	if s.any {
		return directGrant
	}
	switch p.Kind {
	case Anonymous:
		return noGrant
	case Service:
		return listed(s.service, p.Name)
	case Federated:
		return max(listed(s.federated, p.ARN), listed(s.federated, "*"))
	case CanonicalUser:
		return listed(s.canon, p.Name)
	}
	best := noGrant
	for _, entry := range s.aws {
		best = max(best, p.namedBy(entry))
	}
	return best
}

func listed(entries []string, name string) grant {
	for _, e := range entries {
		if e == name {
			return directGrant
		}
	}
	return noGrant
}

// exempts reports whether a NotPrincipal spares the caller. The caller itself
// has to be listed. Its account alone is enough only where it stands without
// entries for single identities of the account: AWS wants the account listed
// beside each of these, and then means only them.
func (s *principalSet) exempts(p *Principal) bool {
	switch g := s.names(p); {
	case g == noGrant:
		return false
	case g != delegatedGrant:
		return true
	}
	for _, entry := range s.aws {
		if arnAccount(entry) == p.Account && entry != p.RootARN {
			return false
		}
	}
	return true
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
