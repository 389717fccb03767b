package generate

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/pullpass/pullpass/internal/iam"
)

const trustedRole = "arn:aws:iam::222222222222:role/pullpass-pull"

// accepts asks a trust policy whether a token with these claims gets the role.
// An empty claim is absent.
func accepts(t tester, s Stack, issuer, audience, subject string) bool {
	t.Helper()
	name := issuer[len("https://"):]
	context := map[string][]string{}
	for claim, value := range map[string]string{"aud": audience, "sub": subject} {
		if value != "" {
			context[name+":"+claim] = []string{value}
		}
	}
	return iam.Evaluate(iam.Request{
		Action: "sts:AssumeRoleWithWebIdentity", Resource: trustedRole, ResourceAccount: "222222222222",
		Principal: who(t, "arn:aws:iam::222222222222:oidc-provider/"+name), Context: context,
	}, iam.Policies{Resource: []*iam.Policy{parsed(t, document(t, s, "trustPolicy"))}}).Effect == iam.Allowed
}

func TestTrustTakesExactly(t *testing.T) {
	const issuer = "https://id.example.com/o/1"
	for _, c := range []struct {
		subject Subject
		allow   []string
		deny    []string
	}{
		{
			Subject{Form: FormPullpass, Repository: "github.com/team/app"},
			[]string{"https://github.com/team/app/tree/main", "https://github.com/team/app/tree/release/1.2"},
			[]string{"https://github.com/team/app", "https://github.com/team/app2/tree/main", "https://github.com/other/app/tree/main", "referrer:jetbrains-gateway:x/https://github.com/team/app/tree/main"},
		},
		{
			Subject{Form: FormPullpass, Repository: "github.com/team/app", Branches: []string{"main", "release/*"}},
			[]string{"https://github.com/team/app/tree/main", "https://github.com/team/app/tree/release/1"},
			[]string{"https://github.com/team/app/tree/main2", "https://github.com/team/app/tree/dev", "https://github.com/team/app/tree/release"},
		},
		{
			Subject{Form: FormGitpod, Repository: "gitlab.example.com/a/b/c", Branches: []string{"main"}},
			[]string{"https://gitlab.example.com/a/b/c/tree/main", "referrer:jetbrains-gateway:intellij/https://gitlab.example.com/a/b/c/tree/main"},
			[]string{"https://gitlab.example.com/a/b/c/tree/dev", "referrer:vscode:x/https://gitlab.example.com/a/b/c/tree/main"},
		},
		{
			Subject{Form: FormGitHub, Repository: "team/app"},
			[]string{"repo:team/app:ref:refs/heads/main", "repo:team/app:pull_request"},
			[]string{"repo:team/apple:ref:refs/heads/main", "repo:other/team/app:x"},
		},
		{
			Subject{Form: FormGitHub, Repository: "team/app", Environments: []string{"production"}, Tags: []string{"v*"}},
			[]string{"repo:team/app:environment:production", "repo:team/app:ref:refs/tags/v1"},
			[]string{"repo:team/app:environment:staging", "repo:team/app:ref:refs/heads/v1", "repo:team/app:pull_request"},
		},
		{
			Subject{Form: FormGitLab, Repository: "group/app", Branches: []string{"main"}},
			[]string{"project_path:group/app:ref_type:branch:ref:main"},
			[]string{"project_path:group/app:ref_type:tag:ref:main", "project_path:group/app:ref_type:branch:ref:main2"},
		},
		{
			Subject{Form: FormKubernetes, Repository: "ci/runner"},
			[]string{"system:serviceaccount:ci:runner"},
			[]string{"system:serviceaccount:ci:runner2", "system:serviceaccount:default:runner"},
		},
		{
			Subject{Form: FormExact, Repository: "tenant*7/${aws:username}?"},
			[]string{"tenant*7/${aws:username}?"},
			[]string{"tenantX7/${aws:username}?", "tenant*7/bob?", "tenant*7/${aws:username}x"},
		},
		{
			Subject{Form: FormPullpass, Repository: "github.com/team/app", Branches: []string{"a${user}b", "x/*"}},
			[]string{"https://github.com/team/app/tree/a${user}b"},
			[]string{"https://github.com/team/app/tree/ab", "https://github.com/team/app/tree/abobb"},
		},
	} {
		stack, err := Trust(TrustOptions{Account: "222222222222", OIDC: &OIDC{Issuer: issuer, Subjects: []Subject{c.subject}}})
		if err != nil {
			t.Errorf("Trust(%+v) = %v", c.subject, err)
			continue
		}
		checkClean(t, string(c.subject.Form), stack)
		for _, sub := range c.allow {
			if !accepts(t, stack, issuer, defaultAudience, sub) {
				t.Errorf("%+v refuses %q", c.subject, sub)
			}
			if accepts(t, stack, issuer, "other", sub) || accepts(t, stack, issuer, "", sub) || accepts(t, stack, "https://id.example.com/o/2", defaultAudience, sub) {
				t.Errorf("%+v takes %q from another audience or issuer", c.subject, sub)
			}
		}
		for _, sub := range append(c.deny, "") {
			if accepts(t, stack, issuer, defaultAudience, sub) {
				t.Errorf("%+v takes %q", c.subject, sub)
			}
		}
	}
}

