package identity_test

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

func proved() identity.Subject {
	return identity.Subject{
		Organization: "org_a", Project: "prj_b", Environment: "env_c", Runner: "run_d",
		Repository: "https://Git.Example/acme/app.git", Ref: "feature/x", Commit: "0123abcd", Proved: true,
	}
}

func render(t *testing.T, template string, s identity.Subject) string {
	t.Helper()
	parsed, err := identity.ParseTemplate(template)
	if err != nil {
		t.Fatalf("ParseTemplate(%q): %v", template, err)
	}
	return parsed.Render(s)
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{"", "https://git.example/acme/app/tree/feature/x"},
		{"repository", "https://git.example/acme/app/tree/feature/x"},
		{"referrer:jetbrains-gateway:goland", "referrer:jetbrains-gateway:goland/https://git.example/acme/app/tree/feature/x"},
		{"ids", "organization:org_a:project:prj_b:environment:env_c"},
		{"project:{project_id}:ref:{ref}", "v1:project:prj_b:ref:feature/x"},
	} {
		if got := render(t, c.template, proved()); got != c.want {
			t.Errorf("Render(%q) = %q, want %q", c.template, got, c.want)
		}
	}
}

func TestASubjectIsEarned(t *testing.T) {
	for name, change := range map[string]func(*identity.Subject){
		"ownership not proved": func(s *identity.Subject) { s.Proved = false },
		"no commit resolved":   func(s *identity.Subject) { s.Commit = "" },
		"no ref":               func(s *identity.Subject) { s.Ref = "" },
		"local directory":      func(s *identity.Subject) { s.Repository = "" },
	} {
		s := proved()
		change(&s)
		for _, template := range []string{"repository", "referrer:jetbrains-gateway:goland", "x:{project_id}:{ref}"} {
			if got := render(t, template, s); !strings.HasPrefix(got, "unproved:") || strings.Contains(got, "acme") {
				t.Errorf("%s, template %q: sub = %q, want one that says so", name, template, got)
			}
		}
	}
}

func TestComponentsCannotForge(t *testing.T) {
	s := proved()
	s.Ref = "x*?${aws:userid}:y"
	if got := render(t, "repository", s); strings.ContainsAny(strings.TrimPrefix(got, "https://"), "*?$:{}") {
		t.Errorf("a ref reaches the subject unescaped: %q", got)
	}
	s = proved()
	s.Repository, s.Ref = "https://git.example/acme/app/tree/main", "x"
	if got := render(t, "repository", s); strings.HasPrefix(got, "https://git.example/acme/app/tree/") {
		t.Errorf("a repository below acme/app/tree passes for a branch of acme/app: %q", got)
	}
	s = proved()
	s.Repository = "https://git.example:8443/acme/app"
	if got := render(t, "repository", s); strings.HasPrefix(got, "https://git.example/") || !strings.Contains(got, "8443") {
		t.Errorf("another port passes for the same host: %q", got)
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	for _, bad := range []string{"constant", "https://git.example/acme/app/tree/main", "{project_id", "}{project_id}", "{nothing}{project_id}", "{project_id}*", "{project_id} x"} {
		if _, err := identity.ParseTemplate(bad); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("ParseTemplate(%q): %v, want invalid", bad, err)
		}
	}
	if got := render(t, "https://git.example/acme/app/tree/{project_id}", proved()); !strings.HasPrefix(got, "v1:") {
		t.Errorf("a custom template renders what a preset renders: %q", got)
	}
}
