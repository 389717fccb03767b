package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// Fake is an engine in memory, with the faults that tests ask for. Its registry
// knows the images of Allow; its containers understand the commands "serve" and
// "exit N", and print one line.
type Fake struct {
	mu         sync.Mutex
	down       bool
	allow      map[string]string // reference → password
	images     map[string]bool
	containers map[string]*fakeContainer // by name
	watchers   map[chan runner.Event]bool
	next       int
	fault      func(op, subject string) error
	created    int
}

type fakeContainer struct {
	runner pullpass.RunnerID
	actual runner.Actual
	lines  []string
	ended  chan struct{} // closed while it does not run
}

// NewFake returns an empty engine that runs.
func NewFake() *Fake {
	return &Fake{
		allow: map[string]string{}, images: map[string]bool{},
		containers: map[string]*fakeContainer{}, watchers: map[chan runner.Event]bool{},
	}
}

// Allow puts an image into the registry, for whoever has the password.
func (f *Fake) Allow(reference, password string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.allow[reference] = password
}

// Fail calls fault before each operation ("pull", "start", "stop", "remove", "list");
// its error is the operation's. It may block.
func (f *Fake) Fail(fault func(op, subject string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Made counts the containers ever created.
func (f *Fake) Made() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.created
}

// Crash stops the engine and its containers. Nothing answers until Recover.
func (f *Fake) Crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = true
	for _, c := range f.containers {
		c.end(137)
	}
	f.tellLocked(runner.Event{Kind: runner.Disconnected})
}

// Recover starts the engine again, with the containers that it had.
func (f *Fake) Recover() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = false
	f.tellLocked(runner.Event{Kind: runner.Reconnected})
}

// Exit ends a running container, as its own command would.
func (f *Fake) Exit(id string, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.findLocked(id); c != nil {
		c.end(code)
		f.tellLocked(runner.Event{Kind: runner.ContainerChanged, Environment: c.actual.Environment})
	}
}

// Driver returns the engine as one runner sees it.
func (f *Fake) Driver(id pullpass.RunnerID) runner.Driver { return &fakeDriver{f, id} }

func (f *Fake) findLocked(id string) *fakeContainer {
	for _, c := range f.containers {
		if c.actual.ID == id {
			return c
		}
	}
	return nil
}

// tellLocked never blocks: watchers have room for more events than a test makes.
func (f *Fake) tellLocked(e runner.Event) {
	for w := range f.watchers {
		w <- e
	}
}

// enter is the beginning of each operation.
func (f *Fake) enter(ctx context.Context, op, subject string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault != nil {
		if err := fault(op, subject); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return &pullpass.Error{
			Kind: pullpass.Unavailable, Code: runner.CodeEngineMissing,
			What: "the engine does not answer", Cause: "it is down", Hint: "start it",
		}
	}
	return ctx.Err()
}

func (c *fakeContainer) end(code int) {
	if c.actual.State == runner.Running {
		c.actual.State, c.actual.ExitCode = runner.Exited, code
		close(c.ended)
	}
}

type fakeDriver struct {
	f  *Fake
	id pullpass.RunnerID
}

func (d *fakeDriver) Info(ctx context.Context) (runner.Info, error) {
	if err := d.f.enter(ctx, "info", ""); err != nil {
		return runner.Info{}, err
	}
	return runner.Info{Version: "fake", Capabilities: []string{"fake"}}, nil
}

func (d *fakeDriver) List(ctx context.Context, id pullpass.EnvironmentID) ([]runner.Actual, error) {
	if err := d.f.enter(ctx, "list", string(id)); err != nil {
		return nil, err
	}
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	var found []runner.Actual
	for _, c := range d.f.containers {
		if c.runner == d.id && (id == "" || id == c.actual.Environment) {
			found = append(found, c.actual)
		}
	}
	return found, nil
}

func (d *fakeDriver) Pull(ctx context.Context, p runner.PullRequest) error {
	if err := d.f.enter(ctx, "pull", p.Reference); err != nil {
		return err
	}
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	password, there := d.f.allow[p.Reference]
	what := "cannot pull " + p.Reference
	switch {
	case p.Auth.Password.Empty() || (there && password != p.Auth.Password.Reveal()):
		return &pullpass.Error{Kind: pullpass.Denied, Code: runner.CodePullDenied, What: what, Cause: "the password is not the one"}
	case !there:
		return &pullpass.Error{Kind: pullpass.NotFound, Code: runner.CodeImageNotFound, What: what, Cause: "no such image"}
	}
	if p.Progress != nil {
		p.Progress(pullpass.Progress{LayersTotal: 1, BytesTotal: 10}, runner.Downloading)
		p.Progress(pullpass.Progress{LayersDone: 1, LayersTotal: 1, BytesDone: 10, BytesTotal: 10}, runner.Unpacking)
	}
	d.f.images[p.Reference] = true
	return nil
}

