package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/store"
)

// testCancelled calls with a context that has ended: the answer is Unavailable,
// nothing is written, and the store works on.
func testCancelled(t *testing.T, open Open) {
	w := newWorld(t, open)
	e := w.newEnvironment("dev")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	name := "renamed"
	for what, call := range map[string]func(context.Context) error{
		"Environment": func(ctx context.Context) error { _, err := w.Environment(ctx, w.org, e.ID); return err },
		"Environments": func(ctx context.Context) error {
			_, err := w.Environments(ctx, w.org, pullpass.EnvironmentFilter{}, pullpass.Page{})
			return err
		},
		"CreateProject": func(ctx context.Context) error {
			_, err := w.CreateProject(ctx, pullpass.Project{Organization: w.org, Name: name})
			return err
		},
		"CreateRegistry": func(ctx context.Context) error {
			_, err := w.CreateRegistry(ctx, basic(w.org, name, ""), pullpass.NewSecret("x"))
			return err
		},
		"SetWanted": func(ctx context.Context) error {
			_, err := w.SetWanted(ctx, w.org, e.ID, pullpass.WantedStopped)
			return err
		},
		"AppendEvents": func(ctx context.Context) error {
			_, err := w.AppendEvents(ctx, []pullpass.Event{sampleEvent(w.org, "a")})
			return err
		},
		"Ping": func(ctx context.Context) error { return w.Ping(ctx) },
	} {
		err := call(ended)
		wantKind(t, what+" with an ended context", err, pullpass.Unavailable)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v does not say that the context was cancelled", what, err)
		}
	}
	must(t, "Ping", w.Ping(t.Context()))
	got, err := w.Environment(t.Context(), w.org, e.ID)
	must(t, "Environment", err)
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("a cancelled change was made:\n%s", diff)
	}
	testCancelledMidway(t, w)
}

// testCancelledMidway cancels transactions while they run: each was made whole
// or not at all, and the answer says which.
func testCancelledMidway(t *testing.T, w *world) {
	w.newRegistry("hub", "")
	made := 0
	for i := range 60 {
		e := w.environment("n" + strings.Repeat("x", i))
		_, err := w.CreateEnvironment(endingAfter(t.Context(), i*i/4), e)
		got, findErr := w.EnvironmentByName(t.Context(), w.org, w.project, e.Name)
		switch {
		case err == nil && (findErr != nil || len(got.Registries) != 1):
			t.Errorf("an acknowledged environment: %v, %d registries, want 1", findErr, len(got.Registries))
		case findErr == nil && len(got.Registries) != 1:
			t.Errorf("half an environment was made: %+v", got)
		case err == nil:
			made++
		}
	}
	if made == 0 {
		t.Error("no environment was made: the contexts ended too early to show anything")
	}
}

func testClosed(t *testing.T, open Open) {
	db, err := open(Keyring(t), store.Options{})
	must(t, "opening the store", err)
	w := populate(t, db, "acme")
	watching := db.Watch(t.Context(), w.org, string(w.runner))
	must(t, "Close", db.Close())
	if _, open := <-watching; open {
		t.Error("a watch on a closed store is open")
	}
	if err := db.Ping(t.Context()); err == nil {
		t.Error("a closed store answers")
	}
	if err := db.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// testHostileText stores text that one database or the other does not take as it
// is. Nothing is an internal error, and no audit record is lost for it.
func testHostileText(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	for _, text := range []string{"a\x00b", "\xff\xfe", "\U0001F600", "'; DROP TABLE events; --", strings.Repeat("é", 5000), "$1"} {
		if _, err := w.ProjectByName(ctx, w.org, text); !pullpass.IsKind(err, pullpass.NotFound) && !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("ProjectByName(%.20q): kind %s, want not_found or invalid", text, pullpass.KindOf(err))
		}
		if _, err := w.Project(ctx, pullpass.OrganizationID(text), w.project); pullpass.KindOf(err) == pullpass.Internal {
			t.Errorf("Project of organization %.20q: %v", text, err)
		}
		_, err := w.CreateProject(ctx, pullpass.Project{Organization: w.org, Name: text})
		wantKind(t, "CreateProject", err, pullpass.Invalid)
		_, err = w.AppendEvents(ctx, []pullpass.Event{{Organization: w.org, Action: text, Detail: map[string]string{text: text}}})
		if err != nil {
			t.Errorf("AppendEvents with %.20q: %v", text, err)
		}
		e := w.environment("dev")
		e.Services[0].Command = []string{text}
		made, err := w.CreateEnvironment(ctx, e)
		if err != nil {
			t.Errorf("CreateEnvironment with %.20q: %v", text, err)
			continue
		}
		w.delete(made)
	}
	if r := w.verify(); !r.Whole() {
		t.Errorf("Verify = %+v, want whole", r.Bad)
	}
}

// testOpenTogether opens one new database from several servers at once.
func testOpenTogether(t *testing.T, open Open) {
	keyring := Keyring(t)
	var all sync.WaitGroup
	stores := make([]*store.DB, 4)
	for i := range stores {
		all.Go(func() {
			db, err := open(keyring, store.Options{})
			if err != nil {
				t.Errorf("opening together: %v", err)
				return
			}
			stores[i] = db
		})
	}
	all.Wait()
	var opened []*store.DB
	for _, db := range stores {
		if db != nil {
			opened = append(opened, db)
		}
	}
	if len(opened) > 0 {
		w := populate(t, opened[0], "acme")
		// And all make the first data key at once.
		for i, db := range opened {
			all.Go(func() {
				if _, err := db.CreateRegistry(t.Context(), basic(w.org, "hub"+string(rune('a'+i)), ""), pullpass.NewSecret("x")); err != nil {
					t.Errorf("CreateRegistry: %v", err)
				}
			})
		}
		all.Wait()
		if n := count(t, opened[0], "data_keys"); n != 1 {
			t.Errorf("%d data keys were made, want 1", n)
		}
	}
	for _, db := range opened {
		must(t, "Close", db.Close())
	}
}

// testDoor records through two doors on two servers at once.
func testDoor(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	second := openStore(t, open, keyring)
	doors := []*audit.Door{audit.NewDoor(w.DB, audit.Options{}), audit.NewDoor(second, audit.Options{})}
	const callers, each = 16, 10
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for range each {
				if err := doors[i%2].Record(t.Context(), sampleEvent(w.org, "a")); err != nil {
					t.Errorf("Record: %v", err)
				}
			}
		})
	}
	all.Go(func() {
		err := doors[0].Record(t.Context(), sampleEvent(pullpass.NewOrganizationID(), "a"))
		wantKind(t, "Record for no organization", err, pullpass.NotFound)
	})
	all.Wait()
	for _, door := range doors {
		must(t, "closing the door", door.Close())
	}
	if r := w.verify(); !r.Whole() || r.Checked != callers*each {
		t.Errorf("Verify = %+v, want %d whole", r, callers*each)
	}
}
