package storetest

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/retention"
	"github.com/pullpass/pullpass/internal/store"
)

// testPurge removes what was deleted or has expired for long enough, and nothing
// that something else needs.
func testPurge(t *testing.T, open Open) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return now }})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	w := populate(t, db, "acme")
	ctx := t.Context()
	w.newRegistry("hub", "")
	w.newRegistry("unused", "")
	lives := w.newEnvironment("lives")
	for i := range 1200 { // more than two batches
		e := w.newEnvironment("gone")
		if i == 0 {
			w.delete(e) // the runner's way
			continue
		}
		_, err := w.ForgetEnvironment(ctx, w.org, e.ID)
		must(t, "ForgetEnvironment", err)
	}
	limited := basic(w.org, "limited", "")
	named, err := w.CreateRunner(ctx, pullpass.Runner{Organization: w.org, Name: "named", Kind: pullpass.RunnerDocker})
	must(t, "CreateRunner", err)
	other, err := w.CreateRunner(ctx, pullpass.Runner{Organization: w.org, Name: "other", Kind: pullpass.RunnerDocker})
	must(t, "CreateRunner", err)
	limited.Runners = []pullpass.RunnerID{named.ID}
	limited, err = w.CreateRegistry(ctx, limited, pullpass.NewSecret("s"))
	must(t, "CreateRegistry", err)
	must(t, "DeleteRunner", w.DeleteRunner(ctx, w.org, named.ID, false))
	must(t, "DeleteRunner", w.DeleteRunner(ctx, w.org, other.ID, false))
	idle, err := w.CreateProject(ctx, pullpass.Project{Organization: w.org, Name: "idle"})
	must(t, "CreateProject", err)
	must(t, "DeleteProject", w.DeleteProject(ctx, w.org, idle.ID))
	for name, expires := range map[string]time.Time{"expired": start.Add(time.Hour), "fresh": start.Add(time.Hour * 2000), "for-ever": {}} {
		_, err := w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Name: name, Hash: pullpass.TokenHash(name), ExpiresAt: expires})
		must(t, "CreateToken", err)
	}
	_, err = w.AppendEvents(ctx, []pullpass.Event{sampleEvent(w.org, "a"), sampleEvent(w.org, "b")})
	must(t, "AppendEvents", err)

	now = start.Add(time.Hour)
	pinned := lives.Registries[0].Registry
	must(t, "DeleteRegistry", w.DeleteRegistry(ctx, w.org, pinned))
	now = start.Add(30 * 24 * time.Hour)
	late := w.newEnvironment("late")
	_, err = w.ForgetEnvironment(ctx, w.org, late.ID)
	must(t, "ForgetEnvironment", err)

	gone, err := w.Purge(ctx, start.Add(2*time.Hour))
	must(t, "Purge", err)
	want := map[string]int64{"environments": 1200, "registries": 0, "runners": 1, "projects": 1, "tokens": 1}
	if diff := cmp.Diff(want, gone); diff != "" {
		t.Errorf("Purge (-want +got):\n%s", diff)
	}
	gone, err = w.Purge(ctx, start.Add(2*time.Hour))
	must(t, "Purge, again", err)
	if diff := cmp.Diff(map[string]int64{"environments": 0, "registries": 0, "runners": 0, "projects": 0, "tokens": 0}, gone); diff != "" {
		t.Errorf("Purge, again (-want +got):\n%s", diff)
	}
	if _, err := w.Environment(ctx, w.org, late.ID); err != nil {
		t.Errorf("an environment that was deleted since: %v", err)
	}
	if list, err := w.PinnedRegistries(ctx, w.org, lives.ID); err != nil || len(list) != 1 || list[0].ID != pinned {
		t.Errorf("PinnedRegistries = %+v, %v, want the deleted one", list, err)
	}
	if r, err := w.Registry(ctx, w.org, limited.ID); err != nil || len(r.Runners) != 1 {
		t.Errorf("a registry that is limited to a deleted runner: %+v, %v, want it limited still", r, err)
	}
	if r, err := audit.Verify(ctx, w.DB, w.org, audit.Head{}); err != nil || !r.Whole() || r.Checked != 2 {
		t.Errorf("Verify = %+v, %v, want 2 records and the log whole", r, err)
	}
}

// testChores has two servers look for the same work at once: one does it, and it is
// recorded once.
func testChores(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	second := openStore(t, open, keyring)
	ctx := t.Context()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		e := sampleEvent(w.org, "a")
		e.At = start.AddDate(0, 0, i)
		_, err := w.AppendEvents(ctx, []pullpass.Event{e})
		must(t, "AppendEvents", err)
	}
	e := w.newEnvironment("gone")
	_, err := w.ForgetEnvironment(ctx, w.org, e.ID)
	must(t, "ForgetEnvironment", err)
	now := func() time.Time { return time.Now().AddDate(1, 0, 0) }
	var all sync.WaitGroup
	var mu sync.Mutex
	counts := map[string]int64{}
	for _, db := range []*store.DB{w.DB, second} {
		door := audit.NewDoor(db, audit.Options{})
		defer func() { must(t, "Close", door.Close()) }()
		for range 3 {
			all.Go(func() {
				must(t, "Turn", audit.Retention{Store: db, Door: door, Keep: 24 * time.Hour, Now: now, Logger: slog.New(slog.DiscardHandler)}.Turn(ctx))
			})
			all.Go(func() {
				must(t, "Turn", retention.Purger{Store: db, Keep: 24 * time.Hour, Now: now, Logger: slog.New(slog.DiscardHandler),
					Count: func(kind string, n int64) { mu.Lock(); counts[kind] += n; mu.Unlock() }}.Turn(ctx))
			})
		}
	}
	all.Wait()
	prunes := 0
	for _, e := range (forger{w}).events() {
		if e.Action == audit.ActionPrune {
			prunes++
		}
	}
	if prunes != 1 {
		t.Errorf("%d records of the prune, want 1", prunes)
	}
	if counts["environments"] != 1 {
		t.Errorf("%d environments were removed, want 1", counts["environments"])
	}
	if due, err := second.TakeChore(ctx, "purge", time.Hour); err != nil || due {
		t.Errorf("TakeChore within the hour = %t, %v, want it done", due, err)
	}
	if due, err := second.TakeChore(ctx, "something else", time.Nanosecond); err != nil || !due {
		t.Errorf("TakeChore of another = %t, %v, want it", due, err)
	}
	if due, err := second.TakeChore(ctx, "something else", time.Nanosecond); err != nil || !due {
		t.Errorf("TakeChore when it is due again = %t, %v, want it", due, err)
	}
}
