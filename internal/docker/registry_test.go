package docker_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

// privateRegistry asks for a username and a password, and lets each user into one
// repository only.
type privateRegistry struct {
	host     string
	contents http.Handler

	mu    sync.Mutex
	users map[string]user
	gate  func(*http.Request) // called before each answer; may block
}

type user struct{ password, repository string }

const pusher = "pusher"

func newRegistry(t *testing.T) *privateRegistry {
	t.Helper()
	r := &privateRegistry{
		contents: registry.New(registry.Logger(log.New(io.Discard, "", 0))),
		users:    map[string]user{pusher: {"push-password", ""}},
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

func (p *privateRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	username, password, _ := r.BasicAuth()
	p.mu.Lock()
	u, known := p.users[username]
	gate := p.gate
	p.mu.Unlock()
	if !known || u.password != password {
		w.Header().Set("Www-Authenticate", `Basic realm="private"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	if r.URL.Path != "/v2/" && u.repository != "" && !strings.HasPrefix(r.URL.Path, "/v2/"+u.repository+"/") {
		refuse(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
		return
	}
	if gate != nil {
		gate(r)
	}
	// An engine that resumes a layer asks for its rest; the registry in memory refuses
	// a range without an end. A registry may ignore ranges.
	r.Header.Del("Range")
	p.contents.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

func (p *privateRegistry) setGate(gate func(*http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = gate
}

// admit lets a user into a repository and returns the credential as the engine gets it.
func (p *privateRegistry) admit(username, password, repository string) runner.RegistryAuth {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users[username] = user{password, repository}
	return runner.RegistryAuth{Host: p.host, Username: username, Password: pullpass.NewSecret(password)}
}

// push returns repository@digest and repository:tag of the image.
func (p *privateRegistry) push(t *testing.T, repository string, image v1.Image) (byDigest, digest string) {
	t.Helper()
	tag, err := name.NewTag(p.host + "/" + repository + ":1.4")
	if err != nil {
		t.Fatal(err)
	}
	auth := &authn.Basic{Username: pusher, Password: "push-password"}
	if err := remote.Write(tag, image, remote.WithAuth(auth), remote.WithContext(t.Context())); err != nil {
		t.Fatalf("pushing %s: %v", tag, err)
	}
	d, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return tag.Context().Name() + "@" + d.String(), d.String()
}

// busybox is an image with a digest of its own, so that tests do not find each
// other's in the engine.
func busybox(t *testing.T) v1.Image {
	t.Helper()
	return parts.BusyboxImage(t, "sh", "-c", "# "+t.Name()+string(pullpass.NewEnvironmentID()))
}
