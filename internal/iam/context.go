package iam

// keyValues are the values of one condition key. Derived keys have one value
// that stands in no slice, so that deriving allocates nothing.
type keyValues struct {
	many []string
	one  string
	has  bool
}

func (k *keyValues) len() int {
	if k.has {
		return 1
	}
	return len(k.many)
}

func (k *keyValues) at(i int) string {
	if k.has {
		return k.one
	}
	return k.many[i]
}

// lookup finds a condition key: in the request's context, letter case aside,
// or derived from principal and resource.
func (ev *evaluation) lookup(key string) keyValues {
	if values, found := ev.context(key); found {
		return keyValues{many: values}
	}
	if value, found := ev.derived(key); found {
		return keyValues{one: value, has: true}
	}
	return keyValues{}
}

func (ev *evaluation) context(key string) ([]string, bool) {
	context := ev.request.Context
	if len(context) == 0 || !ev.work.spend(1) {
		return nil, false
	}
	if values, found := context[key]; found {
		return values, true
	}
	// Two spellings of one key: the first in order, so that the answer does
	// not depend on the map's.
	best, found := "", false
	for name := range context {
		// A step through a map takes as long as some comparisons.
		if !ev.work.spend(8) {
			return nil, false
		}
		if equalFold(name, key) && (!found || name < best) {
			best, found = name, true
		}
	}
	if !found {
		return nil, false // not context[""], which a request may well have
	}
	return context[best], true
}

// derived fills in the global keys that AWS computes from the caller and the
// resource.
func (ev *evaluation) derived(key string) (string, bool) {
	const prefix = "aws:"
	if len(key) <= len(prefix) || !equalFold(key[:len(prefix)], prefix) {
		return "", false
	}
	name, p := key[len(prefix):], &ev.caller
	switch {
	case equalFold(name, "PrincipalArn"):
		switch p.Kind {
		case Role, RoleSession:
			return p.RoleARN, true
		case Root, User, FederatedUser:
			return p.ARN, true
		}
	case equalFold(name, "PrincipalAccount"):
		return p.Account, p.inside()
	case equalFold(name, "PrincipalType"):
		return principalType(p.Kind)
	case equalFold(name, "ResourceAccount"):
		return ev.owner, ev.owner != ""
	case equalFold(name, "username"):
		return p.Name, p.Kind == User
	case equalFold(name, "userid"):
		switch p.Kind {
		case Root:
			return p.Account, true
		case Anonymous:
			return "anonymous", true
		}
	case equalFold(name, "PrincipalIsAWSService"):
		if p.Kind == Service {
			return "true", true
		}
		return "false", p.inside()
	case equalFold(name, "PrincipalServiceName"):
		return p.Name, p.Kind == Service
	}
	return "", false
}

func principalType(k PrincipalKind) (string, bool) {
	switch k {
	case Root:
		return "Account", true
	case User:
		return "User", true
	case Role, RoleSession:
		return "AssumedRole", true
	case FederatedUser:
		return "FederatedUser", true
	case Anonymous:
		return "Anonymous", true
	}
	return "", false
}
