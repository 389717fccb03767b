package broker

import (
	"github.com/pullpass/pullpass"
)

// Ask is what a credential is wanted for: one of an environment's repositories,
// or one of a project's where there is no environment.
type Ask struct {
	Environment pullpass.EnvironmentID
	Project     pullpass.ProjectID
	Runner      pullpass.RunnerID // if given, the caller's own
	Host        string
	Repository  string          // empty: the whole host, as far as the registry covers it
	Action      pullpass.Action // pull unless given
	Inside      bool            // for a person inside the environment, not for its start
	// Refused is the fingerprint of a credential that the registry has refused: proof
	// that the caller was given it. If it is what is kept, a new one is minted.
	Refused string
	// Found is the environment, if the caller has read it for this very request;
	// otherwise the broker reads it.
	Found *pullpass.Environment
}

// Issued is a credential, on record, and where it came from. For a registry
// opened by the runner's own identity there is a Grant instead.
type Issued struct {
	Credential   pullpass.Credential
	Grant        pullpass.Secret // signed: pullpass.Grant
	Registry     pullpass.RegistryID
	Generation   int64
	Integration  pullpass.IntegrationID
	Principal    string   // ARN of the identity that AWS sees; empty for basic
	Repositories []string // what it was narrowed to; empty: not narrowed
	Cached       bool
}
