package iam

import (
	"context"
	"testing"
)

// organization is a reader that also sees an organization's policies.
type organization struct {
	*Documents
	service, resource [][]*Policy
	err               error
}

func (o organization) ServiceControlPolicies(context.Context, string) ([][]*Policy, error) {
	return o.service, o.err
}

func (o organization) ResourceControlPolicies(context.Context, string) ([][]*Policy, error) {
	return o.resource, o.err
}

func TestExplainUnderAnOrganization(t *testing.T) {
	documents := &Documents{
		Identity:   map[string][]*Policy{runnerRole: {mustParse(t, flexRunnerPolicy)}},
		Repository: map[string]*Policy{app.ARN(): mustParse(t, flexRepositoryPolicy)},
	}
	j := Journey{Verb: Pull, Repository: app, Caller: caller(t, runnerSession)}
	open := [][]*Policy{docs(t, allowAll)}
	wantTold(t, explain(t, j, organization{documents, open, nil, nil}), StepOK)
	wantTold(t, explain(t, j, organization{documents, [][]*Policy{docs(t, allowOther)}, nil, nil}), StepDenied,
		"add to the service control policy of account 111111111111")
	wantTold(t, explain(t, j, organization{documents, open, [][]*Policy{docs(t, `{"Sid":"Mine","Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}`)}, nil}),
		StepDenied, `change statement 0 "Mine" of resource control policy 0`)
	wantTold(t, explain(t, j, organization{documents, nil, nil, ErrNotReadable}), StepOK,
		"the service control policy of 111111111111 in account 111111111111 could not be read: a deny in it would win")
}
