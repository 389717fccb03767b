package pullpass

import "time"

// Project is a repository whose environments share registries. Its name is
// unique in the organization.
type Project struct {
	ID           ProjectID
	Organization OrganizationID
	Name         string
	Repository   string // https URL of the Git repository; empty if there is none
	// OwnershipProved is set when the organization has shown that Repository is
	// its own; only then may the repository appear in an identity token.
	OwnershipProved bool
	CreatedAt       time.Time
}

// GitLogin is how a project's repository is read at its Git host where it is not
// open to everybody; the zero value is nobody. Who may push with it has shown
// whose the repository is.
type GitLogin struct {
	Username string
	Password Secret // an access token of the host
}
