package access

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
)

// reach is how far a caller that is limited to one project gets with a
// permission.
type reach string

const (
	nowhere    reach = "-"            // not at all: it is the organization's matter
	ownProject reach = "its project"  // objects of that project, not those of the organization
	wholeOrg   reach = "organization" // belongs to no project, and limited callers need it
	itself     reach = "itself"       // what it asks about is the caller
)

// rule is one line of the table.
type rule struct {
	permission Permission
	does       string // completes "cannot …"
	roles      []pullpass.Role
	kinds      []pullpass.CallerKind // callers without a role
	limited    reach
}

// allows decides by role and kind, before any object is known.
func (r rule) allows(c pullpass.Caller) bool {
	if c.Project != "" && r.limited == nowhere {
		return false
	}
	if hasRole(c.Kind) && slices.Contains(r.roles, c.Role) {
		return true
	}
	return slices.Contains(r.kinds, c.Kind)
}

// reaches decides whether the object is among those that the caller gets to.
func (r rule) reaches(c pullpass.Caller, t Target) bool {
	if c.Project != "" && r.limited == ownProject && t.Project != c.Project {
		return false
	}
	switch c.Kind {
	case pullpass.CallerRunner:
		return c.Runner != "" && t.Runner == c.Runner
	case pullpass.CallerEnvironment:
		return c.Environment != "" && t.Environment == c.Environment
	}
	return true
}

func (r rule) line() string {
	var b strings.Builder
	b.WriteString("| `" + string(r.permission) + "` | " + r.does + " |")
	for _, role := range everyRole {
		mark := "  "
		if slices.Contains(r.roles, role) {
			mark = " ✓ "
		}
		b.WriteString(mark + "|")
	}
	kinds := make([]string, len(r.kinds))
	for i, k := range r.kinds {
		kinds[i] = string(k)
		if k == pullpass.CallerCI {
			kinds[i] = "CI job"
		}
	}
	b.WriteString(" " + strings.Join(kinds, ", ") + " | " + string(r.limited) + " |\n")
	return b.String()
}

var (
	everyRole  = []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin, pullpass.RoleDeveloper, pullpass.RoleAuditor}
	developers = []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin, pullpass.RoleDeveloper}
	admins     = []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin}
	owners     = []pullpass.Role{pullpass.RoleOwner}
	watchers   = []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin, pullpass.RoleAuditor}

	noKind  []pullpass.CallerKind
	runner  = []pullpass.CallerKind{pullpass.CallerRunner}
	machine = []pullpass.CallerKind{
		pullpass.CallerRunner,
		pullpass.CallerEnvironment,
		pullpass.CallerCI,
		pullpass.CallerService,
	}
	people = []pullpass.CallerKind{pullpass.CallerUser} // whatever their role
	inside = []pullpass.CallerKind{pullpass.CallerRunner, pullpass.CallerEnvironment}
)

// table is all there is. Users and API tokens have what their role has; a runner
// reaches its own environments, an environment itself, and nobody leaves their
// organization.
var table = []rule{
	{SelfRead, "see who you are", everyRole, machine, itself},

	{ProjectRead, "read projects", everyRole, noKind, ownProject},
	{ProjectCreate, "create a project", admins, noKind, nowhere},
	{ProjectProve, "prove whose a project's repository is", admins, noKind, ownProject},
	{ProjectDelete, "delete a project", admins, noKind, nowhere},

	{RegistryRead, "read registries", everyRole, noKind, ownProject},
	{RegistryCreate, "add a registry", admins, noKind, ownProject},
	{RegistryUpdate, "update a registry", admins, noKind, ownProject},
	{RegistryDelete, "delete a registry", admins, noKind, ownProject},

	{IntegrationRead, "read integrations", everyRole, noKind, wholeOrg},
	{IntegrationCreate, "add an integration", admins, noKind, nowhere},
	{IntegrationUpdate, "update an integration", admins, noKind, nowhere},
	{IntegrationDelete, "delete an integration", admins, noKind, nowhere},

	{RepositoryRead, "read repositories", everyRole, noKind, ownProject},
	{RepositoryCreate, "create a repository", admins, noKind, ownProject},
	{RepositoryUpdate, "update a repository", admins, noKind, ownProject},
	{RepositoryDelete, "delete a repository", admins, noKind, ownProject},
	{RepositorySet, "set the defaults of all repositories", admins, noKind, nowhere},

	{RunnerRead, "read runners", everyRole, noKind, wholeOrg},
	{RunnerCreate, "add a runner", admins, noKind, nowhere},
	{RunnerUpdate, "update a runner, let it join again, approve its AWS identity", admins, noKind, nowhere},
	{RunnerDelete, "delete a runner", admins, noKind, nowhere},
	{RunnerWork, "do the work of a runner", nil, runner, nowhere},
	{RunnerTry, "try a registry or an integration on a runner", admins, noKind, wholeOrg},

	{EnvironmentRead, "read environments", everyRole, inside, ownProject},
	{EnvironmentCreate, "create an environment; see the values of its variables", developers, noKind, ownProject},
	{EnvironmentControl, "start or stop an environment", developers, noKind, ownProject},
	{EnvironmentDelete, "delete an environment", developers, noKind, ownProject},
	{EnvironmentTry, "try an environment's pulls on its runner", developers, noKind, ownProject},

	{CredentialIssue, "get a registry credential", developers, machine, ownProject},

	{IdentityRead, "see the identity provider's settings", everyRole, noKind, wholeOrg},
	{IdentityUpdate, "change what identity tokens say", admins, noKind, nowhere},
	{IdentityIssue, "get an identity token for an environment", nil, runner, nowhere},

	{TrustRead, "read trusted issuers", watchers, noKind, nowhere},
	{TrustCreate, "trust an issuer", admins, noKind, nowhere},
	{TrustDelete, "stop trusting an issuer", admins, noKind, nowhere},

	{TokenRead, "read tokens", watchers, noKind, nowhere},
	{TokenCreate, "create a token", owners, noKind, nowhere},
	{TokenDelete, "delete a token", owners, noKind, nowhere},

	{MemberRead, "read members", watchers, noKind, nowhere},
	{MemberAdd, "add a member", owners, noKind, nowhere},
	{MemberDelete, "delete a member", owners, noKind, nowhere},

	{QuotaRead, "see the quotas", everyRole, noKind, wholeOrg},
	{QuotaUpdate, "set the organization's own quotas", owners, noKind, nowhere},

	{SessionEnd, "sign out", nil, people, itself},

	{WebhookRead, "see where audit records are sent", admins, noKind, nowhere},
	{WebhookUpdate, "send audit records elsewhere", owners, noKind, nowhere},

	{AuditRead, "read the audit log", watchers, noKind, nowhere},
	{AuditVerify, "verify the audit log", watchers, noKind, nowhere},
	{AuditPrune, "remove old audit records", owners, noKind, nowhere},
}