// TestExactSubjectIsLiteral: whatever stands in the subject, only that very
// subject is taken.
func TestExactSubjectIsLiteral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subject := rapid.StringMatching(`[!#-\[\]-~]{0,6}(\$\{[*?$a-z:]{0,6}\}|\*|\?|\$\$|\$){0,3}[!#-\[\]-~]{0,4}`).Filter(isClaim).Draw(t, "subject")
		other := rapid.StringMatching(`[!#-\[\]-~]{1,20}`).Draw(t, "other")
		literal := rapid.SampledFrom([]string{"x", "main"}).Draw(t, "beside")
		stack, err := Trust(TrustOptions{Account: "222222222222", OIDC: &OIDC{Issuer: "https://id.example.com", Subjects: []Subject{
			{Form: FormExact, Repository: subject}, {Form: FormPullpass, Repository: "github.com/a/b", Branches: []string{literal + "*"}},
		}}})
		if err != nil {
			t.Fatalf("Trust(%q) = %v", subject, err)
		}
		if !accepts(t, stack, "https://id.example.com", defaultAudience, subject) {
			t.Errorf("%q is not taken by %s", subject, document(t, stack, "trustPolicy").JSON())
		}
		if other != subject && accepts(t, stack, "https://id.example.com", defaultAudience, other) {
			t.Errorf("%q is taken by %s", other, document(t, stack, "trustPolicy").JSON())
		}
	})
}

func assumes(t tester, s Stack, caller, externalID string) bool {
	t.Helper()
	context := map[string][]string{}
	if externalID != "" {
		context["sts:ExternalId"] = []string{externalID}
	}
	all, err := iam.Parse([]byte(anything))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return iam.Evaluate(iam.Request{
		Action: "sts:AssumeRole", Resource: trustedRole, ResourceAccount: "222222222222", Principal: who(t, caller), Context: context,
	}, iam.Policies{
		Identity: []*iam.Policy{all}, Resource: []*iam.Policy{parsed(t, document(t, s, "trustPolicy"))},
	}).Effect == iam.Allowed
}

func TestTrustOfPrincipals(t *testing.T) {
	stack, err := Trust(TrustOptions{
		Account: "222222222222", Principals: []string{caller, "333333333333"}, ExternalID: "tenant-7", Self: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		caller, externalID string
		want               bool
	}{
		{caller, "tenant-7", true},
		{caller, "tenant-8", false},
		{caller, "", false},
		{"arn:aws:sts::111111111111:assumed-role/pull/job", "tenant-7", true},
		{"arn:aws:iam::111111111111:role/other", "tenant-7", false},
		{"arn:aws:iam::333333333333:user/u", "tenant-7", true},
		{"arn:aws:iam::444444444444:user/u", "tenant-7", false},
		{"arn:aws:sts::222222222222:assumed-role/pullpass-pull/s", "", true},
		{"arn:aws:sts::222222222222:assumed-role/other/s", "", false},
		{"ec2.amazonaws.com", "", false},
	} {
		if got := assumes(t, stack, c.caller, c.externalID); got != c.want {
			t.Errorf("%s with external id %q: %v, want %v", c.caller, c.externalID, got, c.want)
		}
	}
}

// TestRunner: EC2 hands out the role, the role may narrow itself, and it may
// pull but not push.
func TestRunner(t *testing.T) {
	stack, err := Runner(RunnerOptions{
		Registry: ireland, Repositories: []string{"team/*"}, Access: []Access{Pull}, Role: "pullpass-pull", Narrow: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	trust := []*iam.Policy{parsed(t, document(t, stack, "trustPolicy"))}
	own := []*iam.Policy{parsed(t, document(t, stack, "permissionsPolicy"))}
	session := "arn:aws:sts::222222222222:assumed-role/pullpass-pull/i-0"
	for _, c := range []struct {
		action, resource, caller string
		policies                 iam.Policies
		want                     bool
	}{
		{"sts:AssumeRole", trustedRole, "ec2.amazonaws.com", iam.Policies{Resource: trust}, true},
		{"sts:AssumeRole", trustedRole, "lambda.amazonaws.com", iam.Policies{Resource: trust}, false},
		{"sts:AssumeRole", trustedRole, session, iam.Policies{Identity: own, Resource: trust}, true},
		{"sts:AssumeRole", "arn:aws:iam::222222222222:role/admin", session, iam.Policies{Identity: own}, false},
		{"ecr:GetAuthorizationToken", "*", session, iam.Policies{Identity: own}, true},
		{"ecr:BatchGetImage", ireland.arn("team/app"), session, iam.Policies{Identity: own}, true},
		{"ecr:GetDownloadUrlForLayer", ireland.arn("team/app"), session, iam.Policies{Identity: own}, true},
		{"ecr:PutImage", ireland.arn("team/app"), session, iam.Policies{Identity: own}, false},
		{"ecr:BatchGetImage", ireland.arn("other/app"), session, iam.Policies{Identity: own}, false},
	} {
		d := iam.Evaluate(iam.Request{
			Action: c.action, Resource: c.resource, ResourceAccount: "222222222222", Principal: who(t, c.caller),
		}, c.policies)
		if got := d.Effect == iam.Allowed; got != c.want {
			t.Errorf("%s on %s by %s: %s, want allowed %v", c.action, c.resource, c.caller, d.Effect, c.want)
		}
	}
}
