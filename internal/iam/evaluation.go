package iam

import "strings"

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
