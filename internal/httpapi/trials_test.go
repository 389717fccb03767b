package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

// native adds an integration with runners' own identities; one of them has one.
func (o *tenant) native(name string, runner pullpass.RunnerID) pullpass.Integration {
	o.w.t.Helper()
	i, err := o.CreateIntegration(o.w.t.Context(), pullpass.Integration{Name: name, Mode: pullpass.ModeRunnerNative, Region: "eu-west-1", Runners: []pullpass.RunnerID{runner}}, pullpass.Secret{})
	must(o.w.t, err)
	return i
}

// trial waits for a runner, and nobody waits for it.
func (o *tenant) trial(r pullpass.RunnerID) pullpass.Trial {
	o.w.t.Helper()
	t, err := o.w.db.CreateTrial(o.w.t.Context(), pullpass.Trial{
		Organization: o.org, Runner: r, ExpiresAt: o.w.clock.now().Add(time.Hour),
		Subject: pullpass.TrialSubject{Kind: pullpass.TrialRegistry, Registry: pullpass.Registry{Organization: o.org, Name: "hub", Host: otherHost, Auth: pullpass.AuthBasic, Username: "ada"}},
	}, pullpass.NewSecret("trial-"+canary), pullpass.TrialLimits{Runner: 1000, Organization: 10000})
	must(o.w.t, err)
	return t
}

var ready = pullpass.RunnerReport{Version: "1", Phase: pullpass.RunnerActive, Capabilities: []string{"docker", pullpass.CapabilityTrials}, AWSClaim: role}

// able joins as a runner that can try.
func (o *tenant) able(name string, report pullpass.RunnerReport) (pullpass.Runner, *client.Client) {
	o.w.t.Helper()
	_, token := o.joined(name)
	own := o.w.as(token)
	r, err := own.Heartbeat(o.w.t.Context(), report)
	if pullpass.CodeOf(err) == pullpass.CodeRunnerTooOld {
		r, err = o.RunnerByName(o.w.t.Context(), name)
	}
	must(o.w.t, err)
	return r, own
}

// trying plays a runner that finds everything healthy, as long as the test lasts.
func (o *tenant) trying(name string) pullpass.Runner {
	o.w.t.Helper()
	r, own := o.able(name, ready)
	ctx, stop := context.WithCancel(o.w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for seen := ""; ctx.Err() == nil; {
			wanted, err := own.Wanted(ctx, seen, 20*time.Second)
			if err != nil {
				continue
			}
			seen = wanted.State
			for _, id := range wanted.Trials {
				if work, err := own.TakeTrial(ctx, id); err == nil {
					_ = own.ReportTrial(ctx, id, healthy(work)) // who waits has gone
				}
			}
		}
	}()
	o.w.t.Cleanup(func() {
		stop()
		o.w.Drain()
		<-done
	})
	return r
}

func healthy(work api.TrialWork) api.TrialReport {
	steps := []api.DiagnosisStep{{Name: "parse", Result: api.StepOK}}
	if work.Kind == pullpass.TrialIntegration {
		return api.TrialReport{Integration: &api.IntegrationTest{Principal: role, Account: "111111111111", Steps: steps}}
	}
	return api.TrialReport{Diagnosis: &api.Diagnosis{Image: work.Image, Where: "here", Started: time.Now(), Steps: steps}}
}

// attempt asks in the background, as the person who waits.
func attempt[T any](ask func() (T, error)) func() (T, error) {
	type outcome struct {
		v   T
		err error
	}
	out := make(chan outcome, 1)
	go func() {
		v, err := ask()
		out <- outcome{v, err}
	}()
	return func() (T, error) { o := <-out; return o.v, o.err }
}

// take waits as a runner for a trial and takes it.
func take(t *testing.T, own *client.Client) api.TrialWork {
	t.Helper()
	work, err := own.TakeTrial(t.Context(), waiting(t, own))
	must(t, err)
	return work
}

// waiting returns a trial that waits for the runner, as soon as there is one.
func waiting(t *testing.T, own *client.Client) pullpass.TrialID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for seen := ""; ; {
		wanted, err := own.Wanted(ctx, seen, 5*time.Second)
		must(t, err)
		seen = wanted.State
		if len(wanted.Trials) > 0 {
			return wanted.Trials[0]
		}
	}
}

