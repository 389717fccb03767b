package pullpass

import "time"

// RegistryChange is what an update may change of a registry; nil leaves a field
// as it is. Host, path prefix and auth kind are fixed at creation.
type RegistryChange struct {
	Name     *string
	Username *string
	Secret   *Secret
	Inside   *Inside
	Runners  *[]RunnerID
}

// IntegrationChange is what an update may change of an integration; nil leaves a
// field as it is. The mode is fixed at creation.
type IntegrationChange struct {
	Name        *string
	Account     *string
	Region      *string
	AccessKeyID *string
	Secret      *Secret
	Chain       *[]RoleHop
	Runners     *[]RunnerID
	Projects    *[]ProjectID
	Principal   *string
}

// RunnerChange is what an update may change of a runner; nil leaves a field as it
// is.
type RunnerChange struct {
	Projects *[]ProjectID
}

// RunnerReport is what a runner says of itself when it joins and at each
// heartbeat.
type RunnerReport struct {
	Version      string
	Capabilities []string
	AWSClaim     string
	AWSMessage   string
	Process      string // drawn anew by each process: two that alternate are two machines
	Machine      string // the machine's name, to tell two apart
	Phase        RunnerPhase
	Message      string
	At           time.Time
}

// StatusUpdate is what a runner reports of one environment. Start says which
// start it speaks of: a report about an older one is refused.
type StatusUpdate struct {
	Runner     RunnerID
	Start      int64
	Phase      Phase
	Status     []ServiceStatus
	Conditions []Condition
}

// Clone is a second machine with a runner's identity: two processes of one runner
// reported in turn. The one that was there first is kept.
type Clone struct {
	Kept    string // names of the machines, as they call themselves
	Refused string
}
