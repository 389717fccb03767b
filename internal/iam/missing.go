package iam

import (
	"fmt"
	"strings"
)

// missing says what would turn a denial around. The additions follow from the
// same facts as the result, one for each condition of it that fails, so that
// each is needed and all together are enough.
func missing(ev *evaluation, f *facts, rec *recorder, denies []Matched) *Missing {
	switch {
	case f.denied:
		return &Missing{
			Why:    "an explicit deny wins over every allow: no statement can be added, one has to be changed",
			Change: denies,
		}
	case f.exhausted:
		return &Missing{Why: "the policies compare too much for one decision, which no real policy does: shorten their patterns"}
	case f.foreign:
		return &Missing{Why: fmt.Sprintf("the role belongs to account %s, and STS looks for the identity provider there and nowhere else: "+
			"the provider has to exist, and be named, as %s", ev.owner, ev.ownProvider())}
	case f.noResource && !f.inside:
		return &Missing{Why: ev.request.Action + " takes an identity of an account: no policy can allow it for " + ev.caller.orAnyone()}
	}
	m := &Missing{}
	for _, said := range rec.tallies {
		if failing(f, said) {
			m.Additions = append(m.Additions, ev.addition(said))
		}
	}
	m.Why = ev.missingWhy(m.Additions)
	return m
}

// failing reports whether a layer's lack of an allow is one of the reasons.
func failing(f *facts, said recorded) bool {
	switch said.kind {
	case ResourcePolicy:
		return f.needsGrant && f.grant == noGrant
	case IdentityPolicy:
		return !said.tally.allow && !f.granted().identityFree
	case PermissionsBoundary, SessionPolicy:
		return !said.tally.allow && !f.granted().limitsFree
	}
	return !said.tally.allow
}

// granted looks ahead to the resource statement that is going to be added: in
// a trust policy inside one account it names the caller, and so frees it from
// its identity policies, and a user from its limits, too.
func (f *facts) granted() (free struct{ identityFree, limitsFree bool }) {
	after := *f
	if after.needsGrant && after.grant == noGrant {
		after.grant = f.addedGrant
	}
	free.identityFree, free.limitsFree = !after.bindsIdentity(), !after.bindsLimits()
	return free
}

// addition is the smallest statement that makes one layer allow the request.
func (ev *evaluation) addition(said recorded) Addition {
	a := Addition{Kind: said.kind, Level: said.level, Account: ev.caller.Account, To: ev.caller.IdentityARN()}
	a.Statement = Statement{
		Effect: Allow, Actions: Values(ev.request.Action), Resources: Values(ev.resourceText(said.literal)),
	}
	switch said.kind {
	case ServiceControlPolicy:
		a.To = "account " + ev.caller.Account
	case ResourceControlPolicy:
		a.Account, a.To = ev.owner, "account "+ev.owner
		a.Statement.Principals = &Principals{Any: true}
	case ResourcePolicy:
		a.Kind, a.Account, a.To = ev.resourceKind(), ev.owner, ev.request.Resource
		a.Statement.Principals = ev.callerPrincipals()
		a.Statement.Conditions = ev.callerConditions()
		if a.Kind == RepositoryPolicy || a.Kind == TrustPolicy {
			a.Statement.Resources = nil
		}
		if a.Kind == RegistryPolicy {
			a.To = "the registry of account " + ev.owner
		}
	}
	return a
}

// resourceText is the request's resource as a pattern that matches it. What
// looks like a policy variable in an ARN is escaped, except for a document
// that has no variables.
func (ev *evaluation) resourceText(literal bool) string {
	switch {
	case !ev.isARN:
		return "*"
	case literal:
		return ev.request.Resource
	}
	last := ev.resource[4]
	return strings.TrimSuffix(ev.request.Resource, last) + escapeVariables(last)
}

func escapeVariables(text string) string { return strings.ReplaceAll(text, "${", "${$}{") }

// resourceKind says which policy of the resource gets the statement. What the
// registry does on its own account (replicate, pull through) is not in any
// one repository's hands.
func (ev *evaluation) resourceKind() Kind {
	if ev.assumesRole() {
		return TrustPolicy
	}
	if !ev.onRepository() {
		return ResourcePolicy
	}
	for _, action := range [...]string{"ReplicateImage", "CreateRepository", "BatchImportUpstreamImage"} {
		if equalFold(ev.action, action) {
			return RegistryPolicy
		}
	}
	return RepositoryPolicy
}

func (ev *evaluation) callerPrincipals() *Principals {
	switch ev.caller.Kind {
	case Anonymous:
		return &Principals{Any: true}
	case Service:
		return &Principals{Service: Values(ev.caller.Name)}
	case Federated:
		return &Principals{Federated: Values(ev.caller.ARN)}
	case CanonicalUser:
		return &Principals{CanonicalUser: Values(ev.caller.Name)}
	}
	return &Principals{AWS: Values(ev.caller.IdentityARN())}
}

// callerConditions ties a resource's allow to what tells this caller from
// others of its kind. The request does not need it to be allowed: without it,
// everyone whom the provider (or service, or other account) lets in would be.
func (ev *evaluation) callerConditions() []Condition {
	var keys []string
	switch {
	case ev.caller.Kind == Federated && ev.is("sts", "AssumeRoleWithSAML"):
		keys = []string{"SAML:aud"}
	case ev.caller.Kind == Federated:
		keys = []string{ev.caller.Name + ":aud", ev.caller.Name + ":sub"}
	case ev.caller.Kind == Service:
		keys = []string{"aws:SourceAccount", "aws:SourceArn"}
	case ev.assumesRole():
		keys = []string{"sts:ExternalId"}
	}
	var conditions []Condition
	for _, key := range keys {
		given, _ := ev.context(key)
		if len(given) == 0 {
			continue
		}
		values := Values(given...)
		for i := range values {
			values[i].Text = escapeVariables(values[i].Text)
		}
		conditions = append(conditions, Condition{Operator: MustOperator("StringEquals"), Key: Value{Text: key}, Values: values})
	}
	return conditions
}

// ownProvider is the caller's provider as it would be named in the role's own
// account.
func (ev *evaluation) ownProvider() string {
	return strings.Replace(ev.caller.ARN, ":"+ev.caller.Account+":", ":"+ev.owner+":", 1)
}

func (ev *evaluation) missingWhy(additions []Addition) string {
	places := make([]string, len(additions))
	for i, a := range additions {
		places[i] = fmt.Sprintf("the %s of %s in account %s", a.Kind.Words(), a.To, a.Account)
		if a.Level > 0 {
			places[i] += fmt.Sprintf(" (level %d)", a.Level)
		}
	}
	verb := "does"
	if len(places) > 1 || len(places) == 1 && additions[0].Kind == IdentityPolicy {
		verb = "do"
	}
	return fmt.Sprintf("%s %s not allow %s", strings.Join(places, " and "), verb, ev.request.Action)
}
