package pullpass

import (
	"regexp"
	"time"
)

// Organization owns everything else. Nothing crosses from one to another.
type Organization struct {
	ID        OrganizationID
	Name      string
	CreatedAt time.Time
}

// Role is what a person or an API token may do in an organization; the table is
// in internal/access.
type Role string

// The roles, widest first.
const (
	RoleOwner     Role = "owner"     // everything, tokens and members included
	RoleAdmin     Role = "admin"     // registries, integrations, runners, projects
	RoleDeveloper Role = "developer" // environments and what they need
	RoleAuditor   Role = "auditor"   // read everything that is not a secret
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool {
	switch r {
	case RoleOwner, RoleAdmin, RoleDeveloper, RoleAuditor:
		return true
	}
	return false
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,126}$`)

// ValidName reports whether s can name a project, an integration, a runner, an
// environment or an organization.
func ValidName(s string) bool { return namePattern.MatchString(s) }
