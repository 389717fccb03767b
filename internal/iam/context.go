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
