package runner

import (
	"context"
	"io"
	"time"

	"github.com/pullpass/pullpass"
)

// Driver is what a runner needs of the thing that runs containers. Errors are
// *pullpass.Error with one of the codes of this package, so that a person reads
// what failed, why, and what to do. internal/runner/drivertest holds the suite
// that every Driver passes.
type Driver interface {
	// Info asks the engine who it is; the error says why it cannot be used.
	Info(ctx context.Context) (Info, error)
	// List returns this runner's containers: those of one environment, or of all
	// with an empty id. Containers of other runners are never among them.
	List(ctx context.Context, environment pullpass.EnvironmentID) ([]Actual, error)
	// Pull brings an image to the engine. For an image that is there the engine may
	// not ask the registry at all, so success is no permission: Resolver is asked
	// for that. The credential serves this call only.
	Pull(ctx context.Context, p PullRequest) error
	// Present reports whether an image is on the engine: nothing has to be downloaded.
	Present(ctx context.Context, reference string) (bool, error)
	// Collect removes images that this runner has pulled and that nothing uses, as far
	// as the limits say.
	Collect(ctx context.Context, limits ImageLimits) (removed int, err error)
	// Isolate gives an environment a network of its own. A condition says what could
	// not be kept from it.
	Isolate(ctx context.Context, environment pullpass.EnvironmentID) (*pullpass.Condition, error)
	// Release removes what the environment's containers had in common, once they are
	// removed. It may be repeated.
	Release(ctx context.Context, environment pullpass.EnvironmentID) error
	// Start creates and starts a container. It may be repeated: there is never
	// more than one container for an environment, service and start, and one that
	// is there is started if it does not run.
	Start(ctx context.Context, s StartRequest) (Actual, error)
	// Stop ends a container, by force after grace. One that does not run is fine.
	Stop(ctx context.Context, a Actual, grace time.Duration) error
	// Remove stops and deletes a container. One that is not there is fine.
	Remove(ctx context.Context, a Actual) error
	// Output writes what the container has written, from its beginning, and
	// follows until the container ends or ctx is done.
	Output(ctx context.Context, a Actual, w io.Writer) error
	// Watch tells what happens on the engine until ctx is done, then closes the
	// channel. After a lost connection it sends Reconnected: anything may have
	// happened meanwhile.
	Watch(ctx context.Context) <-chan Event
}

// Info is what an engine says of itself.
type Info struct {
	Version      string   // of the engine
	API          string   // version spoken with it
	Capabilities []string // "docker", "amd64": what environments may count on
}

// Actual is a container as the engine knows it.
type Actual struct {
	ID           string
	Organization pullpass.OrganizationID
	Environment  pullpass.EnvironmentID
	Service      string
	Start        int64
	Digest       string // of its image, as the registry named it when it was started
	State        State
	ExitCode     int // Exited only
}

// State is where a container stands.
type State string

// The states of a container.
const (
	Created State = "created" // made, never started
	Running State = "running"
	Exited  State = "exited"
)

// PullRequest names an image by digest and how the registry is to be asked.
type PullRequest struct {
	Reference string // host/repository@sha256:…, as the engine reaches it
	Auth      RegistryAuth
	Progress  func(pullpass.Progress, PullStage) // may be nil; must return quickly
}

// PullStage is what an engine does for a pull.
type PullStage string

// The stages of a pull.
const (
	Queued      PullStage = "queued"      // the engine downloads for others first
	Downloading PullStage = "downloading" // the registry has to send
	Unpacking   PullStage = "unpacking"   // all has been downloaded
)

// RegistryAuth is what the engine gets to ask a registry with: nothing, a
// username and password, or a bearer token that already is the registry's own. It
// gets a password only where the registry asks for Basic itself: an engine sends a
// password to whatever realm a registry names.
type RegistryAuth struct {
	Host     string // that the engine contacts
	Username string
	Password pullpass.Secret
	Token    pullpass.Secret
}

// StartRequest is one container to be started.
type StartRequest struct {
	Organization pullpass.OrganizationID
	Project      pullpass.ProjectID
	Environment  pullpass.EnvironmentID
	Service      pullpass.Service
	Start        int64
	Reference    string // the image, by digest, as it was pulled
	Digest       string
	Mounts       []Mount
}

// Mount puts a directory or file of the runner's host into a container.
type Mount struct {
	Source   string
	Target   string
	ReadOnly bool
}

// Event is something that happened on the engine.
type Event struct {
	Kind        EventKind
	Environment pullpass.EnvironmentID // ContainerChanged only
}

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	ContainerChanged EventKind = "container-changed" // started, died or was removed
	Disconnected     EventKind = "disconnected"      // the engine stopped answering
	Reconnected      EventKind = "reconnected"       // the engine answers again
)
