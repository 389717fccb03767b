package httpapi

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/broker"
)

// Store is what the routes need of the store; *store.DB has all of it.
type Store interface {
	organizationStore
	projectStore
	registryStore
	integrationStore
	repositoryStore
	runnerStore
	environmentStore
	tokenStore
	quotaStore
	subjectStore
	trustStore
	peopleStore
	webhookStore
	trialStore
	auditStore
	Events(context.Context, pullpass.OrganizationID, pullpass.EventFilter, pullpass.Page) (pullpass.List[pullpass.Event], error)
	// Ping writes; CheckAudit and CheckKeys tell what else a server needs to be ready.
	Ping(context.Context) error
	CheckAudit(context.Context, pullpass.OrganizationID) error
	CheckKeys(context.Context) error
}

type organizationStore interface {
	// ReplaceSetupToken makes none once the server is set up; SetUp spends it.
	ReplaceSetupToken(context.Context, pullpass.Token) (made bool, err error)
	SetUp(ctx context.Context, setup pullpass.TokenHash, o pullpass.Organization) (pullpass.Organization, error)
	Organization(context.Context, pullpass.OrganizationID) (pullpass.Organization, error)
	OrganizationByName(ctx context.Context, name string) (pullpass.Organization, error)
	Organizations(context.Context, pullpass.Page) (pullpass.List[pullpass.Organization], error)
}

type projectStore interface {
	CreateProject(context.Context, pullpass.Project) (pullpass.Project, error)
	Project(context.Context, pullpass.OrganizationID, pullpass.ProjectID) (pullpass.Project, error)
	ProjectByName(context.Context, pullpass.OrganizationID, string) (pullpass.Project, error)
	Projects(context.Context, pullpass.OrganizationID, pullpass.Page) (pullpass.List[pullpass.Project], error)
	DeleteProject(context.Context, pullpass.OrganizationID, pullpass.ProjectID) error
}

type registryStore interface {
	CreateRegistry(context.Context, pullpass.Registry, pullpass.Secret) (pullpass.Registry, error)
	Registry(context.Context, pullpass.OrganizationID, pullpass.RegistryID) (pullpass.Registry, error)
	RegistryByName(context.Context, pullpass.OrganizationID, pullpass.ProjectID, string) (pullpass.Registry, error)
	Registries(context.Context, pullpass.OrganizationID, pullpass.RegistryFilter, pullpass.Page) (pullpass.List[pullpass.Registry], error)
	UpdateRegistry(context.Context, pullpass.OrganizationID, pullpass.RegistryID, pullpass.RegistryChange) (pullpass.Registry, error)
	DeleteRegistry(context.Context, pullpass.OrganizationID, pullpass.RegistryID) error
	// RegistriesInForce are a project's and the organization's.
	RegistriesInForce(context.Context, pullpass.OrganizationID, pullpass.ProjectID) ([]pullpass.Registry, error)
}

type integrationStore interface {
	CreateIntegration(context.Context, pullpass.Integration, pullpass.Secret) (pullpass.Integration, error)
	Integration(context.Context, pullpass.OrganizationID, pullpass.IntegrationID) (pullpass.Integration, error)
	IntegrationByName(context.Context, pullpass.OrganizationID, string) (pullpass.Integration, error)
	Integrations(context.Context, pullpass.OrganizationID, pullpass.Page) (pullpass.List[pullpass.Integration], error)
	UpdateIntegration(context.Context, pullpass.OrganizationID, pullpass.IntegrationID, pullpass.IntegrationChange) (pullpass.Integration, error)
	DeleteIntegration(context.Context, pullpass.OrganizationID, pullpass.IntegrationID) error
}