func (d *fakeDriver) Present(ctx context.Context, reference string) (bool, error) {
	if err := d.f.enter(ctx, "present", reference); err != nil {
		return false, err
	}
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	return d.f.images[reference], nil
}

func (d *fakeDriver) Collect(ctx context.Context, _ runner.ImageLimits) (int, error) {
	return 0, d.f.enter(ctx, "collect", "")
}

func (d *fakeDriver) Isolate(ctx context.Context, id pullpass.EnvironmentID) (*pullpass.Condition, error) {
	return nil, d.f.enter(ctx, "isolate", string(id))
}

func (d *fakeDriver) Release(ctx context.Context, id pullpass.EnvironmentID) error {
	return d.f.enter(ctx, "release", string(id))
}

func (d *fakeDriver) Start(ctx context.Context, s runner.StartRequest) (runner.Actual, error) {
	if err := d.f.enter(ctx, "start", s.Service.Name); err != nil {
		return runner.Actual{}, err
	}
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	name := fmt.Sprint(s.Environment, s.Service.Name, s.Start)
	what := "cannot start service " + s.Service.Name
	c := d.f.containers[name]
	switch {
	case c != nil && c.runner != d.id:
		return runner.Actual{}, &pullpass.Error{Kind: pullpass.Conflict, Code: runner.CodeNameTaken, What: what, Cause: "another runner's"}
	case c != nil && c.actual.State == runner.Running:
		return c.actual, nil
	case c == nil && !d.f.images[s.Reference]:
		return runner.Actual{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: runner.CodeStartFailed, What: what, Cause: "no such image"}
	case len(s.Service.Command) == 0 || !strings.Contains("serve exit", s.Service.Command[0]):
		return runner.Actual{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: runner.CodeStartFailed, What: what, Cause: "no such program"}
	}
	if c == nil {
		d.f.next++
		d.f.created++
		c = &fakeContainer{runner: d.id, actual: runner.Actual{
			ID: "c" + strconv.Itoa(d.f.next), Organization: s.Organization, Environment: s.Environment,
			Service: s.Service.Name, Start: s.Start, Digest: s.Digest,
		}}
		d.f.containers[name] = c
	}
	c.actual.State, c.actual.ExitCode, c.ended = runner.Running, 0, make(chan struct{})
	started := c.actual
	if s.Service.Command[0] == "exit" {
		c.lines = append(c.lines, "failing\n")
		code, err := strconv.Atoi(s.Service.Command[1])
		if err != nil {
			return runner.Actual{}, err
		}
		c.end(code)
	} else {
		c.lines = append(c.lines, "ready\n")
	}
	d.f.tellLocked(runner.Event{Kind: runner.ContainerChanged, Environment: s.Environment})
	return started, nil
}

func (d *fakeDriver) Stop(ctx context.Context, a runner.Actual, _ time.Duration) error {
	if err := d.f.enter(ctx, "stop", a.Service); err != nil {
		return err
	}
	d.f.Exit(a.ID, 143)
	return nil
}

func (d *fakeDriver) Remove(ctx context.Context, a runner.Actual) error {
	if err := d.f.enter(ctx, "remove", a.Service); err != nil {
		return err
	}
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	for name, c := range d.f.containers {
		if c.actual.ID == a.ID {
			c.end(137)
			delete(d.f.containers, name)
		}
	}
	return nil
}

func (d *fakeDriver) Output(ctx context.Context, a runner.Actual, w io.Writer) error {
	if err := d.f.enter(ctx, "output", a.Service); err != nil {
		return err
	}
	d.f.mu.Lock()
	c := d.f.findLocked(a.ID)
	if c == nil {
		d.f.mu.Unlock()
		return errors.New("no such container")
	}
	text, ended := strings.Join(c.lines, ""), c.ended
	d.f.mu.Unlock()
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *fakeDriver) Watch(ctx context.Context) <-chan runner.Event {
	queue, out := make(chan runner.Event, 1024), make(chan runner.Event)
	d.f.mu.Lock()
	d.f.watchers[queue] = true
	d.f.mu.Unlock()
	queue <- runner.Event{Kind: runner.Reconnected}
	go func() {
		defer close(out)
		defer func() {
			d.f.mu.Lock()
			defer d.f.mu.Unlock()
			delete(d.f.watchers, queue)
		}()
		for {
			select {
			case e := <-queue:
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
