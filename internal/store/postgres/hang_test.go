package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// TestFrozenServerLetsGo stops a server while it holds the head of the audit
// chain: PostgreSQL ends its transaction, and the others write again.
func TestFrozenServerLetsGo(t *testing.T) {
	address, keyring := parts.Postgres(t), storetest.Keyring(t)
	frozen, other := openAt(t, address, keyring), openAt(t, address, keyring)
	ctx := t.Context()
	org, err := other.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	event := pullpass.Event{Organization: org.ID, Action: "a"}
	_, err = other.AppendEvents(ctx, []pullpass.Event{event})
	must(t, "AppendEvents", err)
	holder, err := frozen.Schema().Write.BeginTx(ctx, nil)
	must(t, "BeginTx", err)
	defer func() { _ = holder.Rollback() }()
	_, err = holder.ExecContext(ctx, `SELECT * FROM event_heads FOR UPDATE`)
	must(t, "locking the head", err)
	waiting, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, err = other.AppendEvents(waiting, []pullpass.Event{event})
	must(t, "AppendEvents while another server holds the head and says nothing", err)
}

// TestAppendHoldsNoLock freezes a server's network while it appends, with no time
// limit of the database to help: the database waits for nothing of that server.
func TestAppendHoldsNoLock(t *testing.T) {
	address, keyring := parts.Postgres(t), storetest.Keyring(t)
	wire, near := plug(t, address)
	limitless := near + "&idle_in_transaction_session_timeout=0"
	frozen, other := openAt(t, limitless, keyring), openAt(t, address, keyring)
	ctx := t.Context()
	org, err := other.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	event := pullpass.Event{Organization: org.ID, Action: "a"}
	for round := range 25 {
		for range 10 { // until it is the only one that appends, and knows the head
			_, err = frozen.AppendEvents(ctx, []pullpass.Event{event})
			must(t, "AppendEvents", err)
		}
		ended, end := context.WithCancel(ctx)
		first, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for i := 0; ended.Err() == nil; i++ {
				_, _ = frozen.AppendEvents(ended, []pullpass.Event{event}) // the last one ends with the freeze
				if i == 0 {
					close(first)
				}
			}
		}()
		<-first
		for range round % 9 { // at another place of the append each time
			_, err = other.EventHead(ctx, org.ID)
			must(t, "EventHead", err)
		}
		wire.freeze()
		short, cancel := context.WithTimeout(ctx, 15*time.Second)
		_, err := other.AppendEvents(short, []pullpass.Event{event})
		cancel()
		end()
		wire.unfreeze()
		<-stopped
		must(t, "AppendEvents while another server is cut off", err)
	}
	report, err := audit.Verify(ctx, other, org.ID, audit.Head{})
	if err != nil || !report.Whole() {
		t.Errorf("Verify = %+v, %v, want whole", report, err)
	}
}

// TestNothingAfterTheDeadline has transactions wait in a network that hangs until
// after their deadlines: what was refused is not carried out when it goes on.
func TestNothingAfterTheDeadline(t *testing.T) {
	address, keyring := parts.Postgres(t), storetest.Keyring(t)
	wire, near := plug(t, address)
	db, other := openAt(t, near, keyring), openAt(t, address, keyring)
	ctx := t.Context()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	for try := range 24 {
		name := "p" + string(rune('a'+try))
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		done := make(chan error, 1)
		go func() {
			_, err := db.CreateProject(short, pullpass.Project{Organization: org.ID, Name: name})
			done <- err
		}()
		for range try % 8 { // at another place of the transaction each time
			_, err := other.Organization(ctx, org.ID)
			must(t, "Organization", err)
		}
		wire.freeze()
		err := <-done
		cancel()
		wire.unfreeze()
		settle(t, other)
		_, found := other.ProjectByName(ctx, org.ID, name)
		switch {
		case err == nil && found != nil:
			t.Errorf("an acknowledged project is not there: %v", found)
		case err != nil && !pullpass.IsKind(err, pullpass.Unavailable):
			t.Errorf("CreateProject while the network hangs: %v, want unavailable", err)
		case err != nil && !errors.Is(err, store.ErrOutcome) && found == nil:
			t.Errorf("a refused project is there: %v", err)
		}
	}
}

// settle waits until no session of the database runs anything but ours.
func settle(t *testing.T, db *store.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		var busy int
		err := db.Schema().Read.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()`).Scan(&busy)
		must(t, "looking at the sessions", err)
		if busy == 0 {
			return
		}
	}
}

// TestCommitComesTooLate commits when the deadline has passed on the database's
// clock: it refuses, and says so.
func TestCommitComesTooLate(t *testing.T) {
	db := openAt(t, parts.Postgres(t), storetest.Keyring(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	short, end := context.WithTimeout(ctx, 300*time.Millisecond)
	defer end()
	x, err := db.Schema().Write.BeginTx(&deadlineOnly{ctx, short}, nil)
	must(t, "BeginTx", err)
	_, err = x.ExecContext(ctx, `UPDATE organizations SET name = 'late' WHERE id = $1`, org.ID)
	must(t, "UPDATE", err)
	_, err = x.ExecContext(ctx, `SELECT pg_sleep(0.4)`) // the database's time passes, not ours
	must(t, "pg_sleep", err)
	if err := x.Commit(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Commit after the deadline: %v, want deadline exceeded", err)
	}
	if got, err := db.Organization(ctx, org.ID); err != nil || got.Name != "acme" {
		t.Errorf("after a late commit the organization is %q (%v), want acme", got.Name, err)
	}
}

// deadlineOnly tells a deadline and does not end with it: a client that has not
// noticed yet.
type deadlineOnly struct {
	context.Context //nolint:containedctx // it is one
	until           context.Context
}

func (d *deadlineOnly) Deadline() (time.Time, bool) { return d.until.Deadline() }

// TestForgottenConnections has the network forget all connections that are open:
// the server finds out and opens others.
func TestForgottenConnections(t *testing.T) {
	wire, near := plug(t, parts.Postgres(t))
	db := openAt(t, near, storetest.Keyring(t))
	ctx := t.Context()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	var all sync.WaitGroup
	for range 24 { // as many connections as there may be
		all.Go(func() {
			if _, err := db.Organization(ctx, org.ID); err != nil {
				t.Errorf("Organization: %v", err)
			}
		})
	}
	all.Wait()
	wire.freeze()
	recovered := false
	for range 10 {
		short, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
		_, err := db.AppendEvents(short, []pullpass.Event{{Organization: org.ID, Action: "a"}})
		cancel()
		if err == nil {
			recovered = true
			break
		}
		if !pullpass.IsKind(err, pullpass.Unavailable) {
			t.Errorf("AppendEvents on a forgotten connection: %v, want unavailable", err)
		}
	}
	if !recovered {
		t.Error("ten appends in a row failed on forgotten connections")
	}
}
