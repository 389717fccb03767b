package drivertest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// Engine is what the suite needs of an engine.
type Engine struct {
	// Driver returns a driver for the engine. Two drivers of one runner are that
	// runner before and after a restart.
	Driver func(t *testing.T, id pullpass.RunnerID) runner.Driver

	Image   string // a private image, by digest
	Digest  string // its digest
	Missing string // an image that the same registry does not have, by digest
	Auth    runner.RegistryAuth
	Wrong   runner.RegistryAuth // refused by the registry

	Serve   []string // prints a line "ready", then runs until it is asked to end
	Exit7   []string // prints a line "failing", then exits with code 7
	Nothing []string // names a program that the image does not hold
}

// Run runs the suite.
func Run(t *testing.T, e Engine) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Engine)
	}{
		{"info", info},
		{"pull refused", pullRefused},
		{"pull of a missing image", pullMissing},
		{"pull given up", pullGivenUp},
		{"progress", progress},
		{"present", present},
		{"start and list", startAndList},
		{"start twice", startTwice},
		{"start at once", startAtOnce},
		{"start with a missing program", startNothing},
		{"exit code", exitCode},
		{"start again after exit", startAgain},
		{"stop", stop},
		{"remove", remove},
		{"output", output},
		{"other runners", otherRunners},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, e) })
	}
}

const patience = 30 * time.Second

// request is a start of the engine's image in an environment of its own. Its
// containers go with the test.
func request(t *testing.T, e Engine, d runner.Driver, command []string) runner.StartRequest {
	t.Helper()
	r := runner.StartRequest{
		Organization: pullpass.NewOrganizationID(), Project: pullpass.NewProjectID(),
		Environment: pullpass.NewEnvironmentID(), Start: 1,
		Service:   pullpass.Service{Name: "app", Image: e.Image, Command: command},
		Reference: e.Image, Digest: e.Digest,
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		there, err := d.List(ctx, r.Environment)
		if err != nil {
			t.Errorf("List while cleaning up: %v", err)
		}
		for _, a := range there {
			if err := d.Remove(ctx, a); err != nil {
				t.Errorf("Remove while cleaning up: %v", err)
			}
		}
		if err := d.Release(ctx, r.Environment); err != nil {
			t.Errorf("Release while cleaning up: %v", err)
		}
	})
	return r
}

// ready returns a driver with the image pulled, and a request for it.
func ready(t *testing.T, e Engine, command []string) (context.Context, runner.Driver, runner.StartRequest) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	d := e.Driver(t, pullpass.NewRunnerID())
	if err := d.Pull(ctx, runner.PullRequest{Reference: e.Image, Auth: e.Auth}); err != nil {
		t.Fatalf("Pull: %v", err)
	}
	return ctx, d, request(t, e, d, command)
}

func start(ctx context.Context, t *testing.T, d runner.Driver, r runner.StartRequest) runner.Actual {
	t.Helper()
	a, err := d.Start(ctx, r)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return a
}

func only(ctx context.Context, t *testing.T, d runner.Driver, id pullpass.EnvironmentID) runner.Actual {
	t.Helper()
	there, err := d.List(ctx, id)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if len(there) != 1 {
		t.Fatalf("List = %d containers, want 1: %+v", len(there), there)
	}
	return there[0]
}

// become waits until the environment's one container is in a state.
func become(ctx context.Context, t *testing.T, d runner.Driver, id pullpass.EnvironmentID, want runner.State) runner.Actual {
	t.Helper()
	for {
		a := only(ctx, t, d, id)
		if a.State == want {
			return a
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the container is %s, want %s", a.State, want)
		}
	}
}

// refused checks that err has a code and says what failed and why.
func refused(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e *pullpass.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: %v, want an error with code %s", what, err, code)
	}
	if e.Code != code {
		t.Errorf("%s: code %q, want %q (%v)", what, e.Code, code, err)
	}
	if e.What == "" || (e.Cause == "" && e.Err == nil) {
		t.Errorf("%s: %+v does not say what failed and why", what, e)
	}
}

func info(t *testing.T, e Engine) {
	got, err := e.Driver(t, pullpass.NewRunnerID()).Info(t.Context())
	if err != nil {
		t.Fatalf("Info: %v", err)
	}
	if got.Version == "" || len(got.Capabilities) == 0 {
		t.Errorf("Info = %+v, want a version and capabilities", got)
	}
}

