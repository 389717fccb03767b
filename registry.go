package pullpass

import "time"

// Registry is a container registry that Pullpass may open: a host, optionally
// limited to a path prefix, and the way to authenticate.
//
// For an image the registry is chosen so: project before organization, then the
// longest host + path prefix. A tie is refused when saved.
type Registry struct {
	ID           RegistryID
	Organization OrganizationID
	Project      ProjectID // empty: the whole organization
	Name         string
	Host         string // canonical: internal/reference made it; cannot be changed
	PathPrefix   string // "team" covers team and team/app, not teams; empty covers all
	Auth         Auth   // the kind cannot be changed after creation
	Username     string // AuthBasic only; the password is sealed apart
	Integration  IntegrationID
	Runners      []RunnerID // empty: all runners
	Inside       Inside
	Generation   int64 // grows with each update
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Auth is how a registry is opened.
type Auth string

// The ways to open a registry.
const (
	AuthBasic        Auth = "basic"         // a stored username and password
	AuthIntegration  Auth = "integration"   // ECR through an Integration
	AuthRunnerNative Auth = "runner-native" // ECR through the runner's own AWS identity
)

// Inside says who holds credentials of a registry beside the runners that start
// environments, and for what.
type Inside string

// InsideNever is for starts alone: no person, token or CI job gets a credential.
// InsideLogin lets docker inside an environment log in, for the repositories of
// the environment's own images; InsideWhole for everything that the registry
// covers. For AuthBasic it is one password, so the default is never for
// organization registries and login for project ones.
const (
	InsideNever Inside = "never"
	InsideLogin Inside = "login"
	InsideWhole Inside = "whole"
)

// Open reports whether anybody but a runner that starts an environment may hold
// a credential of the registry.
func (i Inside) Open() bool { return i == InsideLogin || i == InsideWhole }

// DefaultInside is the Inside of a registry that does not say.
func DefaultInside(p ProjectID) Inside {
	if p == "" {
		return InsideNever
	}
	return InsideLogin
}

// ValidRegistryName reports whether s can name a registry, by the published rule of the
// platforms whose secrets it replaces: 3 to 127 letters, digits, underscores and hyphens.
func ValidRegistryName(s string) bool { return len(s) >= 3 && len(s) <= maxName && madeOf(s, "_-") }

// RegistryGeneration names one state of a registry: what an environment was
// started with stays in force for it until it is restarted or deleted.
// A registry that is deleted stays with it until it is deleted, too.
type RegistryGeneration struct {
	Registry   RegistryID `json:"registry"`
	Generation int64      `json:"generation"`
}
