package runner_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
	"github.com/pullpass/pullpass/internal/runner/drivertest"
)

const (
	host   = "registry.example"
	digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	image  = host + "/team/app:1.4"
	pinned = host + "/team/app@" + digest
	secret = "canary-password"
)

// world is everything around a runner: server, registry, engine, sockets.
type world struct {
	t      *testing.T
	id     pullpass.RunnerID
	engine *drivertest.Fake

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at each change
	revision    int
	wanted      map[pullpass.EnvironmentID]pullpass.Environment
	reports     map[pullpass.EnvironmentID][]pullpass.StatusUpdate
	beats       []pullpass.RunnerReport
	output      map[string]string
	sends       int
	asked       []runner.CredentialRequest
	resolved    []pullpass.Credential
	open        map[pullpass.EnvironmentID]int
	refuse      func(op string) error // of the server: "wanted", "report", "output", "credential"
	refuseImage func(pullpass.Credential) error
	bytes       int64 // of each image
	maxImage    int64
	credential  func(runner.CredentialRequest) pullpass.Credential // nil: the right one
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, id: pullpass.NewRunnerID(), engine: drivertest.NewFake(), changed: make(chan struct{}),
		wanted:  map[pullpass.EnvironmentID]pullpass.Environment{},
		reports: map[pullpass.EnvironmentID][]pullpass.StatusUpdate{},
		output:  map[string]string{}, open: map[pullpass.EnvironmentID]int{},
		refuse:      func(string) error { return nil },
		refuseImage: func(pullpass.Credential) error { return nil },
	}
	w.engine.Allow(pinned, secret)
	return w
}

// environment wants an environment with one service.
func (w *world) environment(command ...string) pullpass.Environment {
	e := pullpass.Environment{
		ID: pullpass.NewEnvironmentID(), Name: "ada", Runner: w.id, Start: 1, Wanted: pullpass.WantedRunning,
		Services: []pullpass.Service{{Name: "app", Image: image, Command: command}},
	}
	w.want(e)
	return e
}

// want puts an environment into the server, or changes it there.
func (w *world) want(e pullpass.Environment) {
	w.change(func() { w.wanted[e.ID] = e })
}

func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.revision++
	close(w.changed)
	w.changed = make(chan struct{})
}

// run runs a runner until the returned function is called.
func (w *world) run() (stop func()) {
	r, err := runner.New(runner.Options{
		ID: w.id, Version: "test", Server: w, Driver: w.engine.Driver(w.id), Resolver: w, Agents: agents{w},
		Log: slog.New(slog.DiscardHandler), MaxImage: w.maxImage,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.t.Errorf("Run: %v", err)
			}
		})
	}
	w.t.Cleanup(stop)
	return stop
}

// last returns the newest report about an environment.
func (w *world) last(id pullpass.EnvironmentID) pullpass.StatusUpdate {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.reports[id]); n > 0 {
		return w.reports[id][n-1]
	}
	return pullpass.StatusUpdate{}
}

// settle lets an hour pass, in which everything that retries has retried, and
// checks the phase that is reported then.
func (w *world) settle(id pullpass.EnvironmentID, want pullpass.Phase) pullpass.StatusUpdate {
	w.t.Helper()
	pass(time.Hour)
	u := w.last(id)
	if u.Phase != want {
		w.t.Errorf("phase = %s, want %s: %+v", u.Phase, want, u)
	}
	return u
}

// pass lets time pass, which in synctest takes none, and then everything come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// containers returns what is on the engine.
func (w *world) containers() []runner.Actual {
	w.t.Helper()
	there, err := w.engine.Driver(w.id).List(w.t.Context(), "")
	if err != nil {
		w.t.Fatalf("List: %v", err)
	}
	return there
}

// one returns the engine's only container.
func (w *world) one() runner.Actual {
	w.t.Helper()
	there := w.containers()
	if len(there) != 1 {
		w.t.Fatalf("%d containers, want 1: %+v", len(there), there)
	}
	return there[0]
}

func (w *world) setRefuse(f func(op string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = f
}

func (w *world) refused(op string) error {
	w.mu.Lock()
	f := w.refuse
	w.mu.Unlock()
	return f(op)
}

// The server.

func (w *world) Heartbeat(_ context.Context, r pullpass.RunnerReport) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beats = append(w.beats, r)
	return nil
}

