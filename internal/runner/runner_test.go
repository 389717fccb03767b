package runner_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// story runs a test in a time of its own.
func story(t *testing.T, f func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t)) })
}

func TestWantedIsRunning(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		e := w.environment("serve")
		w.run()
		u := w.settle(e.ID, pullpass.PhaseRunning)
		a := w.one()
		if a.Environment != e.ID || a.Start != 1 || a.State != runner.Running {
			t.Errorf("container = %+v", a)
		}
		if len(u.Status) != 1 || u.Status[0].Digest != digest || u.Status[0].Container != a.ID || len(u.Conditions) != 0 {
			t.Errorf("report = %+v", u)
		}
		want := runner.CredentialRequest{Environment: e.ID, Host: host, Repository: "team/app", Action: pullpass.ActionPull}
		if len(w.asked) != 1 || w.asked[0] != want {
			t.Errorf("asked for credentials %+v, want %+v once", w.asked, want)
		}
		if len(w.beats) == 0 || w.beats[0].Phase != pullpass.RunnerActive || w.beats[0].Version != "test" {
			t.Errorf("heartbeats = %+v", w.beats)
		}
	})
}

// A service never runs without variables that it should have: the server could not
// open them. With them it starts.
func TestMissingVariablesStartNothing(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		e := w.environment("serve")
		e.Services[0].EnvNames = []string{"DBPASS"}
		w.want(e)
		w.run()
		u := w.settle(e.ID, pullpass.PhaseFailed)
		if len(u.Conditions) != 1 || u.Conditions[0].Code != runner.CodeVariablesMissing || u.Conditions[0].Service != "app" || len(w.asked) != 0 {
			t.Errorf("conditions = %+v, asked for %+v, want the missing variables and nothing asked for", u.Conditions, w.asked)
		}
		e.Services = []pullpass.Service{e.Services[0]}
		e.Services[0].Env = map[string]string{"DBPASS": "x"}
		w.want(e)
		if u := w.settle(e.ID, pullpass.PhaseRunning); len(u.Conditions) != 0 {
			t.Errorf("with the variables: %+v", u.Conditions)
		}
	})
}

func TestRefusalIsReportedAndRetried(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.refuseImage = func(pullpass.Credential) error {
			return &pullpass.Error{Kind: pullpass.Denied, What: "cannot pull", Cause: "the policy does not name you", Hint: "name it"}
		}
		e := w.environment("serve")
		w.run()
		u := w.settle(e.ID, pullpass.PhaseFailed)
		if len(u.Conditions) != 1 {
			t.Fatalf("conditions = %+v, want one", u.Conditions)
		}
		c := u.Conditions[0]
		if c.Code != runner.CodePullDenied || c.Service != "app" || c.What != "cannot pull" ||
			c.Cause != "the policy does not name you" || c.Fix != "name it" || c.At.IsZero() {
			t.Errorf("condition = %+v", c)
		}
		if n := len(w.reports[e.ID]); n > 500 {
			t.Errorf("%d reports in an hour of the same refusal", n)
		}
		w.mu.Lock()
		w.refuseImage = func(pullpass.Credential) error { return nil }
		w.mu.Unlock()
		if u := w.settle(e.ID, pullpass.PhaseRunning); len(u.Conditions) != 0 {
			t.Errorf("conditions of a running environment = %+v", u.Conditions)
		}
	})
}

// A failed lookup is an error; only the server's own word leads to an anonymous try.
func TestLookupAndAnonymous(t *testing.T) {
	for _, test := range []struct {
		name      string
		err       error
		want      pullpass.Phase
		code      string
		anonymous bool
	}{
		{"no registry", &pullpass.Error{Kind: pullpass.NotFound, Code: pullpass.CodeNoRegistry, What: "w", Cause: "c"}, pullpass.PhaseFailed, runner.CodePullDenied, true},
		{"not found", &pullpass.Error{Kind: pullpass.NotFound, What: "w", Cause: "c"}, pullpass.PhaseFailed, runner.CodeImageNotFound, false},
		{"unavailable", &pullpass.Error{Kind: pullpass.Unavailable, What: "w", Cause: "c"}, pullpass.PhaseFailed, runner.CodePullFailed, false},
		{"denied", &pullpass.Error{Kind: pullpass.Denied, Code: "runner_not_allowed", What: "w", Cause: "c"}, pullpass.PhaseFailed, "runner_not_allowed", false},
		{"no kind", errors.New("broken"), pullpass.PhaseFailed, runner.CodePullFailed, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			story(t, func(t *testing.T, w *world) {
				w.setRefuse(func(op string) error {
					if op == "credential" {
						return test.err
					}
					return nil
				})
				e := w.environment("serve")
				w.run()
				u := w.settle(e.ID, test.want)
				if len(u.Conditions) != 1 || u.Conditions[0].Code != test.code {
					t.Errorf("conditions = %+v, want %s", u.Conditions, test.code)
				}
				if asked := len(w.resolved) > 0; asked != test.anonymous {
					t.Errorf("the registry was asked: %v, want %v", asked, test.anonymous)
				}
				for _, c := range w.resolved {
					if c != (pullpass.Credential{}) {
						t.Errorf("an anonymous try with credential %+v", c)
					}
				}
			})
		})
	}
}

