package access_test

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/access"
)

var update = flag.Bool("update", false, "write docs/access.md anew")

const document = "../../docs/access.md"

func TestDocument(t *testing.T) {
	want := access.Document()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/access.md is not the table in internal/access: run go test ./internal/access -update")
	}
}

const (
	ours     pullpass.OrganizationID = "org_ours"
	others   pullpass.OrganizationID = "org_others"
	payments pullpass.ProjectID      = "prj_payments"
	search   pullpass.ProjectID      = "prj_search"
)

func token(role pullpass.Role) pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerToken, Organization: ours, ID: "tok_1", Role: role}
}

func limited(role pullpass.Role) pullpass.Caller {
	c := token(role)
	c.Project = payments
	return c
}

func user(role pullpass.Role, p pullpass.ProjectID) pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerUser, Organization: ours, ID: "usr_1", Role: role, Project: p}
}

func runner() pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerRunner, Organization: ours, ID: "run_1", Runner: "run_1"}
}

func environment() pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerEnvironment, Organization: ours, ID: "env_1", Environment: "env_1", Runner: "run_1", Project: payments}
}

func of(p pullpass.ProjectID) access.Target {
	return access.Target{Organization: ours, Project: p, Runner: "run_1", Environment: "env_1"}
}

func TestCheck(t *testing.T) {
	elsewhere := of(payments)
	elsewhere.Organization = others
	otherRunner := of(payments)
	otherRunner.Runner, otherRunner.Environment = "run_2", "env_2"

	for _, test := range []struct {
		name       string
		caller     pullpass.Caller
		permission access.Permission
		target     access.Target
		want       string // "", "denied", "foreign"
	}{
		{"an owner", token(pullpass.RoleOwner), access.TokenCreate, of(""), ""},
		{"an admin makes no tokens", token(pullpass.RoleAdmin), access.TokenCreate, of(""), "denied"},
		{"an admin", token(pullpass.RoleAdmin), access.RegistryCreate, of(""), ""},
		{"a developer adds no registries", token(pullpass.RoleDeveloper), access.RegistryCreate, of(payments), "denied"},
		{"a developer", token(pullpass.RoleDeveloper), access.EnvironmentCreate, of(payments), ""},
		{"a developer reads no audit log", token(pullpass.RoleDeveloper), access.AuditRead, access.Any, "denied"},
		{"an auditor reads", token(pullpass.RoleAuditor), access.AuditRead, access.Any, ""},
		{"an auditor changes nothing", token(pullpass.RoleAuditor), access.EnvironmentControl, of(payments), "denied"},
		{"an auditor gets no credential", token(pullpass.RoleAuditor), access.CredentialIssue, of(payments), "denied"},

		{"its own project", limited(pullpass.RoleAdmin), access.RegistryUpdate, of(payments), ""},
		{"another project", limited(pullpass.RoleAdmin), access.RegistryUpdate, of(search), "foreign"},
		{"the organization's", limited(pullpass.RoleAdmin), access.RegistryUpdate, of(""), "foreign"},
		{"a limited admin makes no projects", limited(pullpass.RoleAdmin), access.ProjectCreate, access.Any, "denied"},
		{"a limited owner makes no tokens", limited(pullpass.RoleOwner), access.TokenCreate, access.Any, "denied"},
		{"runners belong to all projects", limited(pullpass.RoleDeveloper), access.RunnerRead, access.Target{Organization: ours}, ""},

		{"another organization, as owner", token(pullpass.RoleOwner), access.RegistryRead, elsewhere, "foreign"},
		{"another organization, as runner", runner(), access.EnvironmentRead, elsewhere, "foreign"},

		{"a runner's own environment", runner(), access.RunnerWork, of(payments), ""},
		{"another runner's environment", runner(), access.RunnerWork, otherRunner, "foreign"},
		{"a runner has no role's permissions", runner(), access.RegistryRead, of(payments), "denied"},
		{"an owner is no runner", token(pullpass.RoleOwner), access.RunnerWork, of(payments), "denied"},
		{"an environment itself", environment(), access.CredentialIssue, of(payments), ""},
		{"an environment and its neighbour", environment(), access.CredentialIssue, otherRunner, "foreign"},
		{"an environment changes nothing", environment(), access.EnvironmentControl, of(payments), "denied"},

		{"a person", user(pullpass.RoleOwner, ""), access.MemberAdd, of(""), ""},
		{"a person's own project", user(pullpass.RoleAdmin, payments), access.RegistryUpdate, of(payments), ""},
		{"another project than the person's", user(pullpass.RoleAdmin, payments), access.RegistryUpdate, of(search), "foreign"},
		{"the organization's, for a person of a project", user(pullpass.RoleOwner, payments), access.RegistryUpdate, of(""), "foreign"},
		{"the owner of a project adds nobody", user(pullpass.RoleOwner, payments), access.MemberAdd, access.Any, "denied"},
		{"the auditor of a project reads no audit log", user(pullpass.RoleAuditor, payments), access.AuditRead, access.Any, "denied"},
		{"a person in another organization", user(pullpass.RoleOwner, ""), access.ProjectRead, elsewhere, "foreign"},
		{"a person signs out", user(pullpass.RoleAuditor, payments), access.SessionEnd, access.Any, ""},
		{"a token signs out of nothing", token(pullpass.RoleOwner), access.SessionEnd, access.Any, "denied"},
		{"a person without a role", user("", ""), access.SelfRead, access.Any, "denied"},
		{"a role on a runner counts for nothing", func() pullpass.Caller { c := runner(); c.Role = pullpass.RoleOwner; return c }(), access.TokenCreate, access.Any, "denied"},
		{"no role", token(""), access.SelfRead, access.Any, "denied"},
		{"an invented role", token("root"), access.SelfRead, access.Any, "denied"},
		{"no organization", pullpass.Caller{Kind: pullpass.CallerToken, Role: pullpass.RoleOwner}, access.SelfRead, access.Any, "denied"},
		{"nobody", pullpass.Caller{}, access.SelfRead, access.Any, "denied"},
		{"an unknown permission", token(pullpass.RoleOwner), "registry.reveal", access.Any, "denied"},
	} {
		err := access.Check(test.caller, test.permission, test.target)
		if got := verdict(err); got != test.want {
			t.Errorf("%s: Check(%s %s, %q, %+v) = %v, want %q", test.name, test.caller.Kind, test.caller.Role, test.permission, test.target, err, test.want)
		}
	}
}

