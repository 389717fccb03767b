package pullpass

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Action is what a credential is for.
type Action string

// The actions. Push includes pull.
const (
	ActionPull Action = "pull"
	ActionPush Action = "push"
)

// Credential opens a registry until it expires. It is never stored, but for the
// sealed copy that servers on one database hand each other while it is served:
// docs/decisions/handover.md.
type Credential struct {
	Host     string // the registry it belongs to: never send it anywhere else
	Username string
	Secret   Secret
	Expires  time.Time // zero: the registry sets no end (a stored password)
	// Native says that the runner's own identity made it: it never passed the server,
	// and goes nowhere on the server's word alone.
	Native bool
	// Unscoped says that it opens more than was asked for, because the registry
	// or the identity behind it cannot be narrowed.
	Unscoped bool
}

// ValidFor reports whether the credential can be used for at least d from now.
func (c Credential) ValidFor(d time.Duration, now time.Time) bool {
	return c.Expires.IsZero() || c.Expires.Sub(now) >= d
}

// Fingerprint names a credential without showing it: only who holds it can tell it.
func (c Credential) Fingerprint() string {
	if c.Secret.Empty() {
		return ""
	}
	sum := sha256.Sum256([]byte("pullpass credential\x00" + c.Username + "\x00" + c.Secret.Reveal()))
	return hex.EncodeToString(sum[:])
}

// Grant is the server's audited permission for a runner to mint a credential
// with its own AWS identity. That credential never passes the server.
type Grant struct {
	Organization OrganizationID
	Runner       RunnerID
	Project      ProjectID
	Environment  EnvironmentID
	Registry     RegistryGeneration
	Host         string
	Repositories []string // never empty
	Action       Action
	Inside       bool // for a person inside the environment, not for its start
	// Integration and Chain are set where the runner's identity is only the first
	// rung: it then assumes these roles, which are those of one generation.
	Integration           IntegrationID
	IntegrationGeneration int64
	Chain                 []RoleHop
	Expires               time.Time
}
