package provision

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// Store is what the keeper reads and writes.
type Store interface {
	CreateRepository(context.Context, pullpass.Repository, pullpass.Registry) (pullpass.Repository, error)
	Repository(context.Context, pullpass.OrganizationID, pullpass.RepositoryID) (pullpass.Repository, error)
	RepositoryAt(
		ctx context.Context,
		org pullpass.OrganizationID,
		account, region, name string,
	) (pullpass.Repository, error)
	RepositoryOf(context.Context, pullpass.OrganizationID, pullpass.RegistryID) (pullpass.Repository, error)
	SetRepositorySettings(
		context.Context,
		pullpass.OrganizationID,
		pullpass.RepositoryID,
		pullpass.RepositorySettings,
	) (pullpass.Repository, error)
	ReportRepository(
		ctx context.Context,
		org pullpass.OrganizationID,
		id pullpass.RepositoryID,
		principals []string,
		reason string,
	) (pullpass.Repository, error)
	DeleteRepository(context.Context, pullpass.OrganizationID, pullpass.RepositoryID) error
	RepositoryDefaults(context.Context, pullpass.OrganizationID) (pullpass.RepositorySettings, error)
	Project(context.Context, pullpass.OrganizationID, pullpass.ProjectID) (pullpass.Project, error)
	Integration(context.Context, pullpass.OrganizationID, pullpass.IntegrationID) (pullpass.Integration, error)
	IntegrationSecret(
		ctx context.Context,
		org pullpass.OrganizationID,
		id pullpass.IntegrationID,
		generation int64,
	) (pullpass.Secret, error)
	Runners(context.Context, pullpass.OrganizationID, pullpass.Page) (pullpass.List[pullpass.Runner], error)
}

// AWS is asked as an integration.
type AWS interface {
	// Principal says who the integration is: its account, and the ARN that a policy
	// names.
	Principal(context.Context, Identity) (account, arn string, err error)
	// KeepRepository makes the repository and everything about it as wanted.
	KeepRepository(context.Context, Wanted) (Kept, error)
	// RemoveRepository deletes it with its images; one that is not there is fine.
	RemoveRepository(context.Context, Wanted) error
}

// Auditor records an event; nil means that it is on disk.
type Auditor interface {
	Record(context.Context, pullpass.Event) error
}

// Identity is an integration and what it takes to be it.
type Identity struct {
	Organization pullpass.OrganizationID
	Project      pullpass.ProjectID
	Integration  pullpass.Integration
	Secret       pullpass.Secret // ModeAccessKey only
	Host         reference.Host  // through whose endpoints AWS is asked; may be empty
	// Wait returns when the account may be asked once more of a service (sts, ecr).
	Wait func(ctx context.Context, service string) error
}

// Wanted is what a repository is to be.
type Wanted struct {
	Identity
	Name  string
	Rules pullpass.RepositoryRules
	Pull  []string // principals that the policy names
	Push  []string
	// Ours are the tags by which a repository is known as this project's. One
	// without them is left alone unless Adopt.
	Ours  map[string]string
	Adopt bool
}

// Kept says what had to be done.
type Kept struct {
	Changed  []string // what was not as wanted; "created" first where it was not there
	Unscoped bool     // the session could not be limited to the repository
}
