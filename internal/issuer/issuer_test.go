package issuer_test

import (
	"testing"

	"github.com/pullpass/pullpass/internal/issuer"
)

const (
	github = "https://token.actions.githubusercontent.com"
	gitlab = "https://gitlab.com"
	google = "https://accounts.google.com"
)

// TestNamesOwner: the owner's segment is literal and closed by its separator.
func TestNamesOwner(t *testing.T) {
	for _, c := range []struct {
		issuer, claim, pattern string
		want                   bool
	}{
		{github, "sub", "repo:acme/app:*", true},
		{github, "sub", "repo:acme/app:ref:refs/heads/main", true},
		{github, "sub", "repo:acme/*", true},
		{github, "sub", "repo:acme/a?p*", true},
		{github, "sub", "repo:acme@123/app@456:*", true},
		{github, "sub", "repo:acme@*/app@*:*", true},
		{github, "sub", "repository_owner_id:123:*", true},
		{github, "sub", "repo:acme*", false},
		{github, "sub", "repo:acme*/app:*", false},
		{github, "sub", "repo:octo*/app*", false},
		{github, "sub", "repo:o?g/app:*", false},
		{github, "sub", "repo:a*/*:*", false},
		{github, "sub", "repo:*", false},
		{github, "sub", "repo:*/deploy:*", false},
		{github, "sub", "r*:*/*", false},
		{github, "sub", "*", false},
		{github, "sub", "*acme/app*", false},
		{github, "sub", "repo:", false},
		{github, "sub", "repo:/app:*", false},
		{github, "sub", "repo:@1/app:*", false},
		{github, "sub", "environment:production", false},
		{github, "sub", "ref:refs/heads/main", false},
		{github, "sub", "job_workflow_ref:acme/flows/.github/workflows/x.yml@refs/heads/main", false},
		{github, "sub", "repository_owner:acme*", false},
		{github, "repository", "acme/app", true},
		{github, "repository", "acme/*", true},
		{github, "repository", "octo*/app*", false},
		{github, "repository", "acme*/app", false},
		{github, "repository", "[a-z]*/*", false},
		{github, "repository_owner", "acme", true},
		{github, "repository_owner", "a*", false},
		{github, "repository_owner_id", "12?", false},
		{github, "repository_id", "456789", true},
		{github, "ref", "refs/heads/main", false},
		{github, "actor", "octocat", false},
		{github, "job_workflow_ref", "acme/flows/.github/workflows/x.yml@refs/heads/main", false},
		{gitlab, "sub", "project_path:mygroup/app:ref_type:branch:ref:main", true},
		{gitlab, "sub", "project_path:mygroup/*:ref_type:branch:ref:*", true},
		{gitlab, "sub", "project_path:*:ref_type:branch:ref:*", false},
		{gitlab, "sub", "project_path:mygroup*:ref_type:branch:ref:main", false},
		{gitlab, "project_path", "a*/*", false},
		{gitlab, "namespace_path", "mygroup*", false},
		{gitlab, "namespace_path", "mygroup/*", true},
		{gitlab, "namespace_path", "mygroup", true},
		{gitlab, "ref_protected", "true", false},
		{google, "email", "a*@gmail.com", false},
		{google, "email", "*@acme.example", false},
		{google, "email", "ada@acme.example", true},
		{"https://agent.buildkite.com", "sub", "organization:acme:pipeline:*", true},
		{"https://agent.buildkite.com", "sub", "organization:acme*", false},
		{"https://app.terraform.io", "sub", "organization:acme:project:*", true},
		{"https://app.terraform.io", "sub", "organization:*:workspace:prod*", false},
		{"https://api.pulumi.com/oidc", "sub", "pulumi:deploy:org:acme:*", true},
		{"https://api.pulumi.com/oidc", "sub", "pulumi:deploy:org:*", false},
		{"https://api.pulumi.com/oidc", "aud", "acme", true},
		{"https://api.pulumi.com/oidc", "aud", "sts.amazonaws.com", false},
		{"https://oidc.vercel.com", "sub", "owner:acme:project:*", true},
		{"https://oidc.vercel.com", "sub", "owner:*:project:app:*", false},
		{"https://oidc.vercel.com", "aud", "https://vercel.com/acme", true},
		{"https://oidc.vercel.com", "aud", "sts.amazonaws.com", false},
		{"https://oidc.circleci.com", "sub", "org/11111111-1111-1111-1111-111111111111/project/*", true},
		{"https://oidc.circleci.com", "sub", "org/*/project/x/user/y", false},
		{"https://cognito-identity.amazonaws.com", "aud", "eu-west-1:1234", true},
		{"https://proidc.upbound.io", "sub", "mcp:acme/ctp:provider:*", true},
		{"https://proidc.upbound.io", "sub", "mcp:acme*", false},
		{"https://scalr.io", "sub", "account:acme:environment:*", true},
		{"https://oidc.codefresh.io", "sub", "account:*", false},
	} {
		i, found := issuer.Shared(c.issuer)
		if !found {
			t.Fatalf("%s is not on the list of shared issuers", c.issuer)
		}
		if got := i.NamesOwner(c.claim, c.pattern); got != c.want {
			t.Errorf("%s: NamesOwner(%q, %q) = %v, want %v", i.Name, c.claim, c.pattern, got, c.want)
		}
	}
}

