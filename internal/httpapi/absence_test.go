package httpapi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// absent is what an environment says of its runner; empty: that it works.
func absent(e pullpass.Environment) pullpass.Condition {
	at := slices.IndexFunc(e.Conditions, func(c pullpass.Condition) bool { return strings.HasPrefix(c.Code, "runner_") })
	if at < 0 {
		return pullpass.Condition{}
	}
	return e.Conditions[at]
}

// told wants every answer about an environment to say the same of its runner.
func (o *tenant) told(what string, e pullpass.Environment, code string, severity pullpass.Severity) pullpass.Condition {
	o.w.t.Helper()
	ctx := o.w.t.Context()
	one, err := o.Environment(ctx, e.ID)
	must(o.w.t, err)
	named, err := o.EnvironmentByName(ctx, e.Project, e.Name)
	must(o.w.t, err)
	list, err := o.Environments(ctx, pullpass.EnvironmentFilter{Project: e.Project}, pullpass.Page{})
	must(o.w.t, err)
	listed := list.Items[slices.IndexFunc(list.Items, func(l pullpass.Environment) bool { return l.ID == e.ID })]
	for from, got := range map[string]pullpass.Condition{"shown": absent(one), "found by name": absent(named), "listed": absent(listed)} {
		if got.Code != code || got.Severity != severity {
			o.w.t.Errorf("%s, %s: %+v, want %q as %q", what, from, got, code, severity)
		}
		if code != "" && (got.What == "" || got.Cause == "" || got.Fix == "" || got.At.IsZero()) {
			o.w.t.Errorf("%s, %s: %+v lacks a part", what, from, got)
		}
	}
	return absent(one)
}

// An environment that waits for a runner that does nothing says so, and why, until
// the runner is back. Nothing of it is stored, and the runner is not told of itself.
func TestAWaitingEnvironmentSaysWhatItWaitsFor(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	beat := func(own *client.Client, r pullpass.RunnerReport) {
		t.Helper()
		_, err := own.Heartbeat(t.Context(), r)
		must(t, err)
	}
	active := pullpass.RunnerReport{Phase: pullpass.RunnerActive, Version: "1.2.3"}

	// No machine has joined.
	made, join, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "fresh", Kind: pullpass.RunnerDocker})
	must(t, err)
	e := o.environment(p.ID, made.ID, "early")
	if c := absent(e); c.Code != pullpass.CodeRunnerNotJoined {
		t.Errorf("the answer to its creation has %+v, want %s", e.Conditions, pullpass.CodeRunnerNotJoined)
	}
	c := o.told("not joined", e, pullpass.CodeRunnerNotJoined, pullpass.SeverityError)
	if !strings.Contains(c.Fix, "pullpass runner rejoin fresh") {
		t.Errorf("the fix is %q, want how a machine joins", c.Fix)
	}
	_, token, err := w.anonymous().Join(t.Context(), join, pullpass.RunnerDocker, active)
	must(t, err)
	o.told("joined", e, "", "")

	own := w.as(token)
	for _, gone := range []struct {
		name, code, cause, fix string
		leave                  func()
	}{
		{"signed off", pullpass.CodeRunnerOffline, "signed off 5 minutes ago", "pullpass runner", func() {
			beat(own, pullpass.RunnerReport{Phase: pullpass.RunnerInactive})
			w.clock.forward(5 * time.Minute)
		}},
		{"silent", pullpass.CodeRunnerOffline, "last heard of 31 seconds ago", "pullpass runner", func() { w.clock.forward(31 * time.Second) }},
		{"without its engine", pullpass.CodeRunnerDegraded, "does not answer", "pullpass runner show fresh", func() {
			beat(own, pullpass.RunnerReport{Phase: pullpass.RunnerDegraded, Version: "1.2.3"})
		}},
		{"too old", pullpass.CodeRunnerTooOld, "has version v0.0.9", "pullpass runner", func() {
			_, err := own.Heartbeat(t.Context(), pullpass.RunnerReport{Phase: pullpass.RunnerActive, Version: "v0.0.9"})
			tooOld(t, "its heartbeat", err)
			_, err = own.Wanted(t.Context(), "", 0)
			tooOld(t, "its poll", err)
		}},
	} {
		gone.leave()
		c := o.told(gone.name, e, gone.code, pullpass.SeverityError)
		if !strings.Contains(c.Cause, gone.cause) || !strings.Contains(c.Fix, gone.fix) {
			t.Errorf("%s: %+v, want the cause %q and the fix %q", gone.name, c, gone.cause, gone.fix)
		}
		stored, err := w.db.Environment(t.Context(), o.org, e.ID)
		must(t, err)
		if len(stored.Conditions) != 0 || stored.Revision != e.Revision {
			t.Errorf("%s: stored are %+v in revision %d, want nothing new", gone.name, stored.Conditions, stored.Revision)
		}
		if gone.code == pullpass.CodeRunnerTooOld {
			beat(own, active)
		}
		wanted, err := own.Wanted(t.Context(), "", 0)
		must(t, err)
		if len(wanted.Environments) != 1 || len(wanted.Environments[0].Conditions) != 0 {
			t.Errorf("%s: the runner is told %+v, want the environment without a condition", gone.name, wanted.Environments)
		}
		beat(own, active)
		o.told("back after "+gone.name, e, "", "")
	}

	// What runs is shown as it was reported, with a warning; what nobody waits for, without.
	_, err = own.ReportStatus(t.Context(), e.ID, pullpass.StatusUpdate{Start: 1, Phase: pullpass.PhaseRunning})
	must(t, err)
	o.told("it runs", e, "", "")
	w.clock.forward(time.Minute)
	o.told("it runs, and its runner is silent", e, pullpass.CodeRunnerOffline, pullpass.SeverityWarning)
	_, err = o.StopEnvironment(t.Context(), e.ID)
	must(t, err)
	o.told("it is to stop", e, pullpass.CodeRunnerOffline, pullpass.SeverityError)
	beat(own, active)
	_, err = own.ReportStatus(t.Context(), e.ID, pullpass.StatusUpdate{Start: 1, Phase: pullpass.PhaseStopped})
	must(t, err)
	w.clock.forward(time.Minute)
	o.told("it is stopped, as wanted", e, "", "")
	must(t, o.DeleteEnvironment(t.Context(), e.ID, client.ForceNone))
	if c := o.told("it is to be deleted", e, pullpass.CodeRunnerOffline, pullpass.SeverityError); !strings.Contains(c.Fix, "pullpass env delete early --force") {
		t.Errorf("the fix is %q, want how to forget it", c.Fix)
	}
}

