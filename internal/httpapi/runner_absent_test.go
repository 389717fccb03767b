package httpapi_test

import (
	"testing"
	"time"

	"github.com/pullpass/pullpass"
)

// A runner that says nothing for more than 30 seconds is inactive wherever it is
// shown, and active with its next word.
func TestASilentRunnerIsInactive(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, token := o.joined("one")
	own := w.as(token)
	shown := func(what string, want pullpass.RunnerPhase) {
		t.Helper()
		one, err := o.Runner(t.Context(), r.ID)
		must(t, err)
		all, err := o.Runners(t.Context(), pullpass.Page{})
		must(t, err)
		named, err := o.RunnerByName(t.Context(), "one")
		must(t, err)
		if len(all.Items) != 1 || one.Phase != want || all.Items[0].Phase != want || named.Phase != want {
			t.Errorf("%s: shown as %s, listed as %+v, found by name as %s, want %s", what, one.Phase, all.Items, named.Phase, want)
		}
	}
	for _, phase := range []pullpass.RunnerPhase{pullpass.RunnerActive, pullpass.RunnerDegraded} {
		_, err := own.Heartbeat(t.Context(), pullpass.RunnerReport{Phase: phase})
		must(t, err)
		shown("after its word", phase)
		w.clock.forward(25 * time.Second)
		shown("25 s later", phase)
		w.clock.forward(6 * time.Second)
		shown("31 s later", pullpass.RunnerInactive)
	}
	_, err := own.Heartbeat(t.Context(), pullpass.RunnerReport{Phase: pullpass.RunnerActive})
	must(t, err)
	shown("when it is back", pullpass.RunnerActive)
}

// The answer to a poll that ends without news names what the server holds: it
// differs when another process with the token has reported, and only then.
func TestAPollNamesWhatWasReported(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, token := o.joined("one")
	own := w.as(token)
	e := o.environment(o.project("payments").ID, r.ID, "ada")
	report := func(phase pullpass.Phase) {
		t.Helper()
		_, err := own.ReportStatus(t.Context(), e.ID, pullpass.StatusUpdate{Start: e.Start, Phase: phase})
		must(t, err)
	}
	report(pullpass.PhaseRunning)
	first, err := own.Wanted(t.Context(), "", 0)
	must(t, err)
	held := func() string {
		t.Helper()
		next, err := own.Wanted(t.Context(), first.State, 0)
		must(t, err)
		if !next.Unchanged {
			t.Fatal("a report of the runner's own is news to it")
		}
		return next.Reported
	}
	mine := pullpass.DigestReported([]pullpass.Reported{{Environment: e.ID, Start: e.Start, Phase: pullpass.PhaseRunning}})
	if got := held(); got != mine {
		t.Errorf("the server holds %q, want what the runner reported: %q", got, mine)
	}
	report(pullpass.PhaseFailed)
	if got := held(); got == mine {
		t.Error("the server holds another process's report, and names the runner's own")
	}
}
