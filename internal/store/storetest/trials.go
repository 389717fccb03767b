package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
)

var fewTrials = pullpass.TrialLimits{Runner: 2, Organization: 3}

func (w *world) trial(runner pullpass.RunnerID) pullpass.Trial {
	return pullpass.Trial{
		Organization: w.org, Runner: runner, ExpiresAt: time.Now().Add(time.Minute),
		Asked:   pullpass.EventActor{Kind: pullpass.CallerToken, ID: "tok_1", Name: "ada"},
		Subject: pullpass.TrialSubject{Kind: pullpass.TrialRegistry, Registry: basic(w.org, "hub", w.project), Repository: "team/app", Tag: "1"},
	}
}

func (w *world) newTrial(runner pullpass.RunnerID, password string) pullpass.Trial {
	w.t.Helper()
	t, err := w.CreateTrial(w.t.Context(), w.trial(runner), pullpass.NewSecret(password), fewTrials)
	must(w.t, "CreateTrial", err)
	return t
}

func (w *world) sealedTrials() (n int) {
	w.t.Helper()
	must(w.t, "counting secrets", w.Schema().Read.QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM trials WHERE sealed IS NOT NULL OR data_key IS NOT NULL").Scan(&n))
	return n
}

func testTrials(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "globex")
	second := w.newRunner("two")
	ctx := t.Context()
	changed := w.Watch(ctx, w.org, string(w.runner))
	made := w.newTrial(w.runner, "secret of a trial")
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("the runner was not woken")
	}
	if ids, err := w.WaitingTrials(ctx, w.org, w.runner); err != nil || !cmp.Equal(ids, []pullpass.TrialID{made.ID}) {
		t.Errorf("WaitingTrials = %v, %v, want the trial", ids, err)
	}
	for what, ids := range map[string]func() ([]pullpass.TrialID, error){
		"another runner's":       func() ([]pullpass.TrialID, error) { return w.WaitingTrials(ctx, w.org, second) },
		"another organization's": func() ([]pullpass.TrialID, error) { return w.WaitingTrials(ctx, other.org, w.runner) },
	} {
		if got, err := ids(); err != nil || len(got) != 0 {
			t.Errorf("%s WaitingTrials = %v, %v, want none", what, got, err)
		}
	}
	wantKind(t, "finishing before taking", w.FinishTrial(ctx, w.org, w.runner, made.ID, "{}"), pullpass.Conflict)
	_, _, err := w.TakeTrial(ctx, w.org, second, made.ID)
	wantKind(t, "another runner takes it", err, pullpass.NotFound)
	_, _, err = w.TakeTrial(ctx, other.org, w.runner, made.ID)
	wantKind(t, "another organization takes it", err, pullpass.NotFound)
	if n := w.sealedTrials(); n != 1 {
		t.Errorf("%d secrets are kept before it is taken, want 1", n)
	}
	taken, password, err := w.TakeTrial(ctx, w.org, w.runner, made.ID)
	if err != nil || password.Reveal() != "secret of a trial" || taken.State != pullpass.TrialTaken || !cmp.Equal(taken.Subject, made.Subject) || taken.Asked != made.Asked {
		t.Errorf("TakeTrial = %+v, %v, want the trial and its password", taken, err)
	}
	if n := w.sealedTrials(); n != 0 {
		t.Errorf("%d secrets are kept after it was taken, want none", n)
	}
	_, _, err = w.TakeTrial(ctx, w.org, w.runner, made.ID)
	wantKind(t, "taking it twice", err, pullpass.Conflict)
	wantKind(t, "another runner reports", w.FinishTrial(ctx, w.org, second, made.ID, "{}"), pullpass.NotFound)
	must(t, "FinishTrial", w.FinishTrial(ctx, w.org, w.runner, made.ID, `{"x":1}`))
	wantKind(t, "reporting twice", w.FinishTrial(ctx, w.org, w.runner, made.ID, "{}"), pullpass.Conflict)
	if got, err := w.Trial(ctx, w.org, made.ID); err != nil || got.State != pullpass.TrialDone || got.Result != `{"x":1}` {
		t.Errorf("Trial = %+v, %v, want done", got, err)
	}
	_, err = w.Trial(ctx, other.org, made.ID)
	wantKind(t, "another organization's trial", err, pullpass.NotFound)
	must(t, "DeleteTrial of another organization", w.DeleteTrial(ctx, other.org, made.ID))
	if n := count(t, w.DB, "trials"); n != 1 {
		t.Errorf("%d trials after another organization's deletion, want 1", n)
	}
	must(t, "DeleteTrial", w.DeleteTrial(ctx, w.org, made.ID))
	must(t, "DeleteTrial again", w.DeleteTrial(ctx, w.org, made.ID))
	_, err = w.CreateTrial(ctx, w.trial(other.runner), pullpass.Secret{}, fewTrials)
	wantKind(t, "a trial on another organization's runner", err, pullpass.NotFound)
}