// tooOld wants a refusal that tells an old runner what to do.
func tooOld(t *testing.T, what string, err error) {
	t.Helper()
	if text := pullpass.Explain(err); pullpass.CodeOf(err) != pullpass.CodeRunnerTooOld || !strings.Contains(text, "v0.0.9") || !strings.Contains(text, "0.1.0") || pullpass.HintOf(err) == "" {
		t.Errorf("%s: %v, want it refused, with both versions and a hint", what, err)
	}
}

// A runner that is too old is told so before its token is spent, and one of another
// version than the server's is shown with both.
func TestVersionsOfRunnersAndServer(t *testing.T) {
	w := newWorld(t) // its server is version "test"
	o := w.first()
	r, join, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker})
	must(t, err)
	_, _, err = w.anonymous().Join(t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "v0.0.9"})
	tooOld(t, "its join", err)
	_, token, err := w.anonymous().Join(t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "1.2.3"})
	must(t, err) // with the same token
	shown := func(version, server string) {
		t.Helper()
		_, err := w.as(token).Heartbeat(t.Context(), pullpass.RunnerReport{Version: version, Phase: pullpass.RunnerActive})
		must(t, err)
		one, err := o.Runner(t.Context(), r.ID)
		must(t, err)
		list, err := o.Runners(t.Context(), pullpass.Page{})
		must(t, err)
		if one.Version != version || one.ServerVersion != server || list.Items[0].ServerVersion != server {
			t.Errorf("shown with %q and the server's %q, listed with %q, want %q and %q", one.Version, one.ServerVersion, list.Items[0].ServerVersion, version, server)
		}
	}
	shown("1.2.3", "test")
	shown("test", "")
	self, err := o.Self(t.Context())
	must(t, err)
	if self.ServerVersion != "test" {
		t.Errorf("the server says that it is version %q, want test", self.ServerVersion)
	}
}

