package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// as starts a process as a runner that was added before.
func as(t *testing.T, ctx context.Context, s *process.Server, id pullpass.RunnerID, join pullpass.Secret, dir, host string, args ...string) *process.Runner {
	t.Helper()
	r, err := process.StartRunnerAs(ctx, s, id, join, dir, host, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

// refusedWith wants a runner to end by itself, with these words in its log.
func refusedWith(t *testing.T, ctx context.Context, what string, r *process.Runner, words ...string) {
	t.Helper()
	code, err := r.Ended(ctx)
	text, readErr := os.ReadFile(r.LogPath())
	if err != nil || readErr != nil || code == 0 {
		t.Errorf("%s: ended with %d, %v, %v, want a refusal\n%s", what, code, err, readErr, text)
	}
	for _, word := range words {
		if !strings.Contains(string(text), word) {
			t.Errorf("%s: its log lacks %q:\n%s", what, word, text)
		}
	}
}

func awaitActive(t *testing.T, ctx context.Context, s *process.Server, id pullpass.RunnerID) pullpass.Runner {
	t.Helper()
	var r pullpass.Runner
	eventually(t, ctx, "the runner is not active", func() bool {
		var err error
		r, err = s.Owner.Runner(ctx, id)
		return err == nil && r.Phase == pullpass.RunnerActive
	})
	return r
}

// since is when the engine started a container last.
func since(t *testing.T, ctx context.Context, host, container string) string {
	t.Helper()
	engine, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	found, err := engine.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !found.Container.State.Running {
		t.Errorf("the container %s does not run", container)
	}
	return found.Container.State.StartedAt
}

// runningOn is an environment that runs on a runner, of an image with a password.
func runningOn(t *testing.T, ctx context.Context, s *process.Server, r *process.Runner, registry parts.BasicRegistry) pullpass.Environment {
	t.Helper()
	image := registry.Host + "/e2e/" + strings.ToLower(t.Name()) + ":1"
	pushImage(t, ctx, image, registry.Username, registry.Password, parts.BusyboxImage(t, stays...))
	project := basicProject(t, ctx, s, "state", registry.Host, registry.Username, registry.Password)
	e, err := process.Await(ctx, s.Owner, create(t, ctx, s, r, project, image), pullpass.PhaseRunning)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestOneRunnerProcessOnAState: a second process on a state directory ends at once and
// changes nothing; when the first is killed, the kernel lets go of the lock.
func TestOneRunnerProcessOnAState(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 4*time.Minute)
	plain := plainHTTP(registry)
	s := startServer(t, ctx, plain...)
	r := startRunner(t, ctx, s, host, plain...)
	e := runningOn(t, ctx, s, r, registry)
	began := since(t, ctx, host, e.Status[0].Container)
	second := as(t, ctx, s, r.ID, pullpass.Secret{}, r.State, host, plain...)
	refusedWith(t, ctx, "a second runner on the state", second, "another runner works with the state directory "+r.State)
	now, err := s.Owner.Environment(ctx, e.ID)
	if err != nil || now.Phase != pullpass.PhaseRunning || now.Revision != e.Revision {
		t.Errorf("the environment is %s in revision %d, %v, want it untouched", now.Phase, now.Revision, err)
	}
	r.Kill()
	if err := r.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Owner.StopEnvironment(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := process.Await(ctx, s.Owner, now, pullpass.PhaseStopped); err != nil {
		t.Errorf("after a kill the state is not taken over: %v", err)
	}
	if began == "" {
		t.Error("the engine does not say when the container began")
	}
	remove(t, ctx, s, e)
}

// TestARunnerThatLostItsState joins as the same runner with a new token, and adopts
// what runs: the container is the same one, and has not been started again.
func TestARunnerThatLostItsState(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 4*time.Minute)
	plain := plainHTTP(registry)
	s := startServer(t, ctx, plain...)
	r := startRunner(t, ctx, s, host, plain...)
	e := runningOn(t, ctx, s, r, registry)
	container := e.Status[0].Container
	began := since(t, ctx, host, container)
	r.Kill()
	if err := os.RemoveAll(r.State); err != nil {
		t.Fatal(err)
	}
	_, token, err := s.Owner.RejoinRunner(ctx, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	again := as(t, ctx, s, r.ID, token, r.State, host, plain...)
	eventually(t, ctx, "nobody has joined with the token", func() bool {
		_, err := os.Stat(filepath.Join(again.State, "agents", string(e.ID)))
		return err == nil
	})
	awaitActive(t, ctx, s, r.ID)
	now, err := s.Owner.Environment(ctx, e.ID)
	if err != nil || now.Phase != pullpass.PhaseRunning || now.Status[0].Container != container || now.Start != e.Start {
		t.Errorf("after joining again: %s, %+v, %v, want container %s of start %d running", now.Phase, now.Status, err, container, e.Start)
	}
	if got := since(t, ctx, host, container); got != began {
		t.Errorf("the container runs since %s, want since %s: it was started again", got, began)
	}
	remove(t, ctx, s, e) // the runner cares for it: its end is asked for and reported
}

// TestAClonedStateIsFoundOnASecondEngine: a copy of the state, used on another machine,
// is found by its reports; the newcomer ends, and both are named.
func TestAClonedStateIsFoundOnASecondEngine(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 5*time.Minute)
	plain := plainHTTP(registry)
	s := startServer(t, ctx, plain...)
	r := startRunner(t, ctx, s, host, plain...)
	e := runningOn(t, ctx, s, r, registry)
	elsewhere := parts.PrivateDocker(t)
	copied := filepath.Join(shortDir(t), "runner")
	if err := os.Mkdir(copied, 0o700); err != nil {
		t.Fatal(err)
	}
	identity, err := os.ReadFile(filepath.Join(r.State, "runner.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "runner.json"), identity, 0o600); err != nil {
		t.Fatal(err)
	}
	clone := as(t, ctx, s, r.ID, pullpass.Secret{}, copied, elsewhere.Host, plain...)
	refusedWith(t, ctx, "the clone", clone, "another machine has the same runner's token")
	now, err := s.Owner.Runner(ctx, r.ID)
	if err != nil || !strings.Contains(now.Warning, "was refused") {
		t.Errorf("the runner's warning is %q, %v, want the clone named", now.Warning, err)
	}
	code, out := cli(ctx, t, s, "audit", "list", "--action", "runner.clone")
	if code != 0 || !strings.Contains(out, "runner.clone") {
		t.Errorf("the audit log says %d %s, want the clone on record", code, out)
	}
	if now, err := s.Owner.Environment(ctx, e.ID); err != nil || now.Phase != pullpass.PhaseRunning {
		t.Errorf("the environment is %s, %v, want it running on the first machine", now.Phase, err)
	}
	remove(t, ctx, s, e)
}

// TestARunnerJoinsByItsRole: a machine with the role that the runner was added for
// joins without a token, and its identity is approved by that; another one does not.
func TestARunnerJoinsByItsRole(t *testing.T) {
	host := parts.Docker(t)
	ctx := within(t, 3*time.Minute)
	box, args := startRehearsal(t, ctx)
	s := startServer(t, ctx, args...)
	onInstance(t, box.MetadataEndpoints()[1]) // with the role "runner"
	self, err := s.Owner.Self(ctx)
	if err != nil {
		t.Fatal(err)
	}
	joins := func(name, role string) (pullpass.Runner, *process.Runner) {
		t.Helper()
		made, _, err := s.Owner.CreateRunner(ctx, pullpass.Runner{Name: name, Kind: pullpass.RunnerDocker, AWSRole: rolePrefix + role})
		if err != nil {
			t.Fatal(err)
		}
		by := append([]string{"--join=aws", "--join-as=" + string(self.Organization.ID) + "/" + string(made.ID)}, args...)
		return made, as(t, ctx, s, made.ID, pullpass.Secret{}, filepath.Join(shortDir(t), name), host, by...)
	}
	other, refused := joins("other", "lent")
	refusedWith(t, ctx, "a machine with another role", refused, "AWS says that this machine is "+rolePrefix+"runner")
	if now, err := s.Owner.Runner(ctx, other.ID); err != nil || now.Phase != pullpass.RunnerCreated {
		t.Errorf("the other runner is %s, %v, want nobody joined", now.Phase, err)
	}
	own, r := joins("own", "runner")
	awaitActive(t, ctx, s, own.ID)
	eventually(t, ctx, "its role is not approved by the join", func() bool {
		now, err := s.Owner.Runner(ctx, own.ID)
		return err == nil && now.AWSIdentity == rolePrefix+"runner"
	})
	r.Kill()
	before, err := s.Owner.Runner(ctx, own.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Restart(ctx); err != nil { // with what it has kept
		t.Fatal(err)
	}
	eventually(t, ctx, "the runner has not come back as itself", func() bool {
		now, err := s.Owner.Runner(ctx, own.ID)
		return err == nil && now.LastSeenAt.After(before.LastSeenAt)
	})
}

// TestAnIdentityIsApprovedBeforeAPolicyNamesIt: what AWS confirmed of a runner becomes
// principal of a repository when an administrator has approved it, and not before.
func TestAnIdentityIsApprovedBeforeAPolicyNamesIt(t *testing.T) {
	host := parts.Docker(t)
	ctx := within(t, 3*time.Minute)
	box, args := startRehearsal(t, ctx)
	s := startServer(t, ctx, args...)
	onInstance(t, box.MetadataEndpoints()[1])
	// It joins without lending its identity: nobody vouched for it by a token.
	r := startRunner(t, ctx, s, host, append([]string{"--aws-identity=none"}, args...)...)
	awaitActive(t, ctx, s, r.ID)
	r.Stop()
	lends := as(t, ctx, s, r.ID, pullpass.Secret{}, r.State, host, args...)
	var now pullpass.Runner
	eventually(t, ctx, "AWS has not confirmed the runner's identity", func() bool {
		var err error
		now, err = s.Owner.Runner(ctx, lends.ID)
		return err == nil && now.AWSProved == rolePrefix+"runner"
	})
	if now.AWSIdentity != "" {
		t.Errorf("approved is %q, and nobody has approved anything", now.AWSIdentity)
	}
	project, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: "kept"})
	if err != nil {
		t.Fatal(err)
	}
	customer, err := s.Owner.CreateIntegration(ctx, pullpass.Integration{Name: "customer", Mode: pullpass.ModeAccessKey,
		Account: sandbox.OwnerAccount, Region: sandbox.DefaultRegion, AccessKeyID: sandbox.OwnerKeyID}, sandbox.OwnerKey())
	if err != nil {
		t.Fatal(err)
	}
	native, err := s.Owner.CreateIntegration(ctx, pullpass.Integration{Name: "native", Mode: pullpass.ModeRunnerNative, Region: sandbox.DefaultRegion,
		Runners: []pullpass.RunnerID{r.ID}}, pullpass.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	in := api.NewRepository{Project: project.ID, Integration: customer.ID, Puller: native.ID, Name: "kept"}
	if _, err := s.Owner.CreateRepository(ctx, in); pullpass.CodeOf(err) != "repository_no_principal" || !strings.Contains(pullpass.HintOf(err), "approve-identity") {
		t.Errorf("before the approval: %v, want no principal, and how one is approved", err)
	}
	if code, out := cli(ctx, t, s, "runner", "approve-identity", now.Name); code != 0 {
		t.Fatalf("approving: %d %s", code, out)
	}
	made, err := s.Owner.CreateRepository(ctx, in)
	if err != nil || len(made.Principals) != 1 || made.Principals[0] != rolePrefix+"runner" {
		t.Errorf("after the approval the policy names %v, %v, want the runner's role", made.Principals, err)
	}
}

// TestATokenIsNotSpentWhereJoiningCannotWork: what would keep the runner from
// starting, or from keeping who it is, is found before the one-time token is spent.
func TestATokenIsNotSpentWhereJoiningCannotWork(t *testing.T) {
	host := parts.Docker(t)
	ctx := within(t, 2*time.Minute)
	s := startServer(t, ctx)
	made, token, err := s.Owner.CreateRunner(ctx, pullpass.Runner{Name: "late", Kind: pullpass.RunnerDocker})
	if err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(shortDir(t), "runner")
	if err := os.MkdirAll(filepath.Join(blocked, "runner.json"), 0o700); err != nil { // nothing can take its place
		t.Fatal(err)
	}
	good := filepath.Join(shortDir(t), "runner")
	for what, try := range map[string]struct {
		state, host string
		args        []string
		says        string
	}{
		"an engine on another machine":         {good, "tcp://127.0.0.1:1", nil, "cannot use a Docker Engine over tcp"},
		"an invalid mapping":                   {good, host, []string{"--host=host="}, `the registry host "" is refused`},
		"an invalid allowance":                 {good, host, []string{"--allow-egress=not/an/address"}, "--allow-egress: want a prefix"},
		"a state in which nothing can be kept": {blocked, host, nil, "runner.json"},
	} {
		refusedWith(t, ctx, what, as(t, ctx, s, made.ID, token, try.state, try.host, try.args...), try.says)
		if now, err := s.Owner.Runner(ctx, made.ID); err != nil || now.Phase != pullpass.RunnerCreated {
			t.Errorf("%s: the runner is %s, %v, want nobody joined", what, now.Phase, err)
		}
	}
	as(t, ctx, s, made.ID, token, good, host) // the same token
	awaitActive(t, ctx, s, made.ID)
}

// startRehearsal is a sandbox with instances, and the arguments that tell of it.
func startRehearsal(t *testing.T, ctx context.Context) (*sandbox.Sandbox, []string) {
	t.Helper()
	box := startBox(t, ctx, rehearsal().OnFreePorts())
	return box, (&cloud{box: box}).mappings(box.Endpoint())
}