// A trial of settings that are not saved goes to its runner with their password,
// once, on record; afterwards nothing of it is anywhere.
func TestSettingsAreTriedOnARunner(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, own := o.able("near", ready)
	_, stranger := o.able("other", ready)
	settings := pullpass.Registry{Name: "hub", Host: otherHost, Auth: pullpass.AuthBasic, Username: "ada", Runners: []pullpass.RunnerID{r.ID}}
	w.tester.password = true
	outcome := attempt(func() (api.Diagnosis, error) {
		return o.TestRegistrySettings(t.Context(), settings, pullpass.NewSecret(canary), client.RegistryTest{Repository: "team/app", Runner: r.ID})
	})
	work := take(t, own)
	if work.Image != otherHost+"/team/app:latest" || work.LoginOnly || work.HideAddresses || work.Opened == nil || work.Opened.Secret.Secret().Reveal() != canary || work.Seconds < 30 {
		t.Errorf("the runner gets %+v, want what is to be tried and what opens it", work)
	}
	_, err := own.TakeTrial(t.Context(), work.ID)
	wantKind(t, "taking it again", err, pullpass.Conflict)
	_, err = stranger.TakeTrial(t.Context(), work.ID)
	wantKind(t, "another runner takes it", err, pullpass.NotFound)
	wantKind(t, "another runner reports it", stranger.ReportTrial(t.Context(), work.ID, healthy(work)), pullpass.NotFound)
	report := healthy(work)
	report.Diagnosis.Where, report.Diagnosis.Healthy = "server", true
	report.Diagnosis.Steps = append(report.Diagnosis.Steps, api.DiagnosisStep{
		Name: "v2", Result: api.StepFailed, Symptom: "refused", Cause: "a\x1b[31mb\u202ec", Fix: strings.Repeat("x", 100_000)})
	must(t, own.ReportTrial(t.Context(), work.ID, report))
	d, err := outcome()
	if err != nil || d.Where != "runner near" || d.Healthy || d.Symptom != "refused" || d.Cause != "a[31mbc" || len(d.Fix) > 9000 {
		t.Errorf("TestRegistrySettings = where %q, healthy %v, symptom %q, cause %q, %d bytes of fix, %v; want the runner's report, tamed", d.Where, d.Healthy, d.Symptom, d.Cause, len(d.Fix), err)
	}
	for r, err := range o.AllRegistries(t.Context(), pullpass.RegistryFilter{}) {
		t.Errorf("after the test there is %v, %v, want no registry", r.Name, err)
	}
	if w.trials() != 0 {
		t.Error("the trial is kept after its outcome")
	}
	w.holdsNot(canary)
	events := w.events(o)
	if got := events["registry.test"]; got.Runner != r.ID || got.Detail["trial"] != string(work.ID) || got.Detail["host"] != otherHost {
		t.Errorf("the record of the test is %+v, want the runner and the trial", got)
	}
	if got := events["credential.issue"]; got.Runner != r.ID || got.Caller.Kind != pullpass.CallerRunner || got.Detail["trial"] != string(work.ID) || got.Detail["repository"] != "team/app" {
		t.Errorf("the record of the credential is %+v, want the runner and the trial", got)
	}
}

// What cannot be recorded is not given to the runner, and who waits hears at once.
func TestTrialsAreRecordedBeforeTheyAreOpened(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, own := o.able("near", ready)
	reg := o.basic("", "hub")
	outcome := attempt(func() (api.Diagnosis, error) {
		return o.TestRegistry(t.Context(), reg.ID, client.RegistryTest{Runner: r.ID})
	})
	id := waiting(t, own)
	w.door.fail(&pullpass.Error{Kind: pullpass.Unavailable, Code: "audit_unavailable", What: "the record cannot be written"})
	if _, err := own.TakeTrial(t.Context(), id); pullpass.CodeOf(err) != "audit_unavailable" {
		t.Errorf("TakeTrial = %v, want audit_unavailable", err)
	}
	if _, err := outcome(); pullpass.CodeOf(err) != "audit_unavailable" {
		t.Errorf("TestRegistry = %v, want audit_unavailable", err)
	}
}

