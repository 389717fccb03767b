package broker

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// Store is what the broker reads. Every read names the organization.
type Store interface {
	Environment(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error)
	PinnedRegistries(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) ([]pullpass.Registry, error)
	RegistriesInForce(context.Context, pullpass.OrganizationID, pullpass.ProjectID) ([]pullpass.Registry, error)
	RegistrySecret(context.Context, pullpass.OrganizationID, pullpass.Registry) (pullpass.Secret, error)
	Integration(context.Context, pullpass.OrganizationID, pullpass.IntegrationID) (pullpass.Integration, error)
	IntegrationSecret(
		ctx context.Context,
		org pullpass.OrganizationID,
		id pullpass.IntegrationID,
		generation int64,
	) (pullpass.Secret, error)
	// RepositoryOfOthers returns the name of a repository of this account and
	// region that is kept for another project than this one and that pattern, a
	// name, "team/*" or "*", opens; empty where there is none.
	RepositoryOfOthers(
		ctx context.Context,
		org pullpass.OrganizationID,
		project pullpass.ProjectID,
		account, region, pattern string,
	) (string, error)
}

// Auditor records an event; nil means that it is on disk.
type Auditor interface {
	Record(context.Context, pullpass.Event) error
}

// Minter gets a credential from AWS.
type Minter interface {
	Mint(context.Context, MintRequest) (Minted, error)
}

// MintRequest says what is wanted of AWS, and as whom.
type MintRequest struct {
	Organization pullpass.OrganizationID
	Project      pullpass.ProjectID
	Environment  pullpass.EnvironmentID // set, with Project, where the credential is this one's alone
	Integration  pullpass.Integration
	Secret       pullpass.Secret // of the integration; empty where its mode has none
	Host         reference.Host
	Action       pullpass.Action
	// Repositories limit the credential: names, or "team/*" and "*" where the
	// whole of a registry was asked for. Never empty.
	Repositories []string
	// Fresh says that what was minted last is refused: no session that is still at
	// hand is built upon.
	Fresh bool
	// Wait returns when the account may be asked once more, and before each call
	// to AWS it has to be called; Limited means that it would take too long.
	Wait func(context.Context, Service) error
}

// Service is an AWS service with a quota of its own.
type Service string

// The services that minting calls.
const (
	ServiceSTS Service = "sts"
	ServiceECR Service = "ecr"
)

// Minted is a credential and what the audit record tells of it.
type Minted struct {
	Credential   pullpass.Credential
	Principal    string
	Repositories []string // what a session policy limits it to; empty: nothing does
	Policy       string   // that session policy
	Anonymous    string   // why there is no credential where none is needed; empty: there is one
	WebIdentity  string   // jti of the token that proved the integration to AWS; empty for other modes
}