// A project that is taken from a runner takes what was not begun with it: the runner
// does not get it, whoever waits is told, and gets it when the project is back.
func TestAProjectTakenFromARunnerThatIsAway(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p, other := o.project("payments"), o.project("shop")
	r, token := o.joined("one")
	own := w.as(token)
	begun, waits := o.environment(p.ID, r.ID, "begun"), o.environment(p.ID, r.ID, "waits")
	_, err := own.ReportStatus(t.Context(), begun.ID, pullpass.StatusUpdate{Start: 1, Phase: pullpass.PhaseStarting})
	must(t, err)
	first, err := own.Wanted(t.Context(), "", 0)
	must(t, err)
	names := func(seen string, wait time.Duration) []string {
		t.Helper()
		wanted, err := own.Wanted(t.Context(), seen, wait)
		must(t, err)
		var names []string
		for _, e := range wanted.Environments {
			names = append(names, e.Name)
		}
		return names
	}
	only := []pullpass.ProjectID{other.ID}
	_, err = o.UpdateRunner(t.Context(), r.ID, pullpass.RunnerChange{Projects: &only})
	must(t, err)
	if got := names("", 0); !slices.Equal(got, []string{"begun"}) {
		t.Errorf("the runner is to care for %v, want what it has begun", got)
	}
	o.told("the project is gone", waits, pullpass.CodeRunnerNotForProject, pullpass.SeverityError)
	o.told("the project is gone", begun, "", "")
	got := make(chan []string, 1)
	go func() { got <- names(first.State, 20*time.Second) }()
	if names := <-got; !slices.Equal(names, []string{"begun"}) {
		t.Errorf("a poll that knows both hears of %v", names)
	}
	must(t, o.DeleteEnvironment(t.Context(), waits.ID, client.ForceNone))
	if got := names("", 0); !slices.Equal(got, []string{"begun", "waits"}) {
		t.Errorf("the runner is to care for %v, want what is to be deleted, too", got)
	}
	again := o.environmentAgain(p.ID, r.ID, "again")
	o.told("the project is back", again, "", "")
}

// environmentAgain lifts the runner's limit, and creates an environment.
func (o *tenant) environmentAgain(p pullpass.ProjectID, r pullpass.RunnerID, name string) pullpass.Environment {
	o.w.t.Helper()
	_, err := o.UpdateRunner(o.w.t.Context(), r, pullpass.RunnerChange{Projects: &[]pullpass.ProjectID{}})
	must(o.w.t, err)
	return o.environment(p, r, name)
}

// Where no runner was named, the one that can is taken; if there is none, each is
// told with its reason.
func TestARunnerIsChosenOrNoneAndWhy(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p, other := o.project("payments"), o.project("shop")
	create := func(name string) (pullpass.Environment, error) {
		return o.CreateEnvironment(t.Context(), pullpass.Environment{Project: p.ID, Name: name,
			Services: []pullpass.Service{{Name: "web", Image: "hub.example.com/team/app:1"}}})
	}
	wants := func(what string, code string, says ...string) {
		t.Helper()
		_, err := create("none")
		if pullpass.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", what, err, code)
			return
		}
		for _, word := range says {
			if text := pullpass.Explain(err); !strings.Contains(text, word) {
				t.Errorf("%s: %s\nwant %q in it", what, text, word)
			}
		}
	}
	wants("no runner", "no_active_runner", "there is no runner", "pullpass runner add")
	fresh, _, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "fresh", Kind: pullpass.RunnerDocker})
	must(t, err)
	_, _, err = o.CreateRunner(t.Context(), pullpass.Runner{Name: "theirs", Kind: pullpass.RunnerDocker, Projects: []pullpass.ProjectID{other.ID}})
	must(t, err)
	o.able("silent", ready)
	w.clock.forward(3 * time.Minute)
	old := ready
	old.Version = "0.0.9"
	o.able("old", old)
	limited, _ := o.able("limited", ready)
	hub := o.basic("", "hub")
	only := func(runners ...pullpass.RunnerID) {
		t.Helper()
		_, err := o.UpdateRegistry(t.Context(), hub.ID, pullpass.RegistryChange{Runners: &runners})
		must(t, err)
	}
	only(fresh.ID)
	wants("five runners, none of which can", "no_active_runner", "no machine has joined as the runner fresh", "theirs takes environments of other projects",
		"silent", "old", "the registry hub is limited to other runners than limited", "--runner")
	only(limited.ID)
	o.able("beside", ready)
	e, err := create("web")
	must(t, err)
	if e.Runner != limited.ID {
		t.Errorf("it is on %s, want the one runner that the registry is for", e.Runner)
	}
	only([]pullpass.RunnerID{}...) // every runner
	wants("two that can", "runner_ambiguous", "--runner ")
}