// What another environment pulled is not permission.
func TestPresentImageIsCheckedForEachEnvironment(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		first := w.environment("serve")
		w.run()
		w.settle(first.ID, pullpass.PhaseRunning)
		w.mu.Lock()
		w.refuseImage = func(pullpass.Credential) error {
			return &pullpass.Error{Kind: pullpass.Denied, What: "cannot pull", Cause: "refused"}
		}
		w.mu.Unlock()
		second := w.environment("serve")
		w.settle(second.ID, pullpass.PhaseFailed)
		w.one()
		w.settle(first.ID, pullpass.PhaseRunning)
	})
}

func TestStopStartDelete(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		e := w.environment("serve")
		w.run()
		w.settle(e.ID, pullpass.PhaseRunning)
		first := w.one()

		e.Wanted = pullpass.WantedStopped
		w.want(e)
		u := w.settle(e.ID, pullpass.PhaseStopped)
		if a := w.one(); a.ID != first.ID || a.State != runner.Exited {
			t.Errorf("after stop: %+v, want %s kept and ended", a, first.ID)
		}
		if len(u.Conditions) != 0 || u.Status[0].State != pullpass.ServiceStopped {
			t.Errorf("after stop: report %+v", u)
		}

		e.Wanted, e.Start = pullpass.WantedRunning, 2
		w.want(e)
		if u := w.settle(e.ID, pullpass.PhaseRunning); u.Start != 2 {
			t.Errorf("the report speaks of start %d, want 2", u.Start)
		}
		if a := w.one(); a.ID == first.ID || a.Start != 2 {
			t.Errorf("after start: %+v", a)
		}
		if len(w.asked) != 2 {
			t.Errorf("asked for %d credentials, want one for each start", len(w.asked))
		}

		e.Wanted = pullpass.WantedDeleted
		w.setRefuse(func(op string) error {
			if op == "report" {
				return &pullpass.Error{Kind: pullpass.Unavailable, What: "the server is away"}
			}
			return nil
		})
		w.want(e)
		pass(time.Hour)
		if there := w.containers(); len(there) != 0 {
			t.Errorf("after delete: %+v", there)
		}
		if len(w.open) != 0 {
			t.Errorf("after delete %d agent sockets are open", len(w.open))
		}
		w.setRefuse(func(string) error { return nil })
		w.settle(e.ID, pullpass.PhaseDeleted) // said until it is heard
	})
}

func TestChangeOfMindEndsAPull(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		blocked, release := make(chan struct{}), make(chan struct{})
		w.engine.Fail(func(op, _ string) error {
			if op == "pull" {
				close(blocked)
				<-release
			}
			return nil
		})
		e := w.environment("serve")
		w.run()
		<-blocked
		e.Wanted = pullpass.WantedDeleted
		w.want(e)
		pass(time.Second)
		close(release) // what waited in the engine finds its request given up
		w.settle(e.ID, pullpass.PhaseDeleted)
		if n := w.engine.Made(); n != 0 {
			t.Errorf("%d containers were made", n)
		}
		for _, u := range w.reports[e.ID] {
			if len(u.Conditions) != 0 {
				t.Errorf("giving up was reported as a failure: %+v", u.Conditions)
			}
		}
	})
}

// The runner dies before and after each of its requests to the engine; its
// successor never makes a second container.
func TestRunnerDiesAnywhere(t *testing.T) {
	for _, op := range []string{"list", "pull", "start", "output"} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s late=%v", op, late), func(t *testing.T) {
				story(t, func(t *testing.T, w *world) {
					e := w.environment("serve")
					reached := make(chan struct{}, 100)
					dead := make(chan struct{})
					w.engine.Fail(func(at, _ string) error {
						if at != op {
							return nil
						}
						reached <- struct{}{}
						if !late {
							<-dead
							return context.Canceled
						}
						return nil
					})
					stop := w.run()
					<-reached
					if late {
						synctest.Wait()
					}
					go close(dead)
					stop()
					w.engine.Fail(nil)
					w.run()
					w.settle(e.ID, pullpass.PhaseRunning)
					w.one()
					if n := w.engine.Made(); n != 1 {
						t.Errorf("%d containers were made, want 1", n)
					}
				})
			})
		}
	}
}

func TestUnknownContainersAreRemoved(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		e := w.environment("serve")
		stop := w.run()
		w.settle(e.ID, pullpass.PhaseRunning)
		stop()
		w.change(func() { delete(w.wanted, e.ID) })
		w.run()
		pass(time.Hour)
		if there := w.containers(); len(there) != 0 {
			t.Errorf("containers of an unknown environment are left: %+v", there)
		}
	})
}

