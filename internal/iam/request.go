package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Request is one call as AWS's authorization sees it.
type Request struct {
	Action    string // "ecr:BatchGetImage"
	Resource  string // an ARN, or "*" for actions without a resource
	Principal Principal
	// ResourceAccount owns the resource. It may be empty where the ARN names
	// the account.
	ResourceAccount string
	// Context holds the request's condition keys. Global keys that follow from
	// the principal and the resource need not be given.
	Context map[string][]string

	unknown *unknowns // what to take for keys that are not known, nil for nothing
}

// Longest strings that AWS itself accepts in a request: an ARN of 2,048
// characters, an action of 128.
const (
	maxAction   = 128
	maxResource = 2048
)

// Validate reports what makes the request no request at all. Such a request is
// denied.
func (r *Request) Validate() error {
	switch {
	case !validAction(r.Action):
		return errors.New("an action is written service:Name, such as ecr:BatchGetImage")
	case !validResource(r.Resource):
		return errors.New(`a resource is an ARN of at most 2048 characters, or "*"`)
	}
	return nil
}

func (r *Request) wellFormed() bool { return validAction(r.Action) && validResource(r.Resource) }

// validAction: a request asks for one action. A pattern is a policy's.
func validAction(action string) bool {
	colon := strings.IndexByte(action, ':')
	return 0 < colon && colon < len(action)-1 && len(action) <= maxAction &&
		strings.IndexByte(action, '*') < 0 && strings.IndexByte(action, '?') < 0
}

func validResource(resource string) bool {
	return resource == "*" || strings.HasPrefix(resource, "arn:") && len(resource) <= maxResource
}

// owner returns the account that owns the resource: as given, as the ARN says,
// or the caller's own where neither tells.
func (r *Request) owner(arn *[5]string) string {
	if r.ResourceAccount != "" {
		return r.ResourceAccount
	}
	if IsAccountID(arn[3]) {
		return arn[3]
	}
	return r.Principal.Account
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
				if _, ok := ev.matchesPrincipal(&compiled, kind); !ok || !ev.matchesAction(&compiled) ||
					!ev.matchesResource(&compiled, kind) {
					continue
				}
				for _, c := range s.Conditions {
					if equalFold(c.Key.Text, key) {
						m := Matched{Kind: ev.statementKind(kind, &compiled), Policy: i, Statement: j, Sid: s.Sid, Position: s.Pos}
						found = append(
							found,
							fmt.Sprintf("%s (%s) wants %s %s", m.words(), s.Effect, c.Operator.Canonical(), quoteAll(texts(c.Values))),
						)
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

// arnAccount returns the account id in an ARN, or "".
func arnAccount(text string) string {
	arn, _ := splitARN(text)
	if !IsAccountID(arn[3]) {
		return ""
	}
	return arn[3]
}

// Policies are all policies that bear on one request.
type Policies struct {
	Identity []*Policy
	// Resource holds the policies of the resource: a repository's and its
	// registry's, or the trust policy of the role for sts:AssumeRole….
	Resource   []*Policy
	Boundaries []*Policy
	Session    []*Policy
	// ServiceControl and ResourceControl are by level: root, each
	// organizational unit, account.
	ServiceControl  [][]*Policy
	ResourceControl [][]*Policy
}