func verdict(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, access.ErrForeign):
		return "foreign"
	}
	return string(pullpass.KindOf(err))
}

// A limited caller never has what the same caller without the limit has not, and
// no caller has a permission for another organization.
func TestLimitsOnlyNarrow(t *testing.T) {
	for _, role := range []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin, pullpass.RoleDeveloper, pullpass.RoleAuditor} {
		whole := access.Permissions(token(role))
		for _, p := range access.Permissions(limited(role)) {
			if !slices.Contains(whole, p) {
				t.Errorf("%s limited to a project has %s, without the limit not", role, p)
			}
		}
		for _, p := range whole {
			if err := access.Check(token(role), p, access.Target{Organization: others, Project: payments}); !errors.Is(err, access.ErrForeign) {
				t.Errorf("Check(%s, %s, another organization) = %v, want ErrForeign", role, p, err)
			}
		}
	}
}

func TestDeniedNamesWhoMay(t *testing.T) {
	for _, test := range []struct {
		caller     pullpass.Caller
		permission access.Permission
		want       string
	}{
		{token(pullpass.RoleDeveloper), access.RegistryCreate, "owner or admin"},
		{token(pullpass.RoleOwner), access.RunnerWork, "runner"},
		{limited(pullpass.RoleOwner), access.TokenCreate, "not limited to a project"},
		{runner(), access.EnvironmentCreate, "owner, admin or developer"},
	} {
		err := access.Check(test.caller, test.permission, access.Any)
		if hint := pullpass.HintOf(err); !strings.Contains(hint, test.want) {
			t.Errorf("Check(%s, %s): hint %q, want it to name %q", test.caller.Role, test.permission, hint, test.want)
		}
	}
}

func TestMayGrant(t *testing.T) {
	for _, test := range []struct {
		caller  pullpass.Caller
		role    pullpass.Role
		project pullpass.ProjectID
		want    pullpass.Kind
	}{
		{token(pullpass.RoleOwner), pullpass.RoleOwner, "", ""},
		{token(pullpass.RoleOwner), pullpass.RoleDeveloper, payments, ""},
		{token(pullpass.RoleDeveloper), pullpass.RoleAdmin, "", pullpass.Denied},
		{token(pullpass.RoleDeveloper), pullpass.RoleAuditor, "", pullpass.Denied}, // who reads the audit log
		{token(pullpass.RoleAdmin), pullpass.RoleAuditor, "", ""},
		{limited(pullpass.RoleOwner), pullpass.RoleDeveloper, payments, ""},
		{limited(pullpass.RoleOwner), pullpass.RoleDeveloper, search, pullpass.Denied},
		{limited(pullpass.RoleOwner), pullpass.RoleDeveloper, "", pullpass.Denied},
		{runner(), pullpass.RoleDeveloper, "", pullpass.Denied},
		{token(pullpass.RoleOwner), "root", "", pullpass.Invalid},
	} {
		if got := pullpass.KindOf(access.MayGrant(test.caller, test.role, test.project)); got != test.want {
			t.Errorf("MayGrant(%s %s, %s, %q) = %q, want %q", test.caller.Role, test.caller.Project, test.role, test.project, got, test.want)
		}
	}
}
