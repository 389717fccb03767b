package runner_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

func TestExitIsReported(t *testing.T) {
	for _, test := range []struct {
		code     int
		phase    pullpass.Phase
		severity pullpass.Severity
	}{
		{0, pullpass.PhaseStopped, pullpass.SeverityInfo},
		{7, pullpass.PhaseFailed, pullpass.SeverityError},
	} {
		story(t, func(t *testing.T, w *world) {
			e := w.environment("serve")
			w.run()
			w.settle(e.ID, pullpass.PhaseRunning)
			w.engine.Exit(w.one().ID, test.code)
			u := w.settle(e.ID, test.phase)
			if s := u.Status[0]; s.State != pullpass.ServiceExited || s.ExitCode == nil || *s.ExitCode != test.code {
				t.Errorf("exit %d: status %+v", test.code, s)
			}
			if len(u.Conditions) != 1 || u.Conditions[0].Code != runner.CodeServiceExited || u.Conditions[0].Severity != test.severity {
				t.Errorf("exit %d: conditions %+v", test.code, u.Conditions)
			}
			if n := w.engine.Made(); n != 1 || w.one().State != runner.Exited {
				t.Errorf("exit %d: the container was started again", test.code)
			}
		})
	}
}

func TestEngineRestart(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		e := w.environment("serve")
		w.run()
		w.settle(e.ID, pullpass.PhaseRunning)
		first := w.one()

		w.engine.Crash()
		pass(2 * time.Second)
		if u := w.last(e.ID); u.Phase != pullpass.PhaseFailed {
			t.Errorf("seconds after the engine's end the phase is %s", u.Phase)
		}
		u := w.settle(e.ID, pullpass.PhaseFailed)
		if len(u.Conditions) != 1 || u.Conditions[0].Code != runner.CodeEngineMissing || u.Conditions[0].Fix == "" {
			t.Errorf("conditions without an engine: %+v", u.Conditions)
		}
		if b := w.beats[len(w.beats)-1]; b.Phase != pullpass.RunnerDegraded || !strings.Contains(b.Message, "hint:  start it") {
			t.Errorf("heartbeat without an engine: %+v", b)
		}

		w.engine.Recover()
		if u := w.settle(e.ID, pullpass.PhaseRunning); len(u.Conditions) != 0 {
			t.Errorf("conditions with the engine back: %+v", u.Conditions)
		}
		if a := w.one(); a.ID != first.ID || a.State != runner.Running {
			t.Errorf("container = %+v, want %s running again", a, first.ID)
		}
		if b := w.beats[len(w.beats)-1]; b.Phase != pullpass.RunnerActive {
			t.Errorf("heartbeat with the engine back: %+v", b)
		}
	})
}

func TestEngineDiesDuringPull(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		crashed := false
		w.engine.Fail(func(op, _ string) error {
			if op == "pull" && !crashed {
				crashed = true
				w.engine.Crash()
			}
			return nil
		})
		e := w.environment("serve")
		w.run()
		w.settle(e.ID, pullpass.PhaseFailed)
		w.engine.Recover()
		w.settle(e.ID, pullpass.PhaseRunning)
		w.one()
	})
}

// Containers that ended while no runner watched ended with the machine, as far as
// anybody knows; those that were reported as ended stay ended.
func TestExitsWhileNoRunnerWatched(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		lost, done := w.environment("serve"), w.environment("exit", "0")
		stop := w.run()
		w.settle(lost.ID, pullpass.PhaseRunning)
		w.settle(done.ID, pullpass.PhaseStopped)
		stop()
		for _, a := range w.containers() {
			w.engine.Exit(a.ID, 137)
		}
		w.run()
		w.settle(lost.ID, pullpass.PhaseRunning)
		w.settle(done.ID, pullpass.PhaseStopped)
		if n := w.engine.Made(); n != 2 {
			t.Errorf("%d containers were made, want 2", n)
		}
	})
}

func TestOutputIsDelivered(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		away := true
		w.setRefuse(func(op string) error {
			if op == "output" && away {
				return &pullpass.Error{Kind: pullpass.Unavailable, What: "the server is away"}
			}
			return nil
		})
		e := w.environment("serve")
		stop := w.run()
		w.settle(e.ID, pullpass.PhaseRunning)
		w.setRefuse(func(string) error { return nil })
		pass(time.Minute)
		key := string(e.ID) + "/app"
		if got := w.output[key]; got != "ready\n" {
			t.Errorf("output = %q, want %q", got, "ready\n")
		}
		if w.sends != 1 {
			t.Errorf("the same output was sent %d times", w.sends)
		}
		stop()
		w.run() // a successor reads from the beginning: the offsets are the same
		pass(time.Minute)
		if got := w.output[key]; got != "ready\n" {
			t.Errorf("output after a restart = %q, want %q", got, "ready\n")
		}
	})
}
