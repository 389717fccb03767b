package pullpass

// Caller is who asks, as proved by a token, the agent socket or a CI system. It
// is made where the proof is checked and is an argument of everything that
// decides.
type Caller struct {
	Kind         CallerKind
	Organization OrganizationID
	ID           string // of the user, token, runner or environment
	Name         string // for people: never used to decide
	Role         Role   // CallerUser and CallerToken only
	// Project limits the caller to one project; empty for the organization.
	Project     ProjectID
	Action      Action        // CallerCI only: pull, or push and pull
	Runner      RunnerID      // CallerRunner, and CallerEnvironment through it
	Environment EnvironmentID // CallerEnvironment only
	Address     string        // where the request came from, for the audit record
}

// CallerKind is what kind of thing asks.
type CallerKind string

// The kinds of caller.
const (
	CallerUser        CallerKind = "user"
	CallerToken       CallerKind = "token" // an API token
	CallerRunner      CallerKind = "runner"
	CallerEnvironment CallerKind = "environment"
	CallerCI          CallerKind = "ci"
	CallerService     CallerKind = "service-account"
	CallerServer      CallerKind = "server" // Pullpass itself: setup, rotation
)