// So many at a time, for each runner and for the organization; what is over makes
// room, and takes its secret with it.
func testTrialLimits(t *testing.T, open Open) {
	clock := time.Now()
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return clock }})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	w := populate(t, db, "acme")
	second, third := w.newRunner("two"), w.newRunner("three")
	w.newTrial(w.runner, "a")
	one := w.newTrial(w.runner, "b")
	_, err = w.CreateTrial(t.Context(), w.trial(w.runner), pullpass.Secret{}, fewTrials)
	wantKind(t, "a third for the runner", err, pullpass.Limited)
	w.newTrial(second, "")
	_, err = w.CreateTrial(t.Context(), w.trial(third), pullpass.Secret{}, fewTrials)
	wantKind(t, "a fourth for the organization", err, pullpass.Limited)
	other := populate(t, db, "globex")
	other.newTrial(other.runner, "")

	clock = clock.Add(2 * time.Minute)
	if ids, err := w.WaitingTrials(t.Context(), w.org, w.runner); err != nil || len(ids) != 0 {
		t.Errorf("WaitingTrials after their time = %v, %v, want none", ids, err)
	}
	_, _, err = w.TakeTrial(t.Context(), w.org, w.runner, one.ID)
	wantKind(t, "taking what is over", err, pullpass.NotFound)
	must(t, "DeleteExpiredTrials", w.DeleteExpiredTrials(t.Context()))
	if n := count(t, db, "trials"); n != 0 {
		t.Errorf("%d trials are kept after their time, want none", n)
	}
}

// Of many who take a trial or make one at once, on two servers, only so many get it.
func testTrialRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	servers := []*store.DB{w.DB, openStore(t, open, keyring)}
	made := w.newTrial(w.runner, "x")
	at := func(f func(context.Context, *store.DB) bool) int64 {
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				if f(t.Context(), servers[i%2]) {
					won.Add(1)
				}
			})
		}
		all.Wait()
		return won.Load()
	}
	if n := at(func(ctx context.Context, db *store.DB) bool {
		_, password, err := db.TakeTrial(ctx, w.org, w.runner, made.ID)
		return err == nil && password.Reveal() == "x"
	}); n != 1 {
		t.Errorf("%d took one trial, want 1", n)
	}
	must(t, "DeleteTrial", w.DeleteTrial(t.Context(), w.org, made.ID))
	if n := at(func(ctx context.Context, db *store.DB) bool {
		_, err := db.CreateTrial(ctx, w.trial(w.runner), pullpass.Secret{}, fewTrials)
		return err == nil
	}); n != int64(fewTrials.Runner) {
		t.Errorf("%d trials were made for a runner at once, want %d", n, fewTrials.Runner)
	}
}

// A trial's secret follows its key when keys are exchanged.
func testTrialRotate(t *testing.T, open Open) {
	w := newWorld(t, open)
	made := w.newTrial(w.runner, "turned")
	_, err := w.NewDataKey(t.Context())
	must(t, "NewDataKey", err)
	r, err := w.Rotate(t.Context())
	if err != nil || r.Resealed != 1 || r.Retired != 1 {
		t.Errorf("Rotate = %+v, %v, want the one secret sealed anew", r, err)
	}
	if _, password, err := w.TakeTrial(t.Context(), w.org, w.runner, made.ID); err != nil || password.Reveal() != "turned" {
		t.Errorf("TakeTrial after Rotate: %v, want its password", err)
	}
}
