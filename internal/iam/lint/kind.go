package lint

import "strings"

// Kind is where a policy is attached, which decides the rules for it.
type Kind string

// The kinds. Unknown asks for detection.
const (
	Unknown    Kind = ""
	Identity   Kind = "identity"
	Repository Kind = "repository"
	Registry   Kind = "registry"
	Trust      Kind = "trust"
	Boundary   Kind = "boundary"
	Session    Kind = "session"
	SCP        Kind = "scp"
)

// Kinds lists every kind, for help texts.
func Kinds() []Kind { return []Kind{Identity, Repository, Registry, Trust, Boundary, Session, SCP} }

func isKind(k Kind) bool {
	for _, known := range Kinds() {
		if k == known {
			return true
		}
	}
	return false
}

// detect tells a document's kind from its statements, and what gave it away.
// A boundary, a session policy and an SCP look like an identity policy and
// must be told.
func detect(d *document) (Kind, string) {
	var principal, resource, assume, ecr, token, registry, federated bool
	for _, s := range d.statements {
		principal = principal || s.element("Principal") != nil || s.element("NotPrincipal") != nil
		resource = resource || s.element("Resource") != nil || s.element("NotResource") != nil
		for _, p := range s.principals {
			federated = federated || p.kind == "Federated"
		}
		for _, a := range s.actions {
			lower := strings.ToLower(a.text)
			assume = assume || strings.HasPrefix(lower, "sts:assumerole")
			ecr = ecr || strings.HasPrefix(lower, "ecr:")
			token = token || lower == "ecr:getauthorizationtoken"
			switch lower {
			case "ecr:replicateimage", "ecr:batchimportupstreamimage", "ecr:createrepository":
				registry = true
			}
		}
	}
	switch {
	case principal && (federated || assume && !ecr):
		return Trust, "it names a principal and sts:AssumeRole…"
	case principal && registry && resource:
		return Registry, "it names a principal, resources and actions of a whole registry"
	case principal:
		return Repository, "it names a principal and is not a trust policy"
	case assume && !ecr && !resource:
		return Trust, "it speaks of sts:AssumeRole… without a resource"
	case ecr && !token && !resource:
		return Repository, "it speaks of ECR without a resource"
	}
	return Identity, "it names no principal (a boundary, session policy or SCP looks the same: give --kind)"
}