// What the server could not open, it says on the runner's behalf: the runner tells
// it in its place.
func TestTrialsThatTheServerCannotOpen(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, own := o.able("near", ready)
	reg := o.basic("", "hub")
	w.tester.err = &pullpass.Error{Kind: pullpass.Denied, Code: "aws_denied", Cause: "no", Hint: "yes"}
	outcome := attempt(func() (api.Diagnosis, error) {
		return o.TestRegistry(t.Context(), reg.ID, client.RegistryTest{Runner: r.ID})
	})
	work := take(t, own)
	if work.Opened == nil || !work.Opened.Secret.IsZero() || work.Opened.Failure == nil || work.Opened.Failure.Code != "aws_denied" || !work.LoginOnly {
		t.Errorf("the runner gets %+v, want why there is nothing", work.Opened)
	}
	must(t, own.ReportTrial(t.Context(), work.ID, api.TrialReport{}))
	if _, err := outcome(); pullpass.CodeOf(err) != "trial_failed" {
		t.Errorf("without a report: %v, want trial_failed", err)
	}
	if got := w.events(o)["credential.issue"]; got.Decision != pullpass.DecisionFailed || got.Reason != "aws_denied" {
		t.Errorf("the record is %+v, want failed", got)
	}
}

// The runner's own identity is granted, on record, with what it is to be narrowed
// to and where it leads on.
func TestNativeTrials(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, own := o.able("near", ready)
	reg, err := o.CreateRegistry(t.Context(), pullpass.Registry{Name: "ecr", Host: ecrHost, PathPrefix: "team", Auth: pullpass.AuthRunnerNative}, pullpass.Secret{})
	must(t, err)
	if _, err := o.TestRegistry(t.Context(), reg.ID, client.RegistryTest{}); pullpass.CodeOf(err) != "runner_native" || !strings.Contains(pullpass.HintOf(err), "--runner") {
		t.Errorf("on the server: %v, %s, want runner_native and how to choose a runner", err, pullpass.HintOf(err))
	}
	outcome := attempt(func() (api.Diagnosis, error) {
		return o.TestRegistry(t.Context(), reg.ID, client.RegistryTest{Runner: r.ID})
	})
	work := take(t, own)
	if n := work.Native; n == nil || work.Opened != nil || !cmp.Equal(n.Repositories, []string{"team", "team/*"}) || n.Organization != o.org {
		t.Errorf("the runner gets %+v, want its own identity for the registry's repositories", work)
	}
	must(t, own.ReportTrial(t.Context(), work.ID, healthy(work)))
	if d, err := outcome(); err != nil || !d.Healthy || d.Where != "runner near" {
		t.Errorf("TestRegistry = %+v, %v, want healthy", d, err)
	}
	if got := w.events(o)["credential.grant"]; got.Runner != r.ID || got.Registry != reg.ID || got.Detail["repositories"] != "team team/*" {
		t.Errorf("the record is %+v, want the grant", got)
	}
	if len(w.tester.opened) != 0 {
		t.Errorf("the server opened %v, want nothing", w.tester.opened)
	}

	i, err := o.CreateIntegration(t.Context(), pullpass.Integration{Name: "chain", Mode: pullpass.ModeRunnerNative, Region: "eu-west-1", Chain: []pullpass.RoleHop{{RoleARN: role, ExternalID: "acme"}}}, pullpass.Secret{})
	must(t, err)
	_, err = o.TestIntegration(t.Context(), i.ID, "")
	if pullpass.CodeOf(err) != "runner_native" {
		t.Errorf("an integration with a runner's identity on the server: %v, want runner_native", err)
	}
	tested := attempt(func() (api.IntegrationTest, error) { return o.TestIntegration(t.Context(), i.ID, r.ID) })
	work = take(t, own)
	if n := work.Native; n == nil || len(n.Chain) != 1 || n.Chain[0].ExternalID != "acme" || n.Region != "eu-west-1" {
		t.Errorf("the runner gets %+v, want the chain", work.Native)
	}
	must(t, own.ReportTrial(t.Context(), work.ID, healthy(work)))
	if out, err := tested(); err != nil || out.Principal != role || !out.Healthy || out.Where != "runner near" {
		t.Errorf("TestIntegration = %+v, %v, want the principal", out, err)
	}
}

