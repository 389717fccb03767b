package doctor

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// HTTP makes one request and follows no redirect: the egress client.
type HTTP interface {
	Do(*http.Request) (*http.Response, error)
}

// Registries opens registries: the OCI client.
type Registries interface {
	Open(context.Context, reference.Image, pullpass.Credential) (Session, error)
}

// Session is one image's registry, opened with one credential.
type Session interface {
	// Login tells whether the registry has asked for a login so far, and whether its
	// token service took the credential.
	Login() (asked, taken bool)
	// Check asks the registry's front door.
	Check(context.Context) error
	Parts(context.Context) (Parts, error)
	// Blob ends with an error unless every byte matched the digest.
	Blob(ctx context.Context, digest string, size int64) (io.ReadCloser, error)
}

// Part is a configuration or a layer.
type Part struct {
	Digest string
	Size   int64
}

// Parts is what an image is made of.
type Parts struct {
	Digest   string
	Platform string
	Config   Part
	Layers   []Part
}

// Opener gets the credential for one repository, and tells each rung of the way
// as it is taken.
type Opener interface {
	Open(ctx context.Context, host reference.Host, repository string, tell func(Rung)) (pullpass.Credential, error)
}

// Rung is one thing that happened on the way to a credential.
type Rung struct {
	Step      string // StepIdentity, StepRole, StepScope, StepToken
	Detail    string
	Principal string // ARN, where AWS knows one
	Role      string // StepRole: the role's ARN
	Warning   bool   // it holds, and something about it should be known
	Symptom   string // of a warning
	Took      time.Duration
	Err       error
}

// Basic opens a registry with a user name and password, or with nothing.
type Basic struct {
	Username string
	Password pullpass.Secret
	Source   string // "given on the command line"
}

// Open implements Opener.
func (b Basic) Open(_ context.Context, host reference.Host, _ string, tell func(Rung)) (pullpass.Credential, error) {
	if b.Password.Empty() {
		tell(Rung{Step: StepIdentity, Detail: "nobody: no credential is given, so the registry is asked anonymously"})
		return pullpass.Credential{Host: host.Name}, nil
	}
	tell(Rung{Step: StepIdentity, Detail: "user name " + b.Username + ", " + b.Source})
	return pullpass.Credential{Host: host.Name, Username: b.Username, Secret: b.Password}, nil
}