type runnerStore interface {
	CreateRunner(context.Context, pullpass.Runner) (pullpass.Runner, error)
	Runner(context.Context, pullpass.OrganizationID, pullpass.RunnerID) (pullpass.Runner, error)
	RunnerByName(context.Context, pullpass.OrganizationID, string) (pullpass.Runner, error)
	Runners(context.Context, pullpass.OrganizationID, pullpass.Page) (pullpass.List[pullpass.Runner], error)
	UpdateRunner(context.Context, pullpass.OrganizationID, pullpass.RunnerID, pullpass.RunnerChange) (pullpass.Runner, error)
	// DeleteRunner deletes its environments with it, if they are to be forgotten.
	DeleteRunner(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID, forget bool) error
	// RecordHeartbeat says whether a second machine has the runner's token.
	RecordHeartbeat(context.Context, pullpass.OrganizationID, pullpass.RunnerID, pullpass.RunnerReport) (*pullpass.Clone, error)
	// JoinRunner spends a join token, if there is one, for the runner's own.
	JoinRunner(ctx context.Context, join pullpass.TokenHash, token pullpass.Token, r pullpass.RunnerReport) (pullpass.Runner, error)
	ReplaceJoinToken(context.Context, pullpass.Token) error
	// RecordIdentity keeps what AWS confirmed; first: it is approved, if none is yet.
	RecordIdentity(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID, proved string, first bool) (pullpass.Runner, error)
	ApproveIdentity(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID, identity string) (pullpass.Runner, error)
	// UseChallenge is Conflict for one that was answered before.
	UseChallenge(ctx context.Context, id string, expires time.Time) error
}

type environmentStore interface {
	CreateEnvironment(context.Context, pullpass.Environment) (pullpass.Environment, error)
	Environment(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error)
	// KnownEnvironment is Environment for callers that ask again and again.
	KnownEnvironment(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error)
	EnvironmentByName(context.Context, pullpass.OrganizationID, pullpass.ProjectID, string) (pullpass.Environment, error)
	// WithVariables adds the values that the others leave out.
	WithVariables(context.Context, pullpass.Environment) (pullpass.Environment, error)
	Environments(context.Context, pullpass.OrganizationID, pullpass.EnvironmentFilter, pullpass.Page) (pullpass.List[pullpass.Environment], error)
	WantedOf(context.Context, pullpass.OrganizationID, pullpass.RunnerID, pullpass.Page) (pullpass.List[pullpass.Environment], error)
	// ForgetEnvironment makes it deleted without its runner's word.
	ForgetEnvironment(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error)
	SetWanted(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID, pullpass.Wanted) (pullpass.Environment, error)
	Restart(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error)
	UpdateStatus(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID, pullpass.StatusUpdate) (pullpass.Environment, error)
	AppendOutput(ctx context.Context, org pullpass.OrganizationID, env pullpass.EnvironmentID, service string, start, offset int64, data []byte) error
	Output(ctx context.Context, org pullpass.OrganizationID, env pullpass.EnvironmentID, service string) (data []byte, offset int64, err error)
	// Watch returns a channel that gets a value after changes to what a key names:
	// the id of an environment, or of a runner for the environments it has. It is
	// closed when ctx ends or the store is.
	Watch(ctx context.Context, org pullpass.OrganizationID, keys ...string) <-chan struct{}
}

type quotaStore interface {
	Quotas(ctx context.Context, org pullpass.OrganizationID, project pullpass.ProjectID, member string) ([]pullpass.QuotaUse, error)
	SetQuota(ctx context.Context, org pullpass.OrganizationID, q pullpass.Quota, limit *int64) error
}

type tokenStore interface {
	CreateToken(context.Context, pullpass.Token) (pullpass.Token, error)
	TokenByHash(context.Context, pullpass.TokenHash) (pullpass.Token, error)
	Tokens(context.Context, pullpass.OrganizationID, pullpass.Page) (pullpass.List[pullpass.Token], error)
	DeleteToken(context.Context, pullpass.OrganizationID, pullpass.TokenID) error
	// ExchangeToken is Conflict for a subject token that was exchanged before.
	ExchangeToken(ctx context.Context, t pullpass.Token, subject string, until time.Time) error
	TokenExchanged(ctx context.Context, org pullpass.OrganizationID, subject string) (bool, error)
}

// Auditor records before anything is done or revealed: the audit door.
type Auditor interface {
	Record(context.Context, pullpass.Event) error
}

// VerifyAudit checks an organization's audit chain: audit.Verify on a store.
type VerifyAudit func(ctx context.Context, org pullpass.OrganizationID, since audit.Head) (audit.Report, error)

// auditStore signs the end of an audit chain, and cuts its beginning off.
type auditStore interface {
	Checkpoint(context.Context, pullpass.OrganizationID) (head audit.Head, note, key string, err error)
	PruneEvents(ctx context.Context, org pullpass.OrganizationID, before time.Time) (cut audit.Head, removed int64, err error)
}

// Issuer is the broker: it chooses the registry, decides, audits, and only then
// answers.
type Issuer interface {
	Issue(context.Context, pullpass.Caller, broker.Ask) (broker.Issued, error)
	Hosts(context.Context, pullpass.Caller, pullpass.ProjectID) ([]string, error)
}
