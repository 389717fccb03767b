package docker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

const patience = time.Minute

// house is a runner on a real engine and a real registry; the server is in memory.
type house struct {
	t      *testing.T
	id     pullpass.RunnerID
	driver runner.Driver
	stall  time.Duration // 0: the runner's own

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at each change
	wanted      []pullpass.Environment
	revision    int
	credentials map[pullpass.EnvironmentID]runner.RegistryAuth
	reports     map[pullpass.EnvironmentID]pullpass.StatusUpdate
	output      map[pullpass.EnvironmentID]string
}

func newHouse(t *testing.T, host string) *house {
	t.Helper()
	h := newHouseOf(t, host, pullpass.NewRunnerID())
	t.Cleanup(h.clear)
	return h
}

// newHouseOf leaves what its runner has made to somebody else.
func newHouseOf(t *testing.T, host string, id pullpass.RunnerID) *house {
	t.Helper()
	return &house{
		t: t, id: id, driver: engine(t, host, id), changed: make(chan struct{}),
		credentials: map[pullpass.EnvironmentID]runner.RegistryAuth{},
		reports:     map[pullpass.EnvironmentID]pullpass.StatusUpdate{},
		output:      map[pullpass.EnvironmentID]string{},
	}
}

// clear removes the containers of the test, on an engine that others use too.
func (h *house) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	there, err := h.driver.List(ctx, "")
	if err != nil {
		h.t.Errorf("List while cleaning up: %v", err)
	}
	for _, a := range there {
		if err := h.driver.Remove(ctx, a); err != nil {
			h.t.Errorf("Remove while cleaning up: %v", err)
		}
		if err := h.driver.Release(ctx, a.Environment); err != nil {
			h.t.Logf("Release while cleaning up: %v", err) // another service of it may be left
		}
	}
}

// want adds an environment that is opened with a credential.
func (h *house) want(image string, auth runner.RegistryAuth) pullpass.EnvironmentID {
	e := pullpass.Environment{
		ID: pullpass.NewEnvironmentID(), Name: "ada", Start: 1, Wanted: pullpass.WantedRunning,
		Services: []pullpass.Service{{Name: "app", Image: image, Command: serve}},
	}
	h.add(e, auth)
	return e.ID
}

func (h *house) add(e pullpass.Environment, auth runner.RegistryAuth) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wanted = append(h.wanted, e)
	h.credentials[e.ID] = auth
	h.tellLocked()
}

// restart wants an environment's next start, of another image.
func (h *house) restart(id pullpass.EnvironmentID, image string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, e := range h.wanted {
		if e.ID == id {
			e.Services = slices.Clone(e.Services)
			e.Services[0].Image, e.Start = image, e.Start+1
			h.wanted[i] = e
		}
	}
	h.revision++
	h.tellLocked()
}

func (h *house) tellLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// run runs a runner until stop is called.
func (h *house) run() (stop func()) {
	h.t.Helper()
	r, err := runner.New(runner.Options{
		ID: h.id, Server: h, Driver: h.driver, Resolver: h, Agents: h,
		RetryMin: 200 * time.Millisecond, RetryMax: time.Second, Stall: h.stall,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("Run: %v", err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// await waits until an environment's report is as wanted.
func (h *house) await(id pullpass.EnvironmentID, what string, ok func(pullpass.StatusUpdate) bool) pullpass.StatusUpdate {
	h.t.Helper()
	deadline := time.After(patience)
	for {
		h.mu.Lock()
		u, changed := h.reports[id], h.changed
		h.mu.Unlock()
		if ok(u) {
			return u
		}
		select {
		case <-changed:
		case <-deadline:
			h.t.Fatalf("%s: not %s after %s: %+v", id, what, patience, u)
		}
	}
}

func (h *house) awaitPhase(id pullpass.EnvironmentID, want pullpass.Phase) pullpass.StatusUpdate {
	h.t.Helper()
	return h.await(id, string(want), func(u pullpass.StatusUpdate) bool { return u.Phase == want })
}

// The server.

func (h *house) Heartbeat(context.Context, pullpass.RunnerReport) error { return nil }

func (h *house) Wanted(ctx context.Context, seen string) (runner.Wanted, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		if state := fmt.Sprint(len(h.wanted), h.revision); state != seen {
			return runner.Wanted{State: state, Environments: slices.Clone(h.wanted)}, nil
		}
		changed := h.changed
		h.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		h.mu.Lock()
		if ctx.Err() != nil {
			return runner.Wanted{}, ctx.Err()
		}
	}
}

func (h *house) ReportStatus(_ context.Context, id pullpass.EnvironmentID, u pullpass.StatusUpdate) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reports[id] = u
	for i, e := range h.wanted {
		if e.ID == id {
			h.wanted[i].Status, h.wanted[i].Conditions = u.Status, u.Conditions
		}
	}
	h.tellLocked()
	return nil
}

func (h *house) AppendOutput(_ context.Context, o runner.Output) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.output[o.Environment] = h.output[o.Environment][:o.Offset] + string(o.Data)
	h.tellLocked()
	return nil
}

func (h *house) Credential(_ context.Context, r runner.CredentialRequest) (pullpass.Credential, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.credentials[r.Environment]
	return pullpass.Credential{Host: r.Host, Username: a.Username, Secret: a.Password}, nil
}

// The resolver: a HEAD for the manifest, with the environment's own credential.

func (h *house) Parse(s string) (runner.Image, error) {
	ref, err := name.ParseReference(s)
	if err != nil {
		return runner.Image{}, err
	}
	return runner.Image{Name: s, Host: ref.Context().RegistryStr(), Repository: ref.Context().RepositoryStr()}, nil
}

func (h *house) Resolve(ctx context.Context, i runner.Image, c pullpass.Credential) (runner.Resolved, error) {
	ref, err := name.ParseReference(i.Name)
	if err != nil {
		return runner.Resolved{}, err
	}
	basic := &authn.Basic{Username: c.Username, Password: c.Secret.Reveal()}
	d, err := remote.Head(ref, remote.WithContext(ctx), remote.WithAuth(basic))
	var refusal *transport.Error
	if errors.As(err, &refusal) && (refusal.StatusCode == http.StatusForbidden || refusal.StatusCode == http.StatusUnauthorized) {
		return runner.Resolved{}, &pullpass.Error{Kind: pullpass.Denied, What: "cannot pull " + i.Name, Cause: "the registry refuses"}
	}
	if err != nil {
		return runner.Resolved{}, err
	}
	return runner.Resolved{
		Digest: d.Digest.String(), Reference: ref.Context().Name() + "@" + d.Digest.String(),
		Auth: runner.RegistryAuth{Host: i.Host, Username: c.Username, Password: c.Secret},
	}, nil
}

// The agents: none.

func (h *house) Open(context.Context, pullpass.Environment) ([]runner.Mount, error) { return nil, nil }
func (h *house) Close(context.Context, pullpass.EnvironmentID) error                { return nil }
