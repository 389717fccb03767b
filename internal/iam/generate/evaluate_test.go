package generate

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/iam/lint"
)

// tester is what testing.T and rapid.T have in common.
type tester interface {
	Context() context.Context
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func parsed(t tester, p Policy) *iam.Policy {
	t.Helper()
	policy, err := iam.Parse(p.JSON())
	if err != nil {
		t.Fatalf("Parse(%s) = %v", p.JSON(), err)
	}
	return policy
}

func who(t tester, text string) iam.Principal {
	t.Helper()
	p, err := iam.ParsePrincipal(text)
	if err != nil {
		t.Fatalf("ParsePrincipal(%q) = %v", text, err)
	}
	return p
}

// document returns the stack's policy of that name.
func document(t tester, s Stack, name string) Policy {
	t.Helper()
	for _, d := range s.Documents() {
		if d.Name == name {
			return d.Policy
		}
	}
	t.Fatalf("no %s in %v", name, s)
	return Policy{}
}

// lintFacts gives the linter what is known about a policy of the stack.
func lintFacts(s Stack, kind PolicyKind) lint.Facts {
	for _, r := range s.Resources {
		switch r := r.(type) {
		case RoleResource:
			if kind == TrustPolicy || kind == IdentityPolicy {
				return lint.Facts{Account: r.Account}
			}
		case RepositoryResource:
			return lint.Facts{Account: r.Registry.Account}
		}
	}
	return lint.Facts{}
}

// checkClean demands that everything in the stack parses, is of the kind that
// it claims to be, and gives the linter nothing but information.
func checkClean(t tester, name string, s Stack) {
	t.Helper()
	for _, d := range s.Documents() {
		parsed(t, d.Policy)
		for _, text := range [][]byte{d.Policy.JSON(), d.Policy.Compact()} {
			report, err := lint.Document(text, lint.Unknown, lintFacts(s, d.Policy.Kind))
			if err != nil || string(report.Kind) != string(d.Policy.Kind) {
				t.Errorf("%s: %s looks like a %s policy, %v", name, d.Name, report.Kind, err)
			}
			for _, f := range report.Findings {
				if f.Severity != lint.Info {
					t.Errorf("%s: %s: %s %s: %s\n%s", name, d.Name, f.Severity, f.ID, f.Detail, text)
				}
			}
		}
	}
}

func TestSamplesAreClean(t *testing.T) {
	for name, stack := range samples(t) {
		if len(stack.Documents()) == 0 {
			t.Errorf("%s has no policy", name)
		}
		checkClean(t, name, stack)
	}
}

// everyAction is what a decision is asked for: all actions that any access
// needs, and some that none may give.
func everyAction() []string {
	out := actionsFor(Accesses())
	return append(out, "ecr:DeleteRepository", "ecr:BatchDeleteImage", "ecr:SetRepositoryPolicy", "ecr:BatchImportUpstreamImage",
		"ecr:CreateRepository", "ecr:ReplicateImage", "ecr:PutLifecyclePolicy", "sts:AssumeRole", "s3:GetObject")
}

var accessSets = rapid.Custom(func(t *rapid.T) []Access {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(Accesses()), 1, 3, rapid.ID[Access]).Draw(t, "accesses")
})

const (
	repositoryGrammar = `[a-z0-9]{2,8}([._-][a-z0-9]{1,4})?(/[a-z0-9]{1,6}(__?[a-z0-9]{1,3})?){0,2}`
	nameGrammar       = `[A-Za-z0-9+=,.@_-]{1,30}`
	anything          = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
)

