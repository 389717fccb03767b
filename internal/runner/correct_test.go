package runner_test

import (
	"testing"
	"time"

	"github.com/pullpass/pullpass"
)

// Another process with the runner's token reported a failure that is not this
// runner's: the live runner says what is true once more, and then no more.
func TestALiveRunnerCorrectsAnothersReport(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		e, beside := w.environment("serve"), w.environment("serve")
		w.run()
		w.settle(e.ID, pullpass.PhaseRunning)
		w.settle(beside.ID, pullpass.PhaseRunning)
		reported := func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.reports[e.ID])
		}
		before := reported()
		pass(time.Hour)
		if n := reported(); n != before {
			t.Fatalf("%d reports in an hour in which nothing happened, want none", n-before)
		}
		wrong := pullpass.StatusUpdate{Runner: w.id, Start: e.Start, Phase: pullpass.PhaseFailed,
			Conditions: []pullpass.Condition{{Code: "name_taken", Severity: pullpass.SeverityError, What: "another process's"}}}
		if err := w.ReportStatus(t.Context(), e.ID, wrong); err != nil {
			t.Fatal(err)
		}
		if u := w.settle(e.ID, pullpass.PhaseRunning); len(u.Conditions) != 0 {
			t.Errorf("after the correction: conditions %+v, want none", u.Conditions)
		}
		corrected := reported()
		pass(time.Hour)
		if n := reported(); n != corrected {
			t.Errorf("%d reports in the hour after the correction, want none", n-corrected)
		}
	})
}
