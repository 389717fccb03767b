package generate

import (
	"fmt"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

// RepositoryOptions says who may do what with one repository.
type RepositoryOptions struct {
	Registry   ECR
	Repository string
	Principals []string // role or user ARNs; an account number means the whole account
	Access     []Access
}

// Repository generates the policy of one ECR repository: the owner's half of
// cross-account access.
func Repository(o RepositoryOptions) (Stack, error) {
	c := &check{
		hint: "pullpass policy repository --account 222222222222 --region eu-west-1 --repository team/app --principal arn:aws:iam::111111111111:role/pull --access pull",
	}
	registry := c.registry(o.Registry, false)
	if !awsname.ValidRepository(o.Repository) {
		c.failf("%q is not the name of a repository", o.Repository)
	}
	principals := c.principals(o.Principals, registry.Partition)
	accesses := c.accesses(o.Access)
	if err := c.err("the repository policy"); err != nil {
		return Stack{}, err
	}
	policy := Policy{Kind: RepositoryPolicy, Statements: []Statement{{
		Sid:        sidFor(accesses),
		Principals: []Principal{{"AWS", principals}},
		Actions:    actionsFor(accesses),
	}}}
	return Stack{
		Resources: []Resource{RepositoryResource{Registry: registry, Repository: o.Repository, Policy: policy}},
		Notes: append(
			[]string{fmt.Sprintf(replacesNote, "repository")},
			otherHalf(principals, registry, []string{o.Repository})...),
	}, nil
}

// otherHalf tells what the callers' side still needs.
func otherHalf(principals []string, registry ECR, repositories []string) []string {
	notes := []string{
		"ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on \"*\".",
	}
	quoted := make([]string, len(repositories))
	for i, r := range repositories {
		quoted[i] = shellQuote(r)
	}
	for _, p := range principals {
		a, ok := parseIAM(p)
		if !ok || a.Account == registry.Account {
			continue
		}
		command := "pullpass policy role --account " + registry.Account + " --region " + registry.Region +
			" --repository " + strings.Join(quoted, " --repository ")
		notes = append(notes, "Account "+a.Account+" needs the other half, an identity policy on the caller: "+command)
	}
	return unique(notes)
}

// RegistryOptions says who may do what in a whole registry, in one region.
type RegistryOptions struct {
	Registry     ECR
	Repositories []string // names or patterns such as team/*
	Principals   []string
	Access       []Access
	PullThrough  bool // also the first pull through a cache rule
	Replicate    bool // the principals are accounts that replicate into this registry
}

// Registry generates a registry policy. AWS asks it beside the repository
// policy for every ECR request (registry policy version 2).
func Registry(o RegistryOptions) (Stack, error) {
	c := &check{
		hint: "pullpass policy registry --account 222222222222 --region eu-west-1 --repository 'team/*' --principal 111111111111 --access pull",
	}
	registry := c.registry(o.Registry, false)
	repositories := c.repositories(o.Repositories)
	principals := c.principals(o.Principals, registry.Partition)
	var accesses []Access
	if len(o.Access) > 0 || !o.Replicate && !o.PullThrough {
		accesses = c.accesses(o.Access)
	}
	if err := c.err("the registry policy"); err != nil {
		return Stack{}, err
	}
	var statements []Statement
	add := func(sid string, actions []string) {
		statements = append(statements, Statement{
			Sid: sid, Principals: []Principal{{"AWS", principals}},
			Actions: actions, Resources: registry.arns(repositories),
		})
	}
	if len(accesses) > 0 {
		add(sidFor(accesses), actionsFor(accesses))
	}
	if o.PullThrough {
		add("AllowPullThrough", pullThroughActions())
	}
	if o.Replicate {
		add("AllowReplication", []string{"ecr:ReplicateImage", "ecr:CreateRepository"})
	}
	policy := Policy{Kind: RegistryPolicy, Statements: statements}
	notes := []string{fmt.Sprintf(replacesNote, "registry and region")}
	return Stack{
		Resources: []Resource{RegistryResource{Registry: registry, Policy: policy}},
		Notes:     append(notes, otherHalf(principals, registry, repositories)...),
	}, nil
}
