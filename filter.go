package pullpass

import "time"

// RegistryFilter narrows a list of registries. A nil Project lists all, a
// pointer to "" those of the organization.
type RegistryFilter struct {
	Project *ProjectID
}

// EnvironmentFilter narrows a list of environments; empty fields do not narrow.
type EnvironmentFilter struct {
	Project ProjectID
	Runner  RunnerID
	Phase   Phase
}

// EventFilter narrows a list of audit records; empty fields do not narrow.
type EventFilter struct {
	Action      string
	Decision    Decision
	Caller      string // id or name of the caller
	Project     ProjectID
	Environment EnvironmentID
	Registry    RegistryID
	From        time.Time // inclusive
	To          time.Time // exclusive
	Newest      bool      // newest first; a page then starts before the sequence in Page.After
}
