package generate

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"

	pullpass "github.com/pullpass/pullpass"
)

// check collects everything wrong with the options of one call, so that a
// person corrects them all at once.
type check struct {
	problems []string
	hint     string
}

func (c *check) failf(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// err is nil, or says that what could not be generated, and every reason.
func (c *check) err(what string) error {
	if len(c.problems) == 0 {
		return nil
	}
	hint := c.hint
	if hint == "" {
		hint = "pullpass policy --help"
	}
	return &pullpass.Error{
		Kind:  pullpass.Invalid,
		Code:  "policy_options",
		What:  "cannot generate " + what,
		Cause: strings.Join(c.problems, "; "),
		Hint:  hint,
	}
}

// accesses checks the accesses asked for; none at all is a mistake, not "all".
func (c *check) accesses(in []Access) []Access {
	if len(in) == 0 {
		c.failf("no access is asked for: name pull, push or list")
	}
	var out []Access
	seen := map[Access]bool{}
	for _, a := range in {
		if accessActions(a) == nil {
			c.failf("%q is not an access: pull, push or list", a)
			continue
		}
		if !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}

// registry checks r and fills in its partition.
func (c *check) registry(r ECR, anyRegion bool) ECR {
	if !awsname.ValidAccount(r.Account) {
		c.failf("registry account %q is not 12 digits", r.Account)
	}
	switch {
	case r.Region == "*" && anyRegion:
		if r.Partition == "" {
			r.Partition = "aws"
		}
	case !awsname.ValidRegion(r.Region):
		c.failf("%q is not an AWS region such as eu-west-1", r.Region)
	case r.Partition == "":
		r.Partition = partitionOf(r.Region)
	case r.Partition != partitionOf(r.Region):
		c.failf("region %s lies in partition %s, not %q", r.Region, partitionOf(r.Region), r.Partition)
	}
	if r.Partition != "" && !awsname.ValidPartition(r.Partition) {
		c.failf("%q is not an AWS partition such as aws or aws-cn", r.Partition)
	}
	return r
}

func (c *check) repositories(in []string) []string {
	if len(in) == 0 {
		c.failf("no repository is named")
	}
	for _, r := range in {
		if !isRepositoryPattern(r) {
			c.failf("%q is neither a repository name nor a pattern such as team/*", r)
		}
	}
	return unique(in)
}

// issuer checks and rebuilds an issuer URL.
func (c *check) issuer(s string) oidcProvider {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || !isHost(u.Host) || !isIssuerPath(u.Path) || "https://"+u.Host+u.Path != s {
		c.failf("%q is not an issuer: https://, a lower-case host without a port, and a path without a slash at the end", s)
		return oidcProvider{}
	}
	return oidcProvider{url: s, name: u.Host + u.Path}
}

// conditions gives the audiences, and the conditions on aud and sub. Audiences and literal
// subjects stand under StringEquals; a subject with a wildcard moves all of
// them under StringLike, because several operators would all have to match.
func (c *check) conditions(o OIDC, p oidcProvider) (audiences []string, conditions []Condition) {
	audiences = unique(o.Audiences)
	if len(audiences) == 0 {
		audiences = []string{defaultAudience}
	}
	for _, a := range audiences {
		if !isClaim(a) || strings.ContainsAny(a, "*?$") {
			c.failf("%q is not an audience: printable, without *, ? or $", a)
		}
	}
	for _, thumbprint := range o.Thumbprints {
		if len(thumbprint) != 40 || strings.Trim(thumbprint, "0123456789abcdef") != "" {
			c.failf("%q is not a thumbprint: 40 lower-case hexadecimal digits of a SHA-1", thumbprint)
		}
	}
	if len(o.Subjects) == 0 {
		c.failf("no subject is named: anyone with a token of this issuer could assume the role")
	}
	var patterns []string
	for _, s := range o.Subjects {
		patterns = append(patterns, c.subject(s)...)
	}
	operator := "StringEquals"
	for _, s := range patterns {
		if hasWildcard(s) {
			operator = "StringLike"
		}
	}
	conditions = []Condition{
		{"StringEquals", p.name + ":aud", audiences},
		{operator, p.name + ":sub", unique(patterns)},
	}
	return audiences, append(conditions, c.repositoryIDs(o, p)...)
}

// repositoryIDs tests the repository's id, which no renamed or newly registered
// namesake has, where AWS makes a condition key of it and every subject has one.
func (c *check) repositoryIDs(o OIDC, p oidcProvider) []Condition {
	var ids []string
	for _, s := range o.Subjects {
		if s.RepositoryID == "" {
			return nil
		}
		ids = append(ids, s.RepositoryID)
	}
	if len(ids) == 0 || !iam.MappedClaim(p.url, "repository_id") {
		return nil
	}
	return []Condition{{"StringEquals", p.name + ":repository_id", unique(ids)}}
}

// rehint gives an error of one of the general generators the preset's name and
// hint: its own flags differ.
func (c *check) rehint(p Preset, stack Stack, err error) (Stack, error) {
	if err == nil {
		return stack, nil
	}
	var e *pullpass.Error
	if !errors.As(err, &e) {
		return Stack{}, err
	}
	return Stack{}, &pullpass.Error{
		Kind: e.Kind, Code: e.Code, What: "cannot generate " + p.Name, Cause: e.Cause, Hint: c.hint,
	}
}

func (c *check) publishedRepository(
	p Preset,
	o PresetOptions,
	principals []string,
	sid string,
	actions []string,
) (Stack, error) {
	registry := c.registry(o.Registry, false)
	if !awsname.ValidRepository(o.Repository) {
		c.failf("%q is not the name of a repository", o.Repository)
	}
	named := c.principals(principals, registry.Partition)
	if err := c.err(p.Name); err != nil {
		return Stack{}, err
	}
	policy := Policy{Kind: RepositoryPolicy, Statements: []Statement{{
		Sid: sid, Principals: []Principal{{"AWS", named}}, Actions: actions,
	}}}
	return Stack{
		Resources: []Resource{RepositoryResource{Registry: registry, Repository: o.Repository, Policy: policy}},
		Notes: append(
			[]string{fmt.Sprintf(replacesNote, "repository")},
			otherHalf(named, registry, []string{o.Repository})...),
	}, nil
}

// pullByOthers is the repository policy of those whom no account number names.
func (c *check) pullByOthers(p Preset, o PresetOptions, statements func(registry ECR) []Statement) (Stack, error) {
	registry := c.registry(o.Registry, false)
	if !awsname.ValidRepository(o.Repository) {
		c.failf("%q is not the name of a repository", o.Repository)
	}
	policy := Policy{Kind: RepositoryPolicy, Statements: statements(registry)}
	if err := c.err(p.Name); err != nil {
		return Stack{}, err
	}
	return Stack{
		Resources: []Resource{RepositoryResource{Registry: registry, Repository: o.Repository, Policy: policy}},
		Notes: []string{
			fmt.Sprintf(replacesNote, "repository"),
			"ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on \"*\".",
		},
	}, nil
}

func (c *check) publishedRole(
	p Preset,
	o PresetOptions,
	name string,
	statements func(arns []string) []Statement,
) (Stack, error) {
	registry := c.registry(o.Registry, true)
	repositories := c.repositories([]string{o.Repository})
	role := orDefault(o.Role, name)
	c.names(role, "unused")
	if o.Account != "" && !awsname.ValidAccount(o.Account) {
		c.failf("role account %q is not 12 digits", o.Account)
	}
	if err := c.err(p.Name); err != nil {
		return Stack{}, err
	}
	policy := Policy{Kind: IdentityPolicy, Statements: statements(registry.arns(repositories))}
	return Stack{
		Resources: []Resource{RoleResource{
			Account: o.Account, Partition: registry.Partition, Name: role,
			Permissions: &policy, PermissionsName: "ecr-access",
		}},
		Notes: callerNotes(RoleOptions{Account: o.Account}, registry),
	}, nil
}

// roleHome says where a role lives whose account is the registry's by default.
func (c *check) roleHome(o PresetOptions) (partition, account string) {
	partition = o.Registry.Partition
	if partition == "" && awsname.ValidRegion(o.Registry.Region) {
		partition = partitionOf(o.Registry.Region)
	}
	return orDefault(partition, "aws"), orDefault(o.Account, o.Registry.Account)
}

// principals checks AWS principals: role and user ARNs, and accounts as their
// number or root ARN. Anyone ("*") is never generated.
func (c *check) principals(in []string, partition string) []string {
	if len(in) == 0 {
		c.failf("no principal is named")
	}
	var out []string
	for _, p := range in {
		if awsname.ValidAccount(p) {
			out = append(out, iamARN{Partition: partition, Account: p, Type: "root"}.String())
			continue
		}
		a, ok := parseIAM(p)
		switch {
		case !ok:
			c.failf("%q is not an account number nor the ARN of a role or user", p)
		case partition != "" && a.Partition != partition:
			c.failf("principal %s lies in another partition than %s: no policy can join them", p, partition)
		default:
			out = append(out, a.String())
		}
	}
	return unique(out)
}

// roles is like principals, but accepts roles only.
func (c *check) roles(in []string, partition string) []string {
	for _, p := range in {
		if a, ok := parseIAM(p); !ok || a.Type != "role" {
			c.failf("%q is not the ARN of a role", p)
		}
	}
	if len(c.problems) > 0 {
		return nil
	}
	return c.principals(in, partition)
}

// permissions builds the identity policy that o asks for. A role may do
// nothing but assume others; then no registry is needed.
func (c *check) permissions(o RoleOptions) permissionsPolicy {
	out := permissionsPolicy{Policy: Policy{Kind: IdentityPolicy}}
	chainOnly := len(o.Assume) > 0 && len(o.Access) == 0 && len(o.Repositories) == 0
	if !chainOnly {
		out.registry = c.registry(o.Registry, true)
		out.partition = out.registry.Partition
		repositories := c.repositories(o.Repositories)
		accesses := c.accesses(o.Access)
		actions := actionsFor(accesses)
		if o.PullThrough {
			actions = append(actions, pullThroughActions()...)
		}
		out.Statements = []Statement{
			{Sid: "AllowLogin", Actions: []string{authorizationToken}, Resources: []string{"*"}},
			{Sid: sidFor(accesses), Actions: actions, Resources: out.registry.arns(repositories)},
		}
	}
	if len(o.Assume) > 0 {
		roles := c.roles(o.Assume, out.partition)
		if a, ok := parseIAM(o.Assume[0]); ok {
			out.partition = a.Partition
		}
		out.Statements = append(out.Statements, Statement{
			Sid: "AllowAssumeRole", Actions: []string{"sts:AssumeRole"}, Resources: roles,
		})
	}
	return out
}

func (c *check) names(role, policy string) {
	if !isName(role, 64) {
		c.failf("%q is not the name of a role: up to 64 letters, digits and +=,.@_-", role)
	}
	if !isName(policy, 128) {
		c.failf("%q is not the name of a policy: up to 128 letters, digits and +=,.@_-", policy)
	}
}

func (c *check) trust(o TrustOptions, role string) trustPolicy {
	out := trustPolicy{Policy: Policy{Kind: TrustPolicy}, partition: orDefault(o.Partition, "aws")}
	if !awsname.ValidAccount(o.Account) {
		c.failf("role account %q is not 12 digits", o.Account)
	}
	if !awsname.ValidPartition(out.partition) {
		c.failf("%q is not an AWS partition such as aws or aws-cn", out.partition)
	}
	if o.MaxSession != 0 && (o.MaxSession < 3600 || o.MaxSession > 43200) {
		c.failf("a role's longest session is between 3600 and 43200 seconds, not %s", strconv.Itoa(o.MaxSession))
	}
	c.trustOIDC(&out, o)
	c.trustPrincipals(&out, o, role)
	if len(out.Statements) == 0 && len(c.problems) == 0 {
		c.failf("nobody is named who may assume the role")
	}
	return out
}

func (c *check) trustOIDC(out *trustPolicy, o TrustOptions) {
	if o.OIDC == nil {
		return
	}
	out.provider = c.issuer(o.OIDC.Issuer)
	var conditions []Condition
	trusted := *o.OIDC
	trusted.Subjects = make([]Subject, len(o.OIDC.Subjects))
	for i, s := range o.OIDC.Subjects {
		trusted.Subjects[i] = s.withIDs()
		out.namesOnly = out.namesOnly || s.Form == FormGitHub && trusted.Subjects[i].RepositoryID == ""
	}
	out.audiences, conditions = c.conditions(trusted, out.provider)
	// AWS looks for the provider in the role's own account, wherever the
	// platform that issues the tokens lives.
	out.Statements = append(out.Statements, Statement{
		Sid:        "AllowWebIdentity",
		Principals: []Principal{{"Federated", []string{out.provider.arn(out.partition, o.Account)}}},
		Actions:    []string{"sts:AssumeRoleWithWebIdentity"},
		Conditions: conditions,
	})
}

func (c *check) trustPrincipals(out *trustPolicy, o TrustOptions, role string) {
	if o.ExternalID != "" && !isExternalID(o.ExternalID) {
		c.failf("the external id is not 2 to 1224 letters, digits and +=,.@:/-_")
	}
	if o.ExternalID != "" && len(o.Principals) == 0 {
		c.failf("an external id is demanded of principals, and none is named")
	}
	if len(o.Principals) > 0 {
		s := Statement{
			Sid:        "AllowAssumeRole",
			Principals: []Principal{{"AWS", c.principals(o.Principals, out.partition)}},
			Actions:    []string{"sts:AssumeRole"},
		}
		if o.ExternalID != "" {
			s.Conditions = []Condition{{"StringEquals", "sts:ExternalId", []string{o.ExternalID}}}
		}
		out.Statements = append(out.Statements, s)
	}
	if o.Self {
		out.Statements = append(out.Statements, selfStatement(out.partition, o.Account, role))
	}
	if len(o.Services) > 0 {
		for _, s := range o.Services {
			if !awsname.IsServicePrincipal(s) {
				c.failf("%q is not a service such as ec2.amazonaws.com", s)
			}
		}
		out.Statements = append(out.Statements, Statement{
			Sid:        "AllowService",
			Principals: []Principal{{"Service", unique(o.Services)}},
			Actions:    []string{"sts:AssumeRole"},
		})
	}
}

func (c *check) compute(o RunnerOptions, t *TrustOptions) {
	partition := awsname.Partition(t.Partition)
	switch o.Compute {
	case EC2, none:
		t.Services = []string{partition.Service("ec2")}
	case ECS:
		t.Services = []string{partition.Service("ecs-tasks")}
	case Web:
		if o.OIDC == nil {
			c.failf("compute oidc needs an issuer and a subject")
		}
	default:
		c.failf("%q is not a compute: ec2, ecs or oidc", o.Compute)
	}
	if o.OIDC != nil && o.Compute != Web {
		c.failf("an issuer is given, but the runner gets its role from %s", orDefault(string(o.Compute), string(EC2)))
	}
	t.OIDC = o.OIDC
}