// TestShared: another spelling of the address is no way around the list, and an
// address that names its customer is not on it.
func TestShared(t *testing.T) {
	for _, url := range []string{"https://gitlab.com", "https://gitlab.com/", "https://GitLab.com", "gitlab.com", "http://gitlab.com"} {
		if _, found := issuer.Shared(url); !found {
			t.Errorf("Shared(%q) found nothing", url)
		}
	}
	for _, url := range []string{
		"https://gitlab.acme.example", "https://gitlab.com.evil.example", "https://evil.example/gitlab.com",
		"https://oidc.circleci.com/org/11111111-1111-1111-1111-111111111111", "https://acme.app.spacelift.io",
		"https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc", "https://oidc.vercel.com/acme",
	} {
		if i, found := issuer.Shared(url); found {
			t.Errorf("Shared(%q) = %s, want nothing", url, i.Name)
		}
	}
}

func TestGitHubForms(t *testing.T) {
	for subject, want := range map[string]bool{
		"repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main": true,
		"repo:octo-org@123456/octo-repo@456789":                     true,
		"repo:octo-org/octo-repo:ref:refs/heads/main":               false,
		"repo:octo-org@123456/octo-repo:ref:refs/heads/main":        false,
		"repo:octo-org/octo-repo:environment:a@1/b@2:":              false,
		"project_path:a@1/b@2:":                                     false,
	} {
		if got := issuer.HasIDs(subject); got != want {
			t.Errorf("HasIDs(%q) = %v, want %v", subject, got, want)
		}
	}
	for pattern, want := range map[string]bool{
		"repo:acme/app:*": true, "repo:acme/*": true, "repo:acme@1/app@2:*": false, "repo:acme@*/app@*:*": false,
		"repo:*/app:*": false, "repository_id:1:*": false, "repo:*": false,
	} {
		if got := issuer.NamesWithoutIDs(pattern); got != want {
			t.Errorf("NamesWithoutIDs(%q) = %v, want %v", pattern, got, want)
		}
	}
}

// TestTable: a row without an owner is a row that lets nobody in.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range issuer.All() {
		if i.Name == "" || i.Source == "" || seen[i.URL] {
			t.Errorf("%+v: a row has a name, a source and a URL of its own", i)
		}
		seen[i.URL] = true
		for _, c := range i.Owners {
			if len(c.Forms) == 0 {
				t.Errorf("%s: claim %s has no form", i.Name, c.Name)
			}
			for _, wide := range []string{"*", "?", "*a", "", "?*"} {
				if i.NamesOwner(c.Name, wide) {
					t.Errorf("%s: NamesOwner(%s, %q) = true", i.Name, c.Name, wide)
				}
			}
		}
	}
}