func TestRunnerThatIsNotKnownEnds(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		gone := &pullpass.Error{Kind: pullpass.Unauthenticated, What: "the token is not known"}
		w.setRefuse(func(op string) error {
			if op == "wanted" {
				return gone
			}
			return nil
		})
		r, err := runner.New(runner.Options{ID: w.id, Server: w, Driver: w.engine.Driver(w.id), Resolver: w, Agents: agents{w}})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Run(t.Context()); !errors.Is(err, gone) {
			t.Errorf("Run = %v, want %v", err, gone)
		}
	})
}

// What runs goes on until everything that replaces it has been pulled.
func TestRestartPullsFirst(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		e := w.environment("serve")
		e.Services = append(e.Services, pullpass.Service{Name: "other", Image: image, Command: []string{"serve"}})
		w.want(e)
		w.run()
		w.settle(e.ID, pullpass.PhaseRunning)
		first := w.containers()

		w.mu.Lock()
		asked := 0
		w.refuseImage = func(pullpass.Credential) error {
			if asked++; asked%2 == 0 { // one service of two is refused
				return &pullpass.Error{Kind: pullpass.Denied, What: "cannot pull", Cause: "refused", Hint: "allow it"}
			}
			return nil
		}
		w.mu.Unlock()
		e.Start = 2
		w.want(e)
		u := w.settle(e.ID, pullpass.PhaseFailed)
		there := w.containers()
		if len(there) != len(first) {
			t.Fatalf("containers %+v, want those of the first start", there)
		}
		for _, a := range there {
			if a.Start != 1 || a.State != runner.Running {
				t.Errorf("container %+v, want the first start running", a)
			}
		}
		codes := map[string]bool{}
		for _, c := range u.Conditions {
			codes[c.Code] = true
		}
		if !codes[runner.CodePullDenied] || !codes[runner.CodeEarlierStartRuns] {
			t.Errorf("conditions %+v do not say what failed and what goes on", u.Conditions)
		}

		w.mu.Lock()
		w.refuseImage = func(pullpass.Credential) error { return nil }
		w.mu.Unlock()
		if u := w.settle(e.ID, pullpass.PhaseRunning); len(u.Conditions) != 0 || u.Start != 2 {
			t.Errorf("after the fix: %+v", u)
		}
		for _, a := range w.containers() {
			if a.Start != 2 {
				t.Errorf("container %+v is left of the first start", a)
			}
		}
	})
}

func TestTooLargeImageIsNotPulled(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.bytes, w.maxImage = 2<<30, 1<<30
		w.engine.Fail(func(op, _ string) error {
			if op == "pull" {
				t.Error("the engine was asked to pull")
			}
			return nil
		})
		e := w.environment("serve")
		w.run()
		u := w.settle(e.ID, pullpass.PhaseFailed)
		if len(u.Conditions) != 1 || u.Conditions[0].Code != runner.CodeImageTooLarge || u.Conditions[0].Fix == "" {
			t.Errorf("conditions = %+v", u.Conditions)
		}
	})
}

// The role behind a credential was made anew: the registry refuses what the server has
// kept, and takes what it mints. A refusal by a policy costs no second question.
func TestRefusedCredentialIsAskedForAnew(t *testing.T) {
	stale := pullpass.Credential{Username: "u", Secret: pullpass.NewSecret("stale")}
	for _, test := range []struct {
		code string
		anew int
	}{{"credential_revoked", 1}, {"login_refused", 1}, {"token_expired", 1}, {"denied_by_owner", 0}} {
		t.Run(test.code, func(t *testing.T) {
			story(t, func(t *testing.T, w *world) {
				w.credential = func(r runner.CredentialRequest) pullpass.Credential {
					if r.Refused == stale.Fingerprint() {
						return pullpass.Credential{Host: r.Host, Username: "u", Secret: pullpass.NewSecret(secret)}
					}
					return stale
				}
				w.refuseImage = func(c pullpass.Credential) error {
					if c.Secret.Reveal() == secret {
						return nil
					}
					return &pullpass.Error{Kind: pullpass.Denied, Code: test.code, What: "cannot pull", Cause: "refused"}
				}
				e := w.environment("serve")
				w.run()
				pass(100 * time.Millisecond)
				anew := 0
				for _, r := range w.asked {
					if r.Refused != "" {
						anew++
					}
				}
				if anew != test.anew {
					t.Errorf("%d questions of %+v tell of a refusal, want %d", anew, w.asked, test.anew)
				}
				if test.anew > 0 {
					w.settle(e.ID, pullpass.PhaseRunning)
				}
			})
		})
	}
}

// A predecessor has begun a later start than the one that this runner was told of: what
// runs is newer than the wish, and stays.
func TestOlderWishIsNotObeyed(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		e := w.environment("serve")
		e.Start = 2
		w.want(e)
		stop := w.run()
		w.settle(e.ID, pullpass.PhaseRunning)
		newer := w.one()
		stop()
		e.Start = 1
		w.want(e)
		w.run()
		pass(time.Hour)
		if a := w.one(); a != newer {
			t.Errorf("container %+v took the place of the newer %+v", a, newer)
		}
	})
}
