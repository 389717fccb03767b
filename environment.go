package pullpass

import "time"

// Environment is wanted state, written by a caller, and actual state, reported
// by its runner: one or more services of one project on one runner.
type Environment struct {
	ID           EnvironmentID
	Organization OrganizationID
	Project      ProjectID
	Runner       RunnerID
	Name         string
	// Creator is who created it, while it is created: it counts for them.
	Creator  string
	Services []Service
	// Ref and Commit are what the project's repository was at when it was created,
	// as the server resolved them; empty without a repository.
	Ref        string
	Commit     string
	Wanted     Wanted
	Phase      Phase
	Conditions []Condition
	Status     []ServiceStatus
	// Registries are the generations in force when it was last started.
	Registries []RegistryGeneration
	// Start counts the starts: a restart is Start+1 with new Registries.
	Start int64
	// Revision grows with every change, wanted or actual; a reader that has
	// revision n can wait for n+1.
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Service is one container of an environment.
type Service struct {
	Name    string   `json:"name"`
	Image   string   `json:"image"`
	Command []string `json:"command,omitempty"`
	// Entrypoint, User and WorkingDir take the place of the image's own.
	Entrypoint []string `json:"entrypoint,omitempty"`
	User       string   `json:"user,omitempty"`
	WorkingDir string   `json:"working_dir,omitempty"`
	// DependsOn are services of the same environment that are started before this one.
	DependsOn []string          `json:"depends_on,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	// EnvNames are the names of the variables, where they are told without values.
	EnvNames []string `json:"env_names,omitempty"`
}

// Wanted is what the caller wants of an environment.
type Wanted string

// What can be wanted.
const (
	WantedRunning Wanted = "running"
	WantedStopped Wanted = "stopped"
	WantedDeleted Wanted = "deleted"
)

// Phase is where an environment stands.
type Phase string

// The phases of an environment.
const (
	PhaseCreating Phase = "creating"
	PhaseStarting Phase = "starting"
	PhaseRunning  Phase = "running"
	PhaseStopping Phase = "stopping"
	PhaseStopped  Phase = "stopped"
	PhaseFailed   Phase = "failed" // the runner keeps trying; conditions say why
	PhaseDeleting Phase = "deleting"
	PhaseDeleted  Phase = "deleted"
)

// Condition is something that went wrong or is worth knowing, in a form that
// programs can tell apart and people can act on.
type Condition struct {
	Code     string    `json:"code"` // "pull_denied", "unscoped"
	Severity Severity  `json:"severity"`
	Service  string    `json:"service,omitempty"`
	Registry string    `json:"registry,omitempty"`
	What     string    `json:"what"`
	Cause    string    `json:"cause,omitempty"`
	Fix      string    `json:"fix,omitempty"`
	At       time.Time `json:"at"`
}

// Severity orders conditions.
type Severity string

// The severities: an error keeps a service from running, a warning does not.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// ServiceStatus is what a runner reports of one service.
type ServiceStatus struct {
	Name      string       `json:"name"`
	State     ServiceState `json:"state"`
	Digest    string       `json:"digest,omitempty"` // of the image as the registry names it
	Container string       `json:"container,omitempty"`
	ExitCode  *int         `json:"exit_code,omitempty"`
	Pull      *Progress    `json:"pull,omitempty"`
}

// ServiceState is where one service stands.
type ServiceState string

// The states of a service.
const (
	ServiceWaiting   ServiceState = "waiting"
	ServiceResolving ServiceState = "resolving" // checking the digest with the environment's own credential
	ServicePulling   ServiceState = "pulling"
	ServiceStarting  ServiceState = "starting"
	ServiceRunning   ServiceState = "running"
	ServiceExited    ServiceState = "exited"
	ServiceStopped   ServiceState = "stopped"
	ServiceFailed    ServiceState = "failed"
)

// Progress counts what a pull has done. Totals grow while the engine learns
// the sizes of more layers.
type Progress struct {
	LayersDone  int   `json:"layers_done"`
	LayersTotal int   `json:"layers_total"`
	BytesDone   int64 `json:"bytes_done"`
	BytesTotal  int64 `json:"bytes_total"`
}
