package iam

import (
	"fmt"
	"strings"
)

// evaluation is one request on its way through the layers.
type evaluation struct {
	request    *Request
	caller     Principal
	service    string // of the action
	action     string // its name
	resource   [5]string
	isARN      bool
	owner      string
	work       work
	bounded    bool // the caller has a permissions boundary
	unresolved bool // a policy variable of the condition at hand has no value
}

func (ev *evaluation) begin(r *Request) {
	ev.request, ev.caller, ev.work = r, r.Principal, workLimit
	colon := strings.IndexByte(r.Action, ':')
	ev.service, ev.action = r.Action[:colon], r.Action[colon+1:]
	ev.resource, ev.isARN = splitARN(r.Resource)
	ev.owner = r.owner(&ev.resource)
	if ev.isTokenRequest() {
		// A token has no resource, and comes from the caller's own registry.
		ev.owner, ev.isARN = ev.caller.Account, false
	}
	if ev.caller.Kind == Federated && strings.HasPrefix(ev.caller.ARN, "https://") {
		ev.caller.Account = ev.owner
		ev.caller.ARN = ProviderARN(ev.resource[0], ev.owner, ev.caller.Name)
	}
	if ev.caller.Kind == RoleSession && ev.caller.Path == "" {
		ev.completeRole()
	}
}

// completeRole takes the role's ARN from aws:PrincipalArn where the request
// has it: only there does a session show its role's path.
func (ev *evaluation) completeRole() {
	values, _ := ev.context("aws:PrincipalArn")
	if len(values) != 1 || arnAccount(values[0]) != ev.caller.Account {
		return
	}
	arn, _ := splitARN(values[0])
	path, isRole := strings.CutPrefix(arn[4], "role/")
	if isRole && arn[1] == "iam" && (path == ev.caller.Name || strings.HasSuffix(path, "/"+ev.caller.Name)) {
		ev.caller.RoleARN, ev.caller.Path = values[0], "/"+strings.TrimSuffix(path, ev.caller.Name)
		ev.caller.Linked = strings.HasPrefix(path, "aws-service-role/")
	}
}

func (ev *evaluation) is(service, action string) bool {
	return equalFold(ev.service, service) && equalFold(ev.action, action)
}

// isTokenRequest: GetAuthorizationToken has no resource, and so no resource
// policy has any effect on it.
func (ev *evaluation) isTokenRequest() bool { return ev.is("ecr", "GetAuthorizationToken") }

// assumesRole reports whether the resource's policy is a role's trust policy.
func (ev *evaluation) assumesRole() bool {
	if !equalFold(ev.service, "sts") {
		return false
	}
	_, assumes := cutPrefixFold(ev.action, "AssumeRole")
	return assumes || ev.is("sts", "TagSession") || ev.is("sts", "SetSourceIdentity")
}

// usesKey reports whether the resource is a KMS key, whose own policy has to
// allow, be it by leaving the decision to the account.
func (ev *evaluation) usesKey() bool {
	return equalFold(ev.service, "kms") && strings.HasPrefix(ev.resource[4], "key/")
}

// policyStandsOnResource reports whether statements of the resource's policy
// need no Resource: those of a repository or a role mean what they stand on.
func (ev *evaluation) policyStandsOnResource() bool {
	return ev.onRepository() || ev.assumesRole()
}

func (ev *evaluation) onRepository() bool {
	return equalFold(ev.service, "ecr") || equalFold(ev.service, "ecr-public")
}

// foreignProvider reports whether a web identity comes through a provider of
// an account other than the role's. STS looks only in the role's own account.
func (ev *evaluation) foreignProvider() bool {
	return ev.caller.Kind == Federated && ev.caller.Account != "" &&
		ev.assumesRole() && ev.owner != "" && ev.caller.Account != ev.owner
}

// tally is what the statements of one layer say together.
type tally struct {
	allow, deny bool
	grant       grant
}

// tally runs over a layer. matched collects the statements that match; it is
// nil on the hot path.
func (ev *evaluation) tally(l *layer, matched *[]Matched) tally {
	var t tally
	for i := range l.statements {
		s := &l.statements[i]
		g, ok := ev.matches(s, l.kind)
		if !ok {
			continue
		}
		if s.effect == Deny {
			t.deny = true
		} else {
			t.allow, t.grant = true, max(t.grant, g)
		}
		if matched != nil {
			*matched = append(*matched, Matched{
				Kind: ev.statementKind(l.kind, s), Level: l.level, Policy: s.policy, Statement: s.index,
				Sid: s.sid, Effect: s.effect, Position: s.pos,
			})
		}
	}
	return t
}

// matches reports whether a statement applies to the request, and for a
// resource policy how it names the caller.
//
// A statement that its kind of policy may not have (AWS refuses to save it)
// is read to the caller's disadvantage: an Allow never applies, a Deny does.
func (ev *evaluation) matches(s *statement, kind Kind) (grant, bool) {
	if !ev.matchesAction(s) || !ev.matchesResource(s, kind) {
		return noGrant, false
	}
	g, ok := ev.matchesPrincipal(s, kind)
	if !ok {
		return noGrant, false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(ev, s.effect) {
			return noGrant, false
		}
	}
	return g, true
}

func (ev *evaluation) matchesAction(s *statement) bool {
	for i := range s.actions {
		if s.actions[i].match(ev.service, ev.action, &ev.work) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (ev *evaluation) matchesResource(s *statement, kind Kind) bool {
	if !s.hasResource {
		return s.effect == Deny || kind == ResourcePolicy && ev.policyStandsOnResource()
	}
	ev.unresolved = false
	for i := range s.resources {
		if s.resources[i].match(&ev.resource, ev.isARN, ev, &ev.work) {
			return !s.notResource
		}
	}
	return s.notResource && (!ev.unresolved || s.effect != Allow)
}

func (ev *evaluation) matchesPrincipal(s *statement, kind Kind) (grant, bool) {
	if kind != ResourcePolicy && kind != ResourceControlPolicy {
		return noGrant, s.effect == Deny || s.principals == nil && s.notPrincipals == nil
	}
	switch {
	case s.principals != nil:
		g := s.principals.names(&ev.caller)
		return g, g != noGrant
	case s.notPrincipals != nil:
		// AWS: such a Deny "will always deny any IAM principal that has a permissions
		// boundary policy attached, regardless of the values".
		return noGrant, s.effect == Deny && (ev.bounded || !s.notPrincipals.exempts(&ev.caller))
	}
	return noGrant, s.effect == Deny
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

// statementKind calls the policy that a statement stands in by its own name. Of
// a repository's two, only the registry policy has statements with a Resource.
func (ev *evaluation) statementKind(k Kind, s *statement) Kind {
	switch {
	case k != ResourcePolicy:
		return k
	case ev.assumesRole():
		return TrustPolicy
	case !ev.onRepository():
		return ResourcePolicy
	case s.hasResource:
		return RegistryPolicy
	}
	return RepositoryPolicy
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
		conditions = append(
			conditions,
			Condition{Operator: MustOperator("StringEquals"), Key: Value{Text: key}, Values: values},
		)
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

// knownAbsent reports whether the context says that the request does not have the key:
// by the key without a value, or by the family, up to its slash, without one.
func (ev *evaluation) knownAbsent(key string) bool {
	if _, found := ev.context(key); found {
		return true
	}
	slash := strings.IndexByte(key, '/')
	if slash < 0 {
		return false
	}
	_, found := ev.context(key[:slash+1])
	return found
}
