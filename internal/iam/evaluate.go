package iam

import "fmt"

// Evaluate decides a request and says why. For many requests against the same
// policies, compile them once and use Evaluator.Evaluate.
func Evaluate(r Request, p Policies) Decision { return Compile(p).Evaluate(r) }

// why is one sentence about a layer.
func why(ev *evaluation, f *facts, l *Layer) string {
	name := l.Name.Words()
	if l.Level > 0 {
		name = fmt.Sprintf("%s at level %d", name, l.Level)
	}
	switch l.Result {
	case ExplicitDeny:
		return fmt.Sprintf("a statement of the %s denies %s", name, ev.request.Action)
	case Allowed:
		switch {
		case l.Name == ResourceControlPolicy && len(l.Statements) == 0:
			return "nothing denies; RCPFullAWSAccess, always attached, allows"
		case ev.caller.Kind == Root && len(l.Statements) == 0:
			return "the root user of an account needs no policy that allows"
		case l.Name.ofResource():
			return fmt.Sprintf("the %s allows, by naming %s", name, f.grant.words(ev))
		case l.Name == IdentityPolicy:
			return fmt.Sprintf("the %s allow", name)
		}
		return fmt.Sprintf("the %s allows", name)
	}
	sentence := fmt.Sprintf(
		"no statement of the %s allows %s on %s for %s",
		name,
		ev.request.Action,
		ev.request.Resource,
		ev.caller.orAnyone(),
	)
	if !l.Binding {
		switch {
		case l.Name.ofResource():
			sentence += "; inside one account it does not have to"
		case f.grant > delegatedGrant:
			sentence += "; the resource policy grants it by naming " + f.grant.words(ev)
		}
	}
	return sentence
}

var kindWords = map[Kind]string{
	ResourceControlPolicy: "resource control policy",
	ServiceControlPolicy:  "service control policy",
	ResourcePolicy:        "resource policy",
	RepositoryPolicy:      "repository policy",
	RegistryPolicy:        "registry policy",
	TrustPolicy:           "trust policy",
	IdentityPolicy:        "identity policies",
	PermissionsBoundary:   "permissions boundary",
	SessionPolicy:         "session policy",
}
