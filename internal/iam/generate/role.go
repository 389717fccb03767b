package generate

import (
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/issuer"
)

// RoleOptions says what a role may do in a registry.
type RoleOptions struct {
	Registry     ECR      // Region "*" means every region
	Repositories []string // names or patterns such as team/*
	Access       []Access
	PullThrough  bool     // also the first pull through a cache rule
	Assume       []string // roles that this role assumes next (role chaining)
	Role         string   // the role that gets the policy; "pullpass-pull" when empty
	Account      string   // the role's account, when it is known
	PolicyName   string   // "ecr-access" when empty
}

// Role generates the identity policy of a role: the caller's half.
func Role(o RoleOptions) (Stack, error) {
	c := &check{hint: "pullpass policy role --account 222222222222 --region eu-west-1 --repository team/app --access pull"}
	role, policyName := orDefault(o.Role, "pullpass-pull"), orDefault(o.PolicyName, "ecr-access")
	c.names(role, policyName)
	if o.Account != "" && !awsname.ValidAccount(o.Account) {
		c.failf("role account %q is not 12 digits", o.Account)
	}
	policy := c.permissions(o)
	if err := c.err("the role policy"); err != nil {
		return Stack{}, err
	}
	return Stack{
		Resources: []Resource{RoleResource{
			Account: o.Account, Partition: policy.partition, Name: role,
			Permissions: &policy.Policy, PermissionsName: policyName,
		}},
		Notes: callerNotes(o, policy.registry),
	}, nil
}

// permissionsPolicy carries what was checked on the way.
type permissionsPolicy struct {
	Policy
	registry  ECR
	partition string
}

func callerNotes(o RoleOptions, registry ECR) []string {
	var notes []string
	if registry.Account != "" && o.Account != registry.Account {
		notes = append(notes, "If the role lives in another account than "+registry.Account+
			", the repository policy there must name it, too: pullpass policy repository --account "+registry.Account+
			" --region "+registry.Region+" --repository NAME --principal ROLE_ARN --live")
	}
	if len(o.Assume) > 0 {
		notes = append(notes,
			"Each role in the chain must name this one in its trust policy, even if they are the same role.",
			"A session that comes from another session lasts at most 1 h: asking for more is refused.")
	}
	return notes
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// TrustOptions says who may assume a role.
type TrustOptions struct {
	Account    string // the account in which the role lives
	Partition  string // "aws" when empty
	Role       string // the role's name; "pullpass-pull" when empty
	OIDC       *OIDC
	Provider   bool     // also create the OIDC provider in Account
	Principals []string // roles, users or accounts that may assume it
	ExternalID string   // demanded of Principals
	Self       bool     // the role also assumes itself
	Services   []string // such as ec2.amazonaws.com
	MaxSession int      // seconds, 3600 to 43200; 0 leaves AWS's default
}

// Trust generates the trust policy of a role.
func Trust(o TrustOptions) (Stack, error) {
	c := &check{
		hint: "pullpass policy trust --account 222222222222 --issuer https://services.example.gitpod.cloud/idp --form gitpod --source github.com/team/app",
	}
	role := orDefault(o.Role, "pullpass-pull")
	c.names(role, "unused")
	trust := c.trust(o, role)
	if err := c.err("the trust policy"); err != nil {
		return Stack{}, err
	}
	var resources []Resource
	if o.Provider && o.OIDC != nil {
		resources = append(resources, trust.resource(*o.OIDC))
	}
	resources = append(resources, RoleResource{
		Account: o.Account, Partition: trust.partition, Name: role, Trust: &trust.Policy, MaxSession: o.MaxSession, Output: true,
	})
	return Stack{Resources: resources, Notes: trust.notes(o)}, nil
}

// trustPolicy carries what was checked on the way.
type trustPolicy struct {
	Policy
	provider  oidcProvider
	audiences []string
	partition string
	namesOnly bool // subjects of GitHub without ids
}

// selfStatement lets a role assume itself. AWS refuses to save a principal that
// does not exist yet, as the role does not while it is created: so the account
// is named, and a condition narrows it to the role.
func selfStatement(partition, account, role string) Statement {
	root := iamARN{Partition: partition, Account: account, Type: "root"}
	self := iamARN{Partition: partition, Account: account, Type: "role", Path: "/", Name: role}
	return Statement{
		Sid:        "AllowSelf",
		Principals: []Principal{{"AWS", []string{root.String()}}},
		Actions:    []string{"sts:AssumeRole"},
		Conditions: []Condition{{"ArnEquals", "aws:PrincipalArn", []string{self.String()}}},
	}
}

func (t trustPolicy) resource(o OIDC) ProviderResource {
	return ProviderResource{URL: t.provider.url, Audiences: t.audiences, Thumbprints: unique(o.Thumbprints)}
}

func (t trustPolicy) notes(o TrustOptions) []string {
	var notes []string
	if o.OIDC != nil {
		if shared, found := issuer.Shared(t.provider.url); t.namesOnly && found && shared.Required == "sub" {
			notes = append(
				notes,
				"Repositories created, renamed or transferred since "+issuer.ImmutableSince+" have subjects with ids, "+issuer.ImmutableForm+
					", which this policy does not match: give --owner-id and --repository-id (gh api repos/ORG/REPOSITORY --jq '.owner.id, .id').",
			)
		}
		if !o.Provider {
			notes = append(notes, "The OIDC provider "+t.provider.url+" must exist in account "+o.Account+
				", the role's own, with client id "+strings.Join(t.audiences, ", ")+" registered.")
		}
		if o.Provider && len(o.OIDC.Thumbprints) == 0 {
			notes = append(
				notes,
				"IAM finds the thumbprint of a public certificate authority itself. An aws command that demands --thumbprint-list is too old to know: update it, or give a thumbprint.",
			)
		}
		if o.MaxSession > 0 {
			notes = append(
				notes,
				"A session from a token may last up to "+hours(o.MaxSession)+"; web identity is not role chaining.",
			)
		}
	}
	if o.Self {
		notes = append(
			notes,
			"A role that assumes itself needs sts:AssumeRole on its own ARN in its identity policy, too, and its sessions last at most 1 h.",
		)
	}
	return notes
}
