package pullpass

import (
	"strings"
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

const maxName = 127 // characters of a name

// ValidName reports whether s can name a project, an integration, a runner, an
// environment or an organization: 1 to 127 letters, digits, underscores, dots and
// hyphens, of which the first is a letter or a digit.
func ValidName(s string) bool {
	return s != "" && len(s) <= maxName && alphanumeric(s[0]) && madeOf(s, "_.-")
}

// madeOf reports whether s holds letters, digits and these bytes only. It is no regular
// expression: compiling one takes longer than the credential helper's whole work.
func madeOf(s, also string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte(also, s[i]) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
