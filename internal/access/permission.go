package access

// Permission is one thing that a caller may be allowed to do. Every route of the
// API names one.
type Permission string

// The permissions.
const (
	SelfRead Permission = "self.read"

	ProjectRead   Permission = "project.read"
	ProjectCreate Permission = "project.create"
	ProjectProve  Permission = "project.prove"
	ProjectDelete Permission = "project.delete"

	RegistryRead   Permission = "registry.read"
	RegistryCreate Permission = "registry.create"
	RegistryUpdate Permission = "registry.update"
	RegistryDelete Permission = "registry.delete"

	IntegrationRead   Permission = "integration.read"
	IntegrationCreate Permission = "integration.create"
	IntegrationUpdate Permission = "integration.update"
	IntegrationDelete Permission = "integration.delete"

	RepositoryRead   Permission = "repository.read"
	RepositoryCreate Permission = "repository.create"
	RepositoryUpdate Permission = "repository.update"
	RepositoryDelete Permission = "repository.delete"
	RepositorySet    Permission = "repository.set"

	RunnerRead   Permission = "runner.read"
	RunnerCreate Permission = "runner.create"
	RunnerUpdate Permission = "runner.update"
	RunnerDelete Permission = "runner.delete"
	RunnerWork   Permission = "runner.work"
	RunnerTry    Permission = "runner.try"

	EnvironmentRead    Permission = "environment.read"
	EnvironmentCreate  Permission = "environment.create"
	EnvironmentControl Permission = "environment.control"
	EnvironmentDelete  Permission = "environment.delete"
	EnvironmentTry     Permission = "environment.try"

	CredentialIssue Permission = "credential.issue"

	IdentityRead   Permission = "identity.read"
	IdentityUpdate Permission = "identity.update"
	IdentityIssue  Permission = "identity.issue"

	TrustRead   Permission = "trust.read"
	TrustCreate Permission = "trust.create"
	TrustDelete Permission = "trust.delete"

	TokenRead   Permission = "token.read"
	TokenCreate Permission = "token.create"
	TokenDelete Permission = "token.delete"

	MemberRead   Permission = "member.read"
	MemberAdd    Permission = "member.add"
	MemberDelete Permission = "member.delete"

	QuotaRead   Permission = "quota.read"
	QuotaUpdate Permission = "quota.update"

	SessionEnd Permission = "session.end"

	WebhookRead   Permission = "webhook.read"
	WebhookUpdate Permission = "webhook.update"

	AuditRead   Permission = "audit.read"
	AuditVerify Permission = "audit.verify"
	AuditPrune  Permission = "audit.prune"
)