// An environment's image is tried by its runner, which asks for a credential as a
// start does: the trial holds none.
func TestEnvironmentTrials(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, own := o.able("near", ready)
	e := o.environment(o.project("shop").ID, r.ID, "ada")
	if _, err := o.TestEnvironment(t.Context(), e.ID, "alpine"); pullpass.CodeOf(err) != "image_not_in_environment" {
		t.Errorf("another image: %v, want image_not_in_environment", err)
	}
	outcome := attempt(func() (api.Diagnosis, error) { return o.TestEnvironment(t.Context(), e.ID, ecrHost+"/team/app:1") })
	work := take(t, own)
	if work.Environment != e.ID || work.Image != ecrHost+"/team/app:1" || work.Opened != nil || work.Native != nil {
		t.Errorf("the runner gets %+v, want the environment alone", work)
	}
	must(t, own.ReportTrial(t.Context(), work.ID, healthy(work)))
	if d, err := outcome(); err != nil || d.Where != "runner near" {
		t.Errorf("TestEnvironment = %+v, %v", d, err)
	}
}

// A runner that cannot try says what to do, at once; one that stopped without a
// word does so before anybody gives up.
func TestRunnersThatCannotTry(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	reg := o.basic("", "hub")
	made, _, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "new", Kind: pullpass.RunnerDocker})
	must(t, err)
	old, _ := o.able("old", pullpass.RunnerReport{Version: "0.0.9", Phase: pullpass.RunnerActive, Capabilities: []string{"docker"}})
	without, _ := o.able("without", pullpass.RunnerReport{Version: "0.2.0", Phase: pullpass.RunnerActive, Capabilities: []string{"docker"}})
	broken, _ := o.able("broken", pullpass.RunnerReport{Phase: pullpass.RunnerDegraded, Message: "no engine"})
	near, _ := o.able("near", ready)
	limited, err := o.CreateRegistry(t.Context(), pullpass.Registry{Name: "limited", Host: otherHost, Auth: pullpass.AuthBasic, Username: "a", Runners: []pullpass.RunnerID{old.ID}}, pullpass.NewSecret(canary))
	must(t, err)
	hosted, _, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "hosted", Kind: pullpass.RunnerDocker, Hosted: true})
	must(t, err)
	_, err = w.db.RecordHeartbeat(t.Context(), o.org, hosted.ID, pullpass.RunnerReport{Phase: pullpass.RunnerActive, Capabilities: ready.Capabilities, At: w.clock.now()})
	must(t, err)
	native := o.nativeRegistry("ecr")
	other := w.second()
	theirs, _ := other.able("theirs", ready)
	for _, c := range []struct {
		registry pullpass.RegistryID
		runner   pullpass.RunnerID
		code     string
	}{
		{reg.ID, made.ID, "runner_not_joined"},
		{reg.ID, old.ID, "runner_too_old"},
		{reg.ID, without.ID, "runner_too_old"},
		{reg.ID, broken.ID, "runner_degraded"},
		{limited.ID, near.ID, "runner_not_selected"},
		{native.ID, hosted.ID, "runner_hosted"},
		{reg.ID, theirs.ID, "runner_not_found"},
		{reg.ID, pullpass.NewRunnerID(), "runner_not_found"},
	} {
		_, err := o.TestRegistry(t.Context(), c.registry, client.RegistryTest{Runner: c.runner})
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Code != c.code || (c.code != "runner_not_found" && (e.Cause == "" || e.Hint == "")) {
			t.Errorf("a test on a runner that cannot: %v, want %s with cause and hint", err, c.code)
		}
	}
	w.clock.forward(2 * time.Minute)
	if _, err := o.TestRegistry(t.Context(), reg.ID, client.RegistryTest{Runner: near.ID}); pullpass.CodeOf(err) != "runner_offline" {
		t.Errorf("a runner that has not been heard of: %v, want runner_offline", err)
	}
}

