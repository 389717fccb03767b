package iam

// grant says how strongly a resource policy names the caller, and with it
// which other layers still have to agree inside one account.
type grant uint8

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

// namedBy is the principal table: what one entry of "AWS" means for a caller
// inside an account.
func (p *Principal) namedBy(entry string) grant {
	switch {
	case entry == p.ARN && p.Kind != Role:
		return directGrant
	case entry == p.RoleARN && p.RoleARN != "", entry == p.UserARN && p.UserARN != "":
		return limitedGrant
	case entry == p.RootARN, entry == p.Account:
		if p.Kind == Root {
			return directGrant
		}
		return delegatedGrant
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
