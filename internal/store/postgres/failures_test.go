package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/postgres"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

func openAt(t *testing.T, address string, keyring *seal.Keyring) *store.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), address, keyring, store.Options{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestCablePulled takes the database away and gives it back: everything is
// Unavailable meanwhile, nothing that was acknowledged is lost, and the server
// goes on by itself, hearing what the others change.
func TestCablePulled(t *testing.T) {
	address := parts.Postgres(t)
	keyring := storetest.Keyring(t)
	wire, near := plug(t, address)
	db, other := openAt(t, near, keyring), openAt(t, address, keyring)
	ctx := t.Context()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	project, err := db.CreateProject(ctx, pullpass.Project{Organization: org.ID, Name: "shop"})
	must(t, "CreateProject", err)
	runner, err := db.CreateRunner(ctx, pullpass.Runner{Organization: org.ID, Name: "one"})
	must(t, "CreateRunner", err)
	env, err := db.CreateEnvironment(ctx, pullpass.Environment{Organization: org.ID, Project: project.ID, Runner: runner.ID, Name: "dev"})
	must(t, "CreateEnvironment", err)
	door := audit.NewDoor(db, audit.Options{})
	defer func() { _ = door.Close() }()
	event := pullpass.Event{Organization: org.ID, Action: "a"}
	must(t, "Record", door.Record(ctx, event))

	wire.pull(true)
	for name, call := range map[string]func() error{
		"Environment": func() error { _, err := db.Environment(ctx, org.ID, env.ID); return err },
		"Restart":     func() error { _, err := db.Restart(ctx, org.ID, env.ID); return err },
		"Record":      func() error { return door.Record(ctx, event) },
		"Ping":        func() error { return db.Ping(ctx) },
	} {
		if err := call(); !pullpass.IsKind(err, pullpass.Unavailable) {
			t.Errorf("%s without a database: %v (kind %s), want unavailable", name, err, pullpass.KindOf(err))
		}
	}
	_, err = other.Restart(ctx, org.ID, env.ID)
	must(t, "Restart on the other server", err)
	waiting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	heard := db.Watch(waiting, org.ID, string(env.ID))
	wire.pull(false)
	must(t, "Record when the database is back", door.Record(ctx, event))
	got, err := db.Environment(ctx, org.ID, env.ID)
	if err != nil || got.Start != 2 {
		t.Errorf("Environment when the database is back: start %d, %v, want 2", got.Start, err)
	}
	if _, open := <-heard; !open {
		t.Fatal("who watched was not told that something was missed")
	}
	for range 3 { // and from now on each change is heard
		heard := db.Watch(waiting, org.ID, string(env.ID))
		_, err = other.Restart(ctx, org.ID, env.ID)
		must(t, "Restart on the other server", err)
		if _, open := <-heard; !open {
			t.Fatal("a change of the other server was not heard")
		}
	}
	report, err := audit.Verify(ctx, db, org.ID, audit.Head{})
	if err != nil || !report.Whole() || report.Checked < 2 {
		t.Errorf("Verify = %+v, %v, want two records or more, whole", report, err)
	}
}

// TestHeadHeld has another transaction hold the head of the chain: callers are
// refused in time and the door recovers.
func TestHeadHeld(t *testing.T) {
	db := openAt(t, parts.Postgres(t), storetest.Keyring(t))
	ctx := t.Context()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	door := audit.NewDoor(db, audit.Options{Wait: 200 * time.Millisecond})
	defer func() { _ = door.Close() }()
	event := pullpass.Event{Organization: org.ID, Action: "a"}
	must(t, "Record", door.Record(ctx, event))
	holder, err := db.Schema().Write.BeginTx(ctx, nil)
	must(t, "BeginTx", err)
	_, err = holder.ExecContext(ctx, `SELECT * FROM event_heads FOR UPDATE`)
	must(t, "locking the head", err)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := door.Record(ctx, event); !pullpass.IsKind(err, pullpass.Unavailable) {
				t.Errorf("Record while the head is held: %v, want unavailable", err)
			}
		})
	}
	all.Wait()
	must(t, "Rollback", holder.Rollback())
	recovered := false
	for range 50 { // the refused transaction may still be on its way out
		if err := door.Record(ctx, event); err == nil {
			recovered = true
			break
		}
	}
	if !recovered {
		t.Error("the door does not recover")
	}
}

func TestBadAddress(t *testing.T) {
	for _, address := range []string{"postgres://user:canary@host:notaport/db", "postgres://user:canary@127.0.0.1:1/db?connect_timeout=1", "canary"} {
		_, err := postgres.Open(t.Context(), address, storetest.Keyring(t), store.Options{})
		if err == nil || strings.Contains(pullpass.Explain(err), "canary") || strings.Contains(err.Error(), "canary") {
			t.Errorf("Open of a bad address: %v, want an error without the password", err)
		}
		if kind := pullpass.KindOf(err); kind != pullpass.Invalid && kind != pullpass.Unavailable {
			t.Errorf("Open of a bad address: kind %s, want invalid or unavailable", kind)
		}
	}
}

func TestCrash(t *testing.T) {
	address := parts.Postgres(t)
	storetest.Crash(t, 5, "TestCrashChild", address, func(keyring *seal.Keyring, o store.Options) (*store.DB, error) {
		return postgres.Open(t.Context(), address, keyring, o)
	})
}

func TestCrashChild(t *testing.T) {
	storetest.CrashChild(t, func(address string, keyring *seal.Keyring) (*store.DB, error) {
		return postgres.Open(t.Context(), address, keyring, store.Options{})
	})
}