func (w *world) Wanted(ctx context.Context, seen string) (runner.Wanted, error) {
	if err := w.refused("wanted"); err != nil {
		return runner.Wanted{}, err
	}
	for {
		w.mu.Lock()
		state, changed := "s"+strings.Repeat("i", w.revision), w.changed
		all := slices.Collect(maps.Values(w.wanted))
		w.mu.Unlock()
		if state != seen {
			return runner.Wanted{State: state, Environments: all}, nil
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			return runner.Wanted{State: state, Unchanged: true, Reported: w.held()}, nil
		case <-ctx.Done():
			return runner.Wanted{}, ctx.Err()
		}
	}
}

// held is what the server answers of the reports that it holds.
func (w *world) held() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []pullpass.Reported
	for _, e := range w.wanted {
		list = append(list, pullpass.Reported{Environment: e.ID, Start: e.Start, Phase: e.Phase})
	}
	return pullpass.DigestReported(list)
}

func (w *world) ReportStatus(_ context.Context, id pullpass.EnvironmentID, u pullpass.StatusUpdate) error {
	if err := w.refused("report"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e, there := w.wanted[id]
	switch {
	case !there:
		return &pullpass.Error{Kind: pullpass.NotFound, What: "no such environment"}
	case u.Start < e.Start:
		return &pullpass.Error{Kind: pullpass.Conflict, What: "an older start"}
	}
	if u.Phase == pullpass.PhaseFailed && !slices.ContainsFunc(u.Conditions, isError) {
		w.t.Errorf("a report says failed and gives no cause: %+v", u)
	}
	w.reports[id] = append(w.reports[id], u)
	e.Phase, e.Status, e.Conditions = u.Phase, u.Status, u.Conditions
	w.wanted[id] = e
	if u.Phase == pullpass.PhaseDeleted {
		delete(w.wanted, id)
	}
	return nil
}

func isError(c pullpass.Condition) bool { return c.Severity == pullpass.SeverityError }

func (w *world) AppendOutput(_ context.Context, o runner.Output) error {
	if err := w.refused("output"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sends++
	key := string(o.Environment) + "/" + o.Service
	have := w.output[key]
	for int64(len(have)) < o.Offset {
		have += "?"
	}
	w.output[key] = have[:o.Offset] + string(o.Data)
	return nil
}

func (w *world) Credential(_ context.Context, r runner.CredentialRequest) (pullpass.Credential, error) {
	w.mu.Lock()
	w.asked = append(w.asked, r)
	w.mu.Unlock()
	if err := w.refused("credential"); err != nil {
		return pullpass.Credential{}, err
	}
	if w.credential != nil {
		return w.credential(r), nil
	}
	return pullpass.Credential{Host: r.Host, Username: "u", Secret: pullpass.NewSecret(secret)}, nil
}

// The registry.

func (w *world) Parse(s string) (runner.Image, error) {
	repository, ok := strings.CutPrefix(s, host+"/")
	if !ok {
		return runner.Image{}, &pullpass.Error{Kind: pullpass.Invalid, What: "not an image"}
	}
	repository, _, _ = strings.Cut(repository, ":")
	return runner.Image{Name: s, Host: host, Repository: repository}, nil
}

func (w *world) Resolve(_ context.Context, i runner.Image, c pullpass.Credential) (runner.Resolved, error) {
	w.mu.Lock()
	w.resolved = append(w.resolved, c)
	refuse := w.refuseImage
	w.mu.Unlock()
	if err := refuse(c); err != nil {
		return runner.Resolved{}, err
	}
	return runner.Resolved{
		Digest: digest, Bytes: w.bytes, Reference: host + "/" + i.Repository + "@" + digest,
		Auth: runner.RegistryAuth{Host: host, Username: c.Username, Password: c.Secret},
	}, nil
}

// agents counts the open sockets.
type agents struct{ w *world }

func (a agents) Open(_ context.Context, e pullpass.Environment) ([]runner.Mount, error) {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	a.w.open[e.ID] = 1
	return []runner.Mount{{Source: "/agents/" + string(e.ID), Target: "/run/pullpass"}}, nil
}

func (a agents) Close(_ context.Context, id pullpass.EnvironmentID) error {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	delete(a.w.open, id)
	return nil
}
