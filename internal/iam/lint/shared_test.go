package lint

import (
	"slices"
	"testing"

	"github.com/pullpass/pullpass/internal/iam"
)

// TestSharedIssuers: whose tokens a trust policy takes, at issuers that sign for
// everybody. The same patterns are refused in trusts of our own.
func TestSharedIssuers(t *testing.T) {
	const gitLab = "gitlab.com"
	like := func(issuer, claim, pattern string) string {
		return `"StringEquals":{"` + issuer + `:aud":"sts.amazonaws.com"},"StringLike":{"` + issuer + `:` + claim + `":"` + pattern + `"}`
	}
	for _, c := range []struct {
		issuer, conditions string
		want               []string // of the rules below
	}{
		{gitHub, like(gitHub, "sub", "repo:octo-org*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "repo:octo*/app*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "repo:org*/app:*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "repo:o?g/app:*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "repo:*/deploy:*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "repo:*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "*octo-org/app*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "job_workflow_ref:octo-org/flows/*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "repo:${aws:PrincipalTag/org}/*"), []string{"subject-too-broad"}},
		{gitHub, like(gitHub, "sub", "repo:octo-org/*"), []string{"subject-without-ids"}},
		{gitHub, like(gitHub, "sub", "repo:octo-org@123/octo-repo@456:*"), nil},
		{gitHub, `"StringLike":{"` + gitHub + `:aud":"sts.amazonaws.com","` + gitHub + `:sub":["repo:octo-org/octo-repo:*","repo:octo-org@1/octo-repo@2:*"]}`, nil},
		{gitHub, `"StringEquals":{"` + gitHub + `:aud":"sts.amazonaws.com","` + gitHub + `:repository_id":"456789"}`, []string{"subject-missing"}},
		{gitHub, `"StringEquals":{"` + gitHub + `:aud":"sts.amazonaws.com","` + gitHub + `:repository_id":"456789","` + gitHub + `:ref":"refs/heads/main"},` +
			`"StringLike":{"` + gitHub + `:sub":"repo:octo-org@123456/octo-repo@456789:*"}`, nil},
		{gitHub, `"StringEquals":{"` + gitHub + `:aud":"sts.amazonaws.com","` + gitHub + `:repository_id":"456789"},"StringLike":{"` + gitHub + `:sub":"repo:*"}`, nil},
		{gitHub, `"StringEquals":{"` + gitHub + `:aud":"sts.amazonaws.com","` + gitHub + `:sub":"repo:octo-org/octo-repo:ref:refs/heads/main","` + gitHub + `:event_name":"push"}`,
			[]string{"subject-without-ids", "claim-unmapped"}},
		{gitHub, `"StringEquals":{"` + gitHub + `:aud":"sts.amazonaws.com","` + gitHub + `:iss":"https://` + gitHub + `"}`, []string{"subject-missing", "claim-unmapped"}},
		{gitLab, like(gitLab, "sub", "project_path:*:ref_type:branch:ref:*"), []string{"subject-too-broad"}},
		{gitLab, like(gitLab, "sub", "project_path:mygroup*:ref_type:branch:ref:main"), []string{"subject-too-broad"}},
		{gitLab, like(gitLab, "sub", "project_path:mygroup/*:ref_type:branch:ref:main"), nil},
		{gitLab, like(gitLab, "sub", "project_path:mygroup/app:ref_type:branch:ref:main") + `,"StringEqualsIgnoreCase":{"gitlab.com:project_id":"7","gitlab.com:ref_protected":"true"}`, nil},
		{"app.terraform.io", like("app.terraform.io", "sub", "organization:*:workspace:production-cluster:*"), []string{"subject-too-broad"}},
		{"app.terraform.io", like("app.terraform.io", "sub", "organization:acme:*"), nil},
		{"agent.buildkite.com", like("agent.buildkite.com", "sub", "organization:acme*:pipeline:x"), []string{"subject-too-broad"}},
		{"api.pulumi.com/oidc", `"StringEquals":{"api.pulumi.com/oidc:aud":"acme"}`, nil},
		{"oidc.vercel.com", `"StringEquals":{"oidc.vercel.com:aud":"sts.amazonaws.com"}`, []string{"subject-too-broad"}},
		{"oidc.vercel.com", `"StringEquals":{"oidc.vercel.com:aud":"https://vercel.com/acme"}`, nil},
		{"gitlab.acme.example", like("gitlab.acme.example", "sub", "project_path:*:ref_type:branch:ref:main"), []string{"subject-too-broad"}},
		{"gitlab.acme.example", like("gitlab.acme.example", "sub", "project_path:mygroup*"), nil},
	} {
		report, err := Document([]byte(sharedTrust(c.issuer, c.conditions)), Trust, Facts{Account: "222222222222"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, id := range ids(report.Findings) {
			if slices.Contains([]string{"subject-too-broad", "subject-missing", "subject-without-ids", "claim-unmapped"}, id) {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\n  found %v, want %v", c.conditions, got, c.want)
		}
	}
}

// TestLintAgreesWithTheEvaluator: what the linter passes as one owner's does not let
// a stranger's token in.
func TestLintAgreesWithTheEvaluator(t *testing.T) {
	for _, c := range []struct{ pattern, stranger string }{
		{"repo:octo-org*", "repo:octo-org-evil/app:ref:refs/heads/main"},
		{"repo:octo*/app*", "repo:octo-evil/app-x:ref:refs/heads/main"},
		{"repo:octo-org/*", "repo:octo-org-evil/app:ref:refs/heads/main"},
		{"repo:octo-org@1/*", "repo:octo-org@12/app@3:ref:refs/heads/main"},
		{"repo:octo-org/app:*", "repo:evil/octo-org:ref:refs/heads/octo-org/app:x"},
	} {
		text := sharedTrust(gitHub, `"StringLike":{"`+gitHub+`:sub":"`+c.pattern+`"}`)
		report, err := Document([]byte(text), Trust, Facts{})
		if err != nil {
			t.Fatal(err)
		}
		trust, err := iam.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		caller, err := iam.ParsePrincipal(iam.ProviderARN("aws", "222222222222", "https://"+gitHub))
		if err != nil {
			t.Fatal(err)
		}
		decision := iam.Evaluate(iam.Request{
			Action: "sts:AssumeRoleWithWebIdentity", Resource: "arn:aws:iam::222222222222:role/ci", Principal: caller,
			Context: map[string][]string{gitHub + ":sub": {c.stranger}},
		}, iam.Policies{Resource: []*iam.Policy{trust}})
		found := slices.Contains(ids(report.Findings), "subject-too-broad")
		if found != (decision.Effect == iam.Allowed) {
			t.Errorf("%s: found %v, a stranger's token is %s", c.pattern, found, decision.Effect)
		}
	}
}
