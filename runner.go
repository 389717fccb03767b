package pullpass

import (
	"slices"
	"time"
)

// Runner is the agent beside a Docker Engine or in a Kubernetes cluster. It asks
// the server for wanted environments and makes them so.
type Runner struct {
	ID           RunnerID
	Organization OrganizationID
	Name         string
	Kind         RunnerKind
	Projects     []ProjectID // whose environments it takes; empty: any project's
	Hosted       bool        // operated by whoever operates the server
	Version      string
	Capabilities []string
	// AWSIdentity is the ARN of the runner's own AWS role or user: AWS has confirmed
	// it, and an administrator has approved it. Policies name this one only.
	AWSIdentity string
	AWSProved   string // what AWS confirmed last; it may differ and wait for approval
	AWSClaim    string // what the runner says that it is: nothing is decided by it
	AWSMessage  string // why no identity is known, or not confirmed
	AWSRole     string // a role whose sessions may join as this runner, without a token
	// ServerVersion is the server's, where it is another one than the runner's.
	ServerVersion string
	Phase         RunnerPhase
	Message       string // why it is degraded; empty otherwise
	Warning       string // another machine used the runner's token, and was refused
	LastSeenAt    time.Time
	Maker         Maker // who added it, or let its machine join last
	CreatedAt     time.Time
}

// Takes reports whether environments of p may be placed on it.
func (r Runner) Takes(p ProjectID) bool {
	return len(r.Projects) == 0 || slices.Contains(r.Projects, p)
}

// The codes of what keeps a runner from an environment: of conditions while one
// waits, and of refusals.
const (
	CodeRunnerNotForProject = "runner_not_for_project" // it does not take the project
	CodeRunnerNotJoined     = "runner_not_joined"      // no machine has joined as it
	CodeRunnerOffline       = "runner_offline"         // not seen lately, or signed off
	CodeRunnerDegraded      = "runner_degraded"        // its engine does not answer
	CodeRunnerTooOld        = "runner_too_old"         // for the server, or for what is asked of it
)

// RunnerKind is what runs the runner's containers.
type RunnerKind string

// The kinds of runner.
const (
	RunnerDocker     RunnerKind = "docker"
	RunnerKubernetes RunnerKind = "kubernetes"
)

// RunnerPhase is where a runner stands.
type RunnerPhase string

// The phases of a runner.
const (
	RunnerCreated  RunnerPhase = "created"  // no agent has joined yet
	RunnerActive   RunnerPhase = "active"   // seen lately, its engine answers
	RunnerDegraded RunnerPhase = "degraded" // seen lately, its engine does not answer
	RunnerInactive RunnerPhase = "inactive" // not seen lately
	RunnerDeleting RunnerPhase = "deleting"
)