// TestRoleAllowsExactly: the role's policy allows the asked accesses on the
// named repositories, the login, and nothing else anywhere.
func TestRoleAllowsExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(repositoryGrammar).Filter(awsname.ValidRepository).Draw(t, "repository")
		o := RoleOptions{
			Registry: ireland, Access: accessSets.Draw(t, "access"), Repositories: []string{name},
			PullThrough: rapid.Bool().Draw(t, "pull-through"), Role: rapid.StringMatching(nameGrammar).Draw(t, "role"),
		}
		wild := rapid.Bool().Draw(t, "pattern")
		if wild {
			o.Repositories = []string{name + "/*"}
		}
		stack, err := Role(o)
		if err != nil {
			t.Fatalf("Role(%+v) = %v", o, err)
		}
		checkClean(t, "role", stack)
		allowed := actionsFor(o.Access)
		if o.PullThrough {
			allowed = append(allowed, pullThroughActions()...)
		}
		policies := iam.Policies{Identity: []*iam.Policy{parsed(t, document(t, stack, "permissionsPolicy"))}}
		arn := func(account, region, name string) string {
			return "arn:aws:ecr:" + region + ":" + account + ":repository/" + name
		}
		resources := map[string]bool{
			arn("222222222222", "eu-west-1", name): !wild, arn("222222222222", "eu-west-1", name+"/deep/er"): wild,
			arn("222222222222", "eu-west-1", name+"x"): false, arn("222222222222", "eu-west-1", "x"+name): false,
			arn("222222222222", "eu-west-2", name): false, "*": false,
		}
		for resource, named := range resources {
			for _, action := range append(everyAction(), "ecr:GetAuthorizationToken") {
				want := named && slices.Contains(allowed, action) || action == "ecr:GetAuthorizationToken"
				d := iam.Evaluate(iam.Request{
					Action: action, Resource: resource, ResourceAccount: "222222222222",
					Principal: who(t, "arn:aws:sts::222222222222:assumed-role/r/s"),
				}, policies)
				if got := d.Effect == iam.Allowed; got != want {
					t.Errorf("%s on %s: %s, want allowed %v by %s", action, resource, d.Effect, want, document(t, stack, "permissionsPolicy").JSON())
				}
			}
		}
	})
}

// TestRepositoryAllowsExactly: cross-account, with a caller whose own policies
// allow everything, the repository policy decides.
func TestRepositoryAllowsExactly(t *testing.T) {
	all, err := iam.Parse([]byte(anything))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		named := "arn:aws:iam::111111111111:role/" + rapid.StringMatching(nameGrammar).Draw(t, "role")
		o := RepositoryOptions{
			Registry: ireland, Access: accessSets.Draw(t, "access"), Principals: []string{named},
			Repository: rapid.StringMatching(repositoryGrammar).Filter(awsname.ValidRepository).Draw(t, "repository"),
		}
		stack, err := Repository(o)
		if err != nil {
			t.Fatalf("Repository(%+v) = %v", o, err)
		}
		checkClean(t, "repository", stack)
		policy := parsed(t, document(t, stack, "repositoryPolicy"))
		for caller, mayBe := range map[string]bool{
			named: true, named + "x": false, strings.Replace(named, "1111", "3333", 1): false, "arn:aws:iam::111111111111:user/u": false,
		} {
			for _, action := range everyAction() {
				want := mayBe && slices.Contains(actionsFor(o.Access), action)
				d := iam.Evaluate(iam.Request{
					Action: action, Resource: ireland.arn(o.Repository), ResourceAccount: "222222222222", Principal: who(t, caller),
				}, iam.Policies{Identity: []*iam.Policy{all}, Resource: []*iam.Policy{policy}})
				if got := d.Effect == iam.Allowed; got != want && strings.HasPrefix(action, "ecr:") {
					t.Errorf("%s by %s: %s, want allowed %v", action, caller, d.Effect, want)
				}
			}
		}
	})
}

func TestRegistryAllowsExactly(t *testing.T) {
	all, err := iam.Parse([]byte(anything))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := Registry(RegistryOptions{
		Registry: ireland, Repositories: []string{"team/*"}, Principals: []string{"111111111111"}, Access: []Access{Pull}, Replicate: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	policy := parsed(t, document(t, stack, "registryPolicy"))
	want := append(actionsFor([]Access{Pull}), "ecr:ReplicateImage", "ecr:CreateRepository")
	for _, c := range []struct {
		caller, repository string
		may                bool
	}{
		{caller, "team/app", true}, {caller, "base", false}, {"arn:aws:iam::333333333333:role/x", "team/app", false},
	} {
		for _, action := range everyAction() {
			d := iam.Evaluate(iam.Request{
				Action: action, Resource: ireland.arn(c.repository), ResourceAccount: "222222222222", Principal: who(t, c.caller),
			}, iam.Policies{Identity: []*iam.Policy{all}, Resource: []*iam.Policy{policy}})
			if got, want := d.Effect == iam.Allowed, c.may && slices.Contains(want, action); got != want {
				t.Errorf("%s on %s by %s: %s, want allowed %v", action, c.repository, c.caller, d.Effect, want)
			}
		}
	}
}
