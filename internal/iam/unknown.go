package iam

import (
	"fmt"
	"slices"
	"strings"
)

// unknowns is what to take for the condition keys that a real request has and that
// nobody can know from policies alone. A request without one has the keys that its
// context and its principal give, and no others.
type unknowns struct {
	favor bool   // take each as it favors the caller, or each as it harms
	flip  string // the one key that is taken the other way
	asked map[string]string
}

// unknowable lists the keys whose values only the real request shows: who the
// caller's organization is, the way that it takes, what its session carries. A name
// that ends in a slash stands for all keys that begin with it.
var unknowable = []string{
	"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:ResourceOrgID", "aws:ResourceOrgPaths",
	"aws:SourceIp", "aws:VpcSourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:SourceVpcArn",
	"aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths",
	"aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4", "ec2:SourceInstanceARN", "ec2:RoleDelivery",
	"aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:TokenIssueTime", "aws:userid",
	"aws:SourceIdentity", "aws:FederatedProvider", "aws:UserAgent", "aws:RequestedRegion",
	"aws:PrincipalTag/", "aws:ResourceTag/", "ecr:ResourceTag/", "iam:ResourceTag/",
}

func isUnknowable(key string) bool {
	return slices.ContainsFunc(unknowable, func(k string) bool {
		if strings.HasSuffix(k, "/") {
			return len(key) > len(k) && equalFold(key[:len(k)], k)
		}
		return equalFold(key, k)
	})
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

// guess answers for a condition on a key that is not known.
func (u *unknowns) guess(key string, effect Effect) bool {
	lower := strings.ToLower(key)
	if _, found := u.asked[lower]; !found {
		u.asked[lower] = key
	}
	favor := u.favor != (u.flip == lower)
	return favor == (effect == Allow)
}

// guessed evaluates with every unknown key as it favors the caller, or harms.
func (r Request) guessed(favor bool, flip string, p Policies) (Decision, map[string]string) {
	r.unknown = &unknowns{favor: favor, flip: flip, asked: map[string]string{}}
	return Evaluate(r, p), r.unknown.asked
}

// deciding names the unknown keys on which the answer rests: those that turn it
// around alone, or where only several do so together, all of them.
func (r Request) deciding(p Policies) []string {
	_, asked := r.guessed(true, "", p)
	_, more := r.guessed(false, "", p)
	for lower, key := range more {
		asked[lower] = key
	}
	var alone, all []string
	for lower, key := range asked {
		all = append(all, key)
		better, _ := r.guessed(false, lower, p)
		worse, _ := r.guessed(true, lower, p)
		if better.Effect == Allowed || worse.Effect != Allowed {
			alone = append(alone, key)
		}
	}
	if len(alone) == 0 {
		alone = all
	}
	slices.Sort(alone)
	return alone
}

// wanting tells where the policies ask for a key, in statements that are about the
// request.
func (r Request) wanting(key string, p Policies) []string {
	var ev evaluation
	ev.begin(&r)
	var found []string
	look := func(kind Kind, policies []*Policy) {
		for i, policy := range policies {
			if policy == nil {
				continue
			}
			for j := range policy.Statements {
				s := &policy.Statements[j]
				compiled := compileStatement(s, policy.Variables(), i, j)
				if _, ok := ev.matchesPrincipal(&compiled, kind); !ok || !ev.matchesAction(&compiled) || !ev.matchesResource(&compiled, kind) {
					continue
				}
				for _, c := range s.Conditions {
					if equalFold(c.Key.Text, key) {
						m := Matched{Kind: ev.statementKind(kind, &compiled), Policy: i, Statement: j, Sid: s.Sid, Position: s.Pos}
						found = append(found, fmt.Sprintf("%s (%s) wants %s %s", m.words(), s.Effect, c.Operator.Canonical(), quoteAll(texts(c.Values))))
					}
				}
			}
		}
	}
	look(ResourcePolicy, p.Resource)
	look(IdentityPolicy, p.Identity)
	look(PermissionsBoundary, p.Boundaries)
	look(SessionPolicy, p.Session)
	for _, level := range p.ServiceControl {
		look(ServiceControlPolicy, level)
	}
	for _, level := range p.ResourceControl {
		look(ResourceControlPolicy, level)
	}
	return found
}