// A runner that was heard of a moment ago and takes nothing is not waited for long.
func TestASilentRunner(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	reg := o.basic("", "hub")
	silent, _ := o.able("silent", ready)
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	_, err := o.TestRegistry(ctx, reg.ID, client.RegistryTest{Runner: silent.ID})
	if pullpass.CodeOf(err) != "runner_offline" || !strings.Contains(err.Error(), "did not take the test") {
		t.Errorf("a silent runner: %v, want runner_offline", err)
	}
	if w.trials() != 0 {
		t.Error("the trial is kept after nobody took it")
	}
	if got := w.events(o)["registry.test"]; got.Decision != pullpass.DecisionFailed || got.Reason != "runner_offline" {
		t.Errorf("the last record is %+v, want failed", got)
	}
}

// So many at the same time on one runner.
func TestTrialsAreLimited(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	reg := o.basic("", "hub")
	r, own := o.able("busy", ready)
	ask := func() (api.Diagnosis, error) {
		return o.TestRegistry(t.Context(), reg.ID, client.RegistryTest{Runner: r.ID})
	}
	first, second := attempt(ask), attempt(ask)
	one := take(t, own)
	two := take(t, own)
	if _, err := ask(); !pullpass.IsKind(err, pullpass.Limited) {
		t.Errorf("a third = %v, want limited", err)
	}
	for _, work := range []api.TrialWork{one, two} {
		must(t, own.ReportTrial(t.Context(), work.ID, healthy(work)))
	}
	for _, outcome := range []func() (api.Diagnosis, error){first, second} {
		if d, err := outcome(); err != nil || !d.Healthy {
			t.Errorf("TestRegistry = %+v, %v, want healthy", d, err)
		}
	}
}

// Whoever hangs up leaves nothing behind.
func TestGivenUpTrials(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, own := o.able("near", ready)
	ctx, hangUp := context.WithCancel(t.Context())
	outcome := attempt(func() (api.Diagnosis, error) {
		return o.TestRegistrySettings(ctx, pullpass.Registry{Name: "hub", Host: otherHost, Auth: pullpass.AuthBasic, Username: "ada"}, pullpass.NewSecret(canary), client.RegistryTest{Runner: r.ID})
	})
	waiting(t, own)
	hangUp()
	if _, err := outcome(); err == nil {
		t.Error("a canceled request succeeded")
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	gone, giveUp := context.WithTimeout(t.Context(), 10*time.Second)
	defer giveUp()
	for w.trials() > 0 {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-gone.Done():
			t.Fatal("the trial is kept after its asker has gone")
		}
	}
	w.holdsNot(canary)
}

func (o *tenant) nativeRegistry(name string) pullpass.Registry {
	o.w.t.Helper()
	r, err := o.CreateRegistry(o.w.t.Context(), pullpass.Registry{Name: name, Host: ecrHost, Auth: pullpass.AuthRunnerNative}, pullpass.Secret{})
	must(o.w.t, err)
	return r
}

// trials counts what the database has of them.
func (w *world) trials() (n int) {
	w.t.Helper()
	must(w.t, w.db.Schema().Read.QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM trials").Scan(&n))
	return n
}

// holdsNot searches the database's files.
func (w *world) holdsNot(secret string) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	must(w.t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(w.t, err)
		if strings.Contains(string(data), secret) {
			w.t.Errorf("%s holds the secret", filepath.Base(file))
		}
	}
	if len(files) == 0 {
		w.t.Error("there are no files to search")
	}
}

// events are the last records of each action.
func (w *world) events(o *tenant) map[string]pullpass.Event {
	w.t.Helper()
	var list struct{ Items []pullpass.Event }
	must(w.t, json.Unmarshal([]byte(w.raw(http.MethodGet, api.PathAuditEvents+"?limit=500", o.token.Reveal(), "").body), &list))
	last := map[string]pullpass.Event{}
	for _, e := range list.Items {
		if e.Sequence > last[e.Action].Sequence {
			last[e.Action] = e
		}
	}
	return last
}