func pullRefused(t *testing.T, e Engine) {
	d := e.Driver(t, pullpass.NewRunnerID())
	for name, auth := range map[string]runner.RegistryAuth{"wrong": e.Wrong, "none": {}} {
		err := d.Pull(t.Context(), runner.PullRequest{Reference: e.Image, Auth: auth})
		refused(t, "Pull with "+name+" credential", err, runner.CodePullDenied)
		if !auth.Password.Empty() && strings.Contains(err.Error(), auth.Password.Reveal()) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func pullMissing(t *testing.T, e Engine) {
	d := e.Driver(t, pullpass.NewRunnerID())
	err := d.Pull(t.Context(), runner.PullRequest{Reference: e.Missing, Auth: e.Auth})
	refused(t, "Pull", err, runner.CodeImageNotFound)
}

func pullGivenUp(t *testing.T, e Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := e.Driver(t, pullpass.NewRunnerID()).Pull(ctx, runner.PullRequest{Reference: e.Image, Auth: e.Auth})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Pull = %v, want context.Canceled", err)
	}
}

func progress(t *testing.T, e Engine) {
	var last pullpass.Progress
	d := e.Driver(t, pullpass.NewRunnerID())
	err := d.Pull(t.Context(), runner.PullRequest{
		Reference: e.Image, Auth: e.Auth, Progress: func(p pullpass.Progress, _ runner.PullStage) { last = p },
	})
	if err != nil {
		t.Fatalf("Pull: %v", err)
	}
	// An engine that has the image already may have nothing to tell.
	if last.LayersDone != last.LayersTotal || last.BytesDone != last.BytesTotal {
		t.Errorf("the last progress is %+v, want everything done", last)
	}
}

func present(t *testing.T, e Engine) {
	d := e.Driver(t, pullpass.NewRunnerID())
	if err := d.Pull(t.Context(), runner.PullRequest{Reference: e.Image, Auth: e.Auth}); err != nil {
		t.Fatalf("Pull: %v", err)
	}
	for reference, want := range map[string]bool{e.Image: true, e.Missing: false} {
		if got, err := d.Present(t.Context(), reference); err != nil || got != want {
			t.Errorf("Present(%s) = %v, %v, want %v", reference, got, err, want)
		}
	}
}

func startAndList(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Serve)
	a := start(ctx, t, d, r)
	want := runner.Actual{
		ID: a.ID, Organization: r.Organization, Environment: r.Environment,
		Service: "app", Start: 1, Digest: e.Digest, State: runner.Running,
	}
	if a != want {
		t.Errorf("Start = %+v, want %+v", a, want)
	}
	if got := only(ctx, t, d, r.Environment); got != want {
		t.Errorf("List = %+v, want %+v", got, want)
	}
	all, err := d.List(ctx, "")
	if err != nil || len(all) != 1 || all[0] != want {
		t.Errorf("List of all = %+v, %v, want %+v", all, err, want)
	}
}

func startTwice(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Serve)
	first := start(ctx, t, d, r)
	second := start(ctx, t, d, r)
	if first.ID != second.ID {
		t.Errorf("a second Start made container %s beside %s", second.ID, first.ID)
	}
	only(ctx, t, d, r.Environment)
}

func startAtOnce(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Serve)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := d.Start(ctx, r); err != nil {
				t.Errorf("Start: %v", err)
			}
		})
	}
	all.Wait()
	become(ctx, t, d, r.Environment, runner.Running)
}

func startNothing(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Nothing)
	_, err := d.Start(ctx, r)
	refused(t, "Start", err, runner.CodeStartFailed)
	r.Service.Command = e.Serve
	start(ctx, t, d, r) // what could not start is not in the way
}

func exitCode(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Exit7)
	watching, stop := context.WithCancel(ctx)
	events := d.Watch(watching)
	if first := <-events; first.Kind != runner.Reconnected {
		t.Errorf("the first event is %+v, want %s", first, runner.Reconnected)
	}
	start(ctx, t, d, r)
	for saw := false; !saw; {
		select {
		case event := <-events:
			if event.Kind != runner.ContainerChanged || event.Environment != r.Environment {
				continue
			}
			a := only(ctx, t, d, r.Environment)
			saw = a.State == runner.Exited
			if saw && a.ExitCode != 7 {
				t.Errorf("ExitCode = %d, want 7", a.ExitCode)
			}
		case <-ctx.Done():
			t.Fatal("no event told of the exit")
		}
	}
	stop()
	for range events { // closed when ctx is done
	}
}

func startAgain(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Exit7)
	first := start(ctx, t, d, r)
	become(ctx, t, d, r.Environment, runner.Exited)
	// A successor that only knows the start, not the image.
	r.Reference, r.Digest = "", ""
	if second := start(ctx, t, d, r); second.ID != first.ID {
		t.Errorf("Start made container %s beside %s", second.ID, first.ID)
	}
}

func stop(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Serve)
	a := start(ctx, t, d, r)
	for _, try := range []string{"first", "second"} {
		if err := d.Stop(ctx, a, time.Second); err != nil {
			t.Errorf("%s Stop: %v", try, err)
		}
	}
	if got := only(ctx, t, d, r.Environment); got.State != runner.Exited {
		t.Errorf("after Stop the container is %s, want %s", got.State, runner.Exited)
	}
}

func remove(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Serve)
	a := start(ctx, t, d, r)
	for _, try := range []string{"first", "second"} {
		if err := d.Remove(ctx, a); err != nil {
			t.Errorf("%s Remove: %v", try, err)
		}
	}
	if there, err := d.List(ctx, r.Environment); err != nil || len(there) != 0 {
		t.Errorf("after Remove List = %+v, %v, want none", there, err)
	}
	if err := d.Stop(ctx, a, time.Second); err != nil {
		t.Errorf("Stop of a removed container: %v", err)
	}
}

func output(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Exit7)
	a := start(ctx, t, d, r)
	for _, reader := range []string{"while it runs", "after its end"} {
		var got bytes.Buffer
		if err := d.Output(ctx, a, &got); err != nil {
			t.Errorf("Output %s: %v", reader, err)
		}
		if got.String() != "failing\n" {
			t.Errorf("Output %s = %q, want %q", reader, got.String(), "failing\n")
		}
	}
}

func otherRunners(t *testing.T, e Engine) {
	ctx, d, r := ready(t, e, e.Serve)
	start(ctx, t, d, r)
	other := e.Driver(t, pullpass.NewRunnerID())
	for _, id := range []pullpass.EnvironmentID{"", r.Environment} {
		if there, err := other.List(ctx, id); err != nil || len(there) != 0 {
			t.Errorf("another runner's List(%q) = %+v, %v, want none", id, there, err)
		}
	}
	_, err := other.Start(ctx, r)
	refused(t, "another runner's Start", err, runner.CodeNameTaken)
}
