package iam

import (
	"regexp"
	"strings"
)

// VPCEndpointPolicy is the policy of a VPC endpoint, through which a request came. AWS
// names it in refusals; decisions here do not see it.
const VPCEndpointPolicy Kind = "vpcEndpointPolicy"

// Refusal is what AWS's own sentence about a refusal says. It is read to explain,
// never to decide.
type Refusal struct {
	Principal string
	Action    string
	Resource  string // without the dot that ends the sentence
	Layer     Kind   // whose policy refuses; empty where AWS does not say
	Explicit  bool   // a statement denies; otherwise none allows
}

var (
	refusal = regexp.MustCompile(
		`User: (arn:\S+|anonymous) is not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)(?: on resource: (\S+))?`,
	)
	blamed = regexp.MustCompile(
		`(?i)(because no|with an explicit deny in an?) ([a-z][a-z -]*?)(?: policy)?(?: allows\b|[.:;,"']|$|\n)`,
	)
)

// refusing are AWS's words for each layer in refusals.
var refusing = map[string]Kind{
	"identity-based": IdentityPolicy, "resource-based": ResourcePolicy, "permissions boundary": PermissionsBoundary,
	"session": SessionPolicy, "service control": ServiceControlPolicy, "resource control": ResourceControlPolicy,
	"vpc endpoint": VPCEndpointPolicy, "role trust": TrustPolicy, "trust": TrustPolicy,
}

// ParseRefusal finds AWS's sentence in a message: who, what, on which resource, and
// for want of what.
func ParseRefusal(message string) (Refusal, bool) {
	m := refusal.FindStringSubmatch(message)
	if m == nil {
		return Refusal{}, false
	}
	r := Refusal{
		Principal: m[1],
		Action:    m[2],
		Resource:  strings.TrimRight(m[3], ".,;"),
		Explicit:  strings.Contains(message, "explicit deny"),
	}
	if b := blamed.FindStringSubmatch(message); b != nil {
		r.Layer = refusing[strings.ToLower(strings.TrimSpace(b[2]))]
	}
	return r, true
}

// Layers of policies that neither the caller's identity policies nor the resource's
// policy can make up for. Their cure is their own.
var layerFixes = map[Kind]struct{ cause, fix, change string }{
	PermissionsBoundary: {
		"the permissions boundary of PRINCIPAL does not allow ACTION; what its identity policies allow beyond the boundary has no effect",
		"allow ACTION in the permissions boundary of PRINCIPAL, beside its identity policies",
		"change the statement of the permissions boundary of PRINCIPAL that denies ACTION",
	},
	ServiceControlPolicy: {
		"a service control policy of the organization that account CALLER belongs to does not allow ACTION, whatever the account's own policies say",
		"whoever runs that organization allows ACTION in the service control policies of account CALLER and of the units above it",
		"whoever runs the organization of account CALLER changes the service control policy that denies ACTION",
	},
	ResourceControlPolicy: {
		"a resource control policy of the organization that owns RESOURCE refuses ACTION to PRINCIPAL, whatever the resource's own policy says",
		"whoever runs the organization of account OWNER lets PRINCIPAL through in its resource control policies",
		"whoever runs the organization of account OWNER lets PRINCIPAL through in the resource control policy that denies ACTION",
	},
	VPCEndpointPolicy: {
		"the policy of the VPC endpoint that the request came through does not allow ACTION to PRINCIPAL",
		"allow ACTION to PRINCIPAL in the policies of the VPC endpoints for ecr.api and ecr.dkr; no identity or repository policy is at fault",
		"change the statement of the VPC endpoint's policy that denies ACTION to PRINCIPAL",
	},
	SessionPolicy: {
		"the session of PRINCIPAL was limited by a session policy that does not allow ACTION on RESOURCE",
		"ask for a session whose policy allows ACTION on RESOURCE; a credential of Pullpass is for the repositories that it was asked for",
		"change the session policy that denies ACTION",
	},
}

// Cause and Fix tell what a refusal by a layer of its own comes from and what cures it.
// They are empty for the layers that have a half of the decision: identity, resource
// and trust policies, whose fix depends on the case.
func (r Refusal) Cause() string {
	l, known := layerFixes[r.Layer]
	if !known {
		return ""
	}
	if r.Explicit {
		return r.fill("a statement of the " + r.Layer.said() + " denies ACTION to PRINCIPAL")
	}
	return r.fill(l.cause)
}

// Fix is the way out, of the layer that refused.
func (r Refusal) Fix() string {
	l, known := layerFixes[r.Layer]
	switch {
	case !known:
		return ""
	case r.Explicit:
		return r.fill(l.change)
	}
	return r.fill(l.fix)
}

func (r Refusal) fill(text string) string {
	principal, caller := r.Principal, "of the caller"
	if p, err := ParsePrincipal(r.Principal); err == nil && p.Account != "" {
		principal, caller = p.IdentityARN(), p.Account
	}
	owner, resource := "of the resource", "it"
	if account := arnAccount(r.Resource); account != "" {
		owner = account
	}
	if r.Resource != "" && r.Resource != "*" {
		resource = r.Resource
	}
	return strings.NewReplacer("PRINCIPAL", principal, "ACTION", r.Action, "RESOURCE", resource, "CALLER", caller, "OWNER", owner).
		Replace(text)
}
