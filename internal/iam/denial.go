package iam

import "fmt"

// deniedBecause are AWS's words for each layer.
var deniedBecause = map[Kind]string{
	ResourceControlPolicy: "resource control policy",
	ServiceControlPolicy:  "service control policy",
	ResourcePolicy:        "resource-based policy",
	RepositoryPolicy:      "resource-based policy",
	RegistryPolicy:        "resource-based policy",
	TrustPolicy:           "resource-based policy",
	IdentityPolicy:        "identity-based policy",
	PermissionsBoundary:   "permissions boundary",
	SessionPolicy:         "session policy",
}

// Denial is the sentence with which AWS refuses the request, or "" if the
// request is allowed.
func (d *Decision) Denial(r *Request) string {
	if d.Effect == Allowed {
		return ""
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s",
		r.Principal.arnOrAnonymous(), r.Action, r.Resource)
	for _, l := range d.Layers {
		switch {
		case l.Result == ExplicitDeny && d.Effect == ExplicitDeny:
			return text + " with an explicit deny in a" + article(deniedBecause[l.Name])
		case l.Result == ImplicitDeny && d.Effect == ImplicitDeny && l.Binding:
			return text + " because no " + deniedBecause[l.Name] + " allows the " + r.Action + " action"
		}
	}
	return text
}

func article(noun string) string {
	if noun != "" && noun[0] == 'i' {
		return "n " + noun
	}
	return " " + noun
}

func (p *Principal) arnOrAnonymous() string {
	if p.Kind == Anonymous {
		return "anonymous"
	}
	return p.ARN
}
