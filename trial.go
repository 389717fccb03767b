package pullpass

import "time"

// TrialID identifies a trial.
type TrialID string // trl_…

// NewTrialID returns a new, unique identifier.
func NewTrialID() TrialID { return TrialID(newID("trl")) }

// Trial is something that a runner tries once, where its pulls are made, for
// somebody who waits for the outcome. It is wanted state like everything else that
// a runner gets, and short-lived: nothing of it stays.
type Trial struct {
	ID           TrialID
	Organization OrganizationID
	Runner       RunnerID
	Subject      TrialSubject
	Asked        EventActor // who waits
	State        TrialState
	Result       string // JSON, as the runner's report was understood; TrialDone only
	CreatedAt    time.Time
	ExpiresAt    time.Time
}

// TrialSubject is what is tried: a registry, an integration, or an image of an
// environment.
type TrialSubject struct {
	Kind TrialKind
	// Registry is opened, and Repository pulled from it; without one, the login alone
	// is tried. A registry without an ID is not saved: its password is sealed beside
	// the trial until the runner takes it.
	Registry    Registry
	Repository  string
	Tag         string
	Integration IntegrationID
	// Image is pulled as a start of the environment would.
	Environment EnvironmentID
	Image       string
}

// TrialKind is what kind of thing is tried.
type TrialKind string

// The kinds of trial.
const (
	TrialRegistry    TrialKind = "registry"
	TrialIntegration TrialKind = "integration"
	TrialEnvironment TrialKind = "environment"
)

// TrialState is how far a trial has got.
type TrialState string

// The states of a trial.
const (
	TrialWaiting TrialState = "waiting" // for its runner
	TrialTaken   TrialState = "taken"
	TrialDone    TrialState = "done"
)

// TrialLimits bound how many trials are under way at the same time.
type TrialLimits struct{ Runner, Organization int }

// CapabilityTrials is what a runner declares that makes trials.
const CapabilityTrials = "trials"
