package runner

import (
	"context"

	"github.com/pullpass/pullpass"
)

// Server is what a runner needs of the Pullpass server.
type Server interface {
	// Heartbeat says that the runner is alive and whether its engine answers.
	Heartbeat(ctx context.Context, r pullpass.RunnerReport) error
	// Wanted returns every environment of this runner that is not deleted. With a
	// state token that still stands it waits for a change, some 20 seconds at
	// most, and then answers Unchanged.
	Wanted(ctx context.Context, seen string) (Wanted, error)
	// ReportStatus tells what is actual. Conflict: the report is about an older
	// start than the server's.
	ReportStatus(ctx context.Context, id pullpass.EnvironmentID, u pullpass.StatusUpdate) error
	// AppendOutput adds to a service's output. Offset counts from the start of the
	// container's output: what the server already has is ignored, and a gap means
	// that the runner no longer has what was there.
	AppendOutput(ctx context.Context, o Output) error
	// Credential asks for what opens a host and repository for an environment. An
	// error with the code pullpass.CodeNoRegistry is the server's word that none is
	// configured; any other error is a refusal.
	Credential(ctx context.Context, r CredentialRequest) (pullpass.Credential, error)
}

// Wanted is a complete list and the token of its state.
type Wanted struct {
	State        string
	Environments []pullpass.Environment
	Unchanged    bool   // Environments is not filled: what was seen still holds
	Reported     string // DigestReported of what the server holds; empty: it does not say
	Trials       []pullpass.TrialID
}

// Output is a piece of a container's output.
type Output struct {
	Environment pullpass.EnvironmentID
	Service     string
	Start       int64
	Offset      int64
	Data        []byte
}

// CredentialRequest asks for one environment, one registry, one repository.
type CredentialRequest struct {
	Environment pullpass.EnvironmentID
	Host        string
	Repository  string
	Action      pullpass.Action
	Inside      bool // for the person inside the environment, not for its start
	// Refused is the fingerprint of an earlier answer's credential that the registry
	// does not take: the answer is another one, if another can be had.
	Refused string
}

// Resolver asks registries. It knows where the configured hosts are reached.
type Resolver interface {
	// Parse splits an image reference into the canonical host and the repository
	// that a credential is asked for.
	Parse(image string) (Image, error)
	// Resolve asks the registry, with this credential and no other, which digest
	// the image has now. A zero credential asks anonymously.
	Resolve(ctx context.Context, image Image, c pullpass.Credential) (Resolved, error)
}

// Image is an image reference, understood.
type Image struct {
	Name       string // canonical: host/repository:tag or host/repository@sha256:…
	Host       string
	Repository string
}

// Resolved is what a registry says of an image, and how the engine gets it.
type Resolved struct {
	Digest    string       // sha256:…
	Reference string       // host/repository@sha256:…, as the engine reaches it
	Auth      RegistryAuth // for the engine's pull of Reference
	Bytes     int64        // of all layers, compressed; 0: not known
	// Probe asks the registry for the beginning of the image, and fails only if that
	// takes longer than ctx lasts. nil: it cannot be asked.
	Probe func(ctx context.Context) error
}

// Agents keeps one agent socket for each environment.
type Agents interface {
	// Open makes the socket answer for this state of the environment and returns
	// the directories to mount. It may be repeated.
	Open(ctx context.Context, e pullpass.Environment) ([]Mount, error)
	// Close ends the socket and removes its directory. One that is not there is
	// fine.
	Close(ctx context.Context, id pullpass.EnvironmentID) error
}
