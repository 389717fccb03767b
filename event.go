package pullpass

import (
	"time"
)

// Event is one audit record: who did what to which thing, and what was decided.
// It is written before what it tells of is revealed, and holds no secret.
type Event struct {
	Organization OrganizationID `json:"organization"`
	// Sequence counts the organization's events from 1 without a gap. It, Hash
	// and Previous are set by the store when the event is appended.
	Sequence int64  `json:"sequence"`
	Previous string `json:"previous"` // Hash of Sequence-1; empty for the first
	Hash     string `json:"hash"`

	At       time.Time  `json:"at"`
	Action   string     `json:"action"` // "credential.issue", "registry.update"
	Decision Decision   `json:"decision"`
	Reason   string     `json:"reason,omitempty"` // why it was denied or failed
	Caller   EventActor `json:"caller"`

	Project     ProjectID     `json:"project,omitempty"`
	Environment EnvironmentID `json:"environment,omitempty"`
	Runner      RunnerID      `json:"runner,omitempty"`
	Registry    RegistryID    `json:"registry,omitempty"`
	Generation  int64         `json:"generation,omitempty"`
	Integration IntegrationID `json:"integration,omitempty"`
	Target      string        `json:"target,omitempty"` // id or name of any other object
	// Detail holds what is particular to an action: host, repository, principal,
	// session policy. Keys and values are text and never secret.
	Detail map[string]string `json:"detail,omitempty"`
}

// EventActor is the Caller as the audit record keeps it.
type EventActor struct {
	Kind    CallerKind `json:"kind"`
	ID      string     `json:"id,omitempty"`
	Name    string     `json:"name,omitempty"`
	Address string     `json:"address,omitempty"`
}

// Actor is how c appears in an audit record.
func (c Caller) Actor() EventActor {
	return EventActor{Kind: c.Kind, ID: c.ID, Name: c.Name, Address: c.Address}
}

// Decision is how a request was answered.
type Decision string

// The decisions.
const (
	DecisionAllowed Decision = "allowed"
	DecisionDenied  Decision = "denied"
	DecisionFailed  Decision = "failed"
)
