package storetest

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
)

func testEnvironments(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	reg := w.newRegistry("hub", "")
	want := w.environment("dev")
	want.Services = append(want.Services, pullpass.Service{Name: "db", Image: "db:1", Command: []string{"run"}, Env: map[string]string{"A": "b"}})
	made, err := w.CreateEnvironment(ctx, want)
	must(t, "CreateEnvironment", err)
	if made.Revision != 1 || made.Start != 1 || made.Phase != pullpass.PhaseCreating || made.Wanted != pullpass.WantedRunning {
		t.Errorf("CreateEnvironment = %+v, want revision 1, start 1, creating, desired running", made)
	}
	if diff := cmp.Diff([]pullpass.RegistryGeneration{generation(reg)}, made.Registries); diff != "" {
		t.Errorf("registries of a new environment (-want +got):\n%s", diff)
	}
	got, err := w.EnvironmentByName(ctx, w.org, w.project, "dev")
	must(t, "EnvironmentByName", err)
	got, err = w.WithVariables(ctx, got)
	must(t, "WithVariables", err)
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("Environment differs from what was created:\n%s", diff)
	}
	_, err = w.CreateEnvironment(ctx, w.environment("dev"))
	wantKind(t, "a second environment of the same name", err, pullpass.Conflict)
	err = w.DeleteProject(ctx, w.org, w.project)
	wantKind(t, "deleting a project with an environment", err, pullpass.Conflict)
	if pullpass.HintOf(err) == "" {
		t.Errorf("the refusal has no hint: %v", err)
	}
	home := w.project
	w.project = w.newProject("docs")
	w.newEnvironment("dev")
	for name, test := range map[string]struct {
		filter pullpass.EnvironmentFilter
		want   int
	}{
		"all":               {pullpass.EnvironmentFilter{}, 2},
		"a project":         {pullpass.EnvironmentFilter{Project: home}, 1},
		"a runner":          {pullpass.EnvironmentFilter{Runner: w.runner}, 2},
		"a phase":           {pullpass.EnvironmentFilter{Phase: pullpass.PhaseCreating}, 2},
		"another phase":     {pullpass.EnvironmentFilter{Phase: pullpass.PhaseFailed}, 0},
		"project and phase": {pullpass.EnvironmentFilter{Project: home, Phase: pullpass.PhaseCreating, Runner: w.runner}, 1},
	} {
		list, err := w.Environments(ctx, w.org, test.filter, pullpass.Page{})
		if err != nil || len(list.Items) != test.want {
			t.Errorf("Environments of %s: %d (%v), want %d", name, len(list.Items), err, test.want)
		}
	}
}

func testWanted(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	e := w.newEnvironment("dev")
	set := func(wanted pullpass.Wanted, start, revision int64) {
		t.Helper()
		got, err := w.SetWanted(ctx, w.org, e.ID, wanted)
		must(t, "SetWanted", err)
		if got.Wanted != wanted || got.Start != start || got.Revision != revision {
			t.Errorf("SetWanted(%s) = wanted %s, start %d, revision %d; want start %d, revision %d", wanted, got.Wanted, got.Start, got.Revision, start, revision)
		}
		stored, err := w.Environment(ctx, w.org, e.ID)
		must(t, "Environment", err)
		if diff := cmp.Diff(got, stored); diff != "" {
			t.Errorf("Environment differs from what SetWanted returned:\n%s", diff)
		}
	}
	set(pullpass.WantedRunning, 1, 1) // it was: nothing changes
	set(pullpass.WantedStopped, 1, 2)
	set(pullpass.WantedRunning, 2, 3)
	restarted, err := w.Restart(ctx, w.org, e.ID)
	must(t, "Restart", err)
	if restarted.Start != 3 || restarted.Revision != 4 || restarted.Phase != pullpass.PhaseStarting {
		t.Errorf("Restart = start %d, revision %d, %s; want 3, 4, starting", restarted.Start, restarted.Revision, restarted.Phase)
	}
	set(pullpass.WantedDeleted, 3, 5)
	_, err = w.SetWanted(ctx, w.org, e.ID, pullpass.WantedRunning)
	wantKind(t, "running after deleted", err, pullpass.Conflict)
	_, err = w.Restart(ctx, w.org, e.ID)
	wantKind(t, "a restart after deleted", err, pullpass.Conflict)
	_, err = w.SetWanted(ctx, w.org, e.ID, "gone")
	wantKind(t, "something that cannot be wanted", err, pullpass.Invalid)
}

func testStatus(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	e := w.newEnvironment("dev")
	code := 3
	update := pullpass.StatusUpdate{
		Runner: w.runner, Start: 1, Phase: pullpass.PhaseRunning,
		Status: []pullpass.ServiceStatus{{
			Name: "web", State: pullpass.ServiceRunning, Digest: "sha256:1", ExitCode: &code,
			Pull: &pullpass.Progress{LayersDone: 1, LayersTotal: 2, BytesDone: 3, BytesTotal: 4},
		}},
		Conditions: []pullpass.Condition{{Code: "unscoped", Severity: pullpass.SeverityWarning, What: "w", At: time.Now().UTC().Truncate(time.Microsecond)}},
	}
	got, err := w.UpdateStatus(ctx, w.org, e.ID, update)
	must(t, "UpdateStatus", err)
	stored, err := w.Environment(ctx, w.org, e.ID)
	must(t, "Environment", err)
	if diff := cmp.Diff(got, stored); diff != "" {
		t.Errorf("Environment differs from what UpdateStatus returned:\n%s", diff)
	}
	if diff := cmp.Diff(update.Status, stored.Status); diff != "" || stored.Revision != 2 || stored.Phase != pullpass.PhaseRunning {
		t.Errorf("after the update: revision %d, %s:\n%s", stored.Revision, stored.Phase, diff)
	}
	again, err := w.UpdateStatus(ctx, w.org, e.ID, update)
	if err != nil || again.Revision != 2 {
		t.Errorf("the same update again: revision %d, %v; want 2: nothing changed", again.Revision, err)
	}

	wrong := update
	wrong.Runner = w.newRunner("two")
	_, err = w.UpdateStatus(ctx, w.org, e.ID, wrong)
	wantKind(t, "another runner's update", err, pullpass.NotFound)
	wrong = update
	wrong.Phase = pullpass.PhaseDeleted
	_, err = w.UpdateStatus(ctx, w.org, e.ID, wrong)
	wantKind(t, "deleted, which nobody wants", err, pullpass.Conflict)
	_, err = w.Restart(ctx, w.org, e.ID)
	must(t, "Restart", err)
	_, err = w.UpdateStatus(ctx, w.org, e.ID, update)
	wantCode(t, err, "stale_start")
	wantKind(t, "an update of an older start", err, pullpass.Conflict)
}

// testStatusRace has two servers report, and a third party restart: every change
// counts once, and no report of an older start hides a newer one.
func testStatusRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	second := openStore(t, open, keyring)
	e := w.newEnvironment("dev")
	var mu sync.Mutex
	changes := int64(1)
	counted := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			changes++
		case pullpass.CodeOf(err) != "stale_start":
			t.Errorf("a raced change: %v", err)
		}
	}
	var all sync.WaitGroup
	for i, db := range []*store.DB{w.DB, second} {
		all.Go(func() {
			for j := range 15 {
				_, err := db.UpdateStatus(t.Context(), w.org, e.ID, pullpass.StatusUpdate{
					Runner: w.runner, Start: int64(1 + j/5), Phase: pullpass.PhaseStarting,
					Conditions: []pullpass.Condition{{Code: "n" + strconv.Itoa(i) + "-" + strconv.Itoa(j)}},
				})
				counted(err)
			}
		})
	}
	all.Go(func() {
		for range 2 {
			_, err := second.Restart(t.Context(), w.org, e.ID)
			counted(err)
		}
	})
	all.Wait()
	got, err := w.Environment(t.Context(), w.org, e.ID)
	must(t, "Environment", err)
	if got.Revision != changes || got.Start != 3 {
		t.Errorf("after %d changes: revision %d, start %d; want %d, 3", changes, got.Revision, got.Start, changes)
	}
}

func testDeletion(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	w.newRegistry("hub", "")
	e := w.newEnvironment("dev")
	must(t, "AppendOutput", w.AppendOutput(ctx, w.org, e.ID, "web", 1, 0, []byte("hello")))
	w.delete(e)
	got, err := w.Environment(ctx, w.org, e.ID)
	must(t, "Environment", err)
	if got.Phase != pullpass.PhaseDeleted || len(got.Registries) != 0 {
		t.Errorf("a deleted environment is in phase %s with registries %v", got.Phase, got.Registries)
	}
	if n := count(t, w.DB, "environment_output") + count(t, w.DB, "environment_registries"); n != 0 {
		t.Errorf("%d rows are left of what a deleted environment held", n)
	}
	if again, err := w.report(got, pullpass.PhaseDeleted); err != nil || again.Revision != got.Revision {
		t.Errorf("deleted again: revision %d, %v; want %d and no error", again.Revision, err, got.Revision)
	}
	_, err = w.report(got, pullpass.PhaseRunning)
	wantKind(t, "running after deleted", err, pullpass.Conflict)
	wantKind(t, "output after deleted", w.AppendOutput(ctx, w.org, e.ID, "web", 1, 5, []byte("x")), pullpass.NotFound)
	_, err = w.EnvironmentByName(ctx, w.org, w.project, "dev")
	wantKind(t, "a deleted environment by its name", err, pullpass.NotFound)
	w.newEnvironment("dev")
	wanted, err := w.WantedOf(ctx, w.org, w.runner, pullpass.Page{})
	if err != nil || len(wanted.Items) != 1 {
		t.Errorf("WantedOf has %d items (%v), want the new one alone", len(wanted.Items), err)
	}
	deleted, err := w.Environments(ctx, w.org, pullpass.EnvironmentFilter{Phase: pullpass.PhaseDeleted}, pullpass.Page{})
	if err != nil || len(deleted.Items) != 1 {
		t.Errorf("the filter for deleted gives %d items (%v), want 1", len(deleted.Items), err)
	}
}

func testOutput(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	e := w.newEnvironment("dev")
	add := func(offset int64, data string) {
		t.Helper()
		must(t, "AppendOutput", w.AppendOutput(ctx, w.org, e.ID, "web", e.Start, offset, []byte(data)))
	}
	want := func(offset int64, data string) {
		t.Helper()
		got, at, err := w.Output(ctx, w.org, e.ID, "web")
		must(t, "Output", err)
		if string(got) != data || at != offset {
			t.Errorf("Output = %d bytes %.20q at %d, want %d bytes %.20q at %d", len(got), got, at, len(data), data, offset)
		}
	}
	want(0, "")
	add(0, "hello ")
	add(0, "hello ") // repeated
	want(0, "hello ")
	add(3, "lo world") // overlaps
	want(0, "hello world")
	add(0, "")
	want(0, "hello world")
	add(20, "after a gap")
	want(20, "after a gap")

	long := bytes.Repeat([]byte("0123456789"), store.OutputKept/10+1)
	add(31, string(long))
	end := 31 + len(long)
	want(int64(end-store.OutputKept), string(long[len(long)-store.OutputKept:]))
	add(31, string(long))
	add(int64(end), "the end")
	want(int64(end+7-store.OutputKept), string(long[len(long)-store.OutputKept+7:])+"the end")

	wantKind(t, "output of a service that is not there", w.AppendOutput(ctx, w.org, e.ID, "nope", 1, 0, []byte("x")), pullpass.NotFound)
	wantKind(t, "a negative offset", w.AppendOutput(ctx, w.org, e.ID, "web", 1, -1, []byte("x")), pullpass.Invalid)
	restarted, err := w.Restart(ctx, w.org, e.ID)
	must(t, "Restart", err)
	wantKind(t, "output of an older start", w.AppendOutput(ctx, w.org, e.ID, "web", 1, 0, []byte("x")), pullpass.Conflict)
	want(0, "")
	e = restarted
	add(0, "anew")
	want(0, "anew")
}

func testWatch(t *testing.T, open Open) {
	w := newWorld(t, open)
	e := w.newEnvironment("dev")
	bystander := w.newEnvironment("bystander")
	// A server that has just begun to listen wakes everybody, because it does not
	// know what it missed. So others may be woken once, and not each time.
	for round := 0; ; round++ {
		woken := watchOnce(t, w, e, bystander)
		if woken == "" {
			break
		}
		if round == 5 {
			t.Fatalf("who watches %s is woken each time", woken)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, open := <-w.Watch(ended, w.org, string(e.ID)); open {
		t.Error("a watch with an ended context is open")
	}
}

// watchOnce changes e, checks that those who watch it are woken, and returns who
// else was.
func watchOnce(t *testing.T, w *world, e, bystander pullpass.Environment) (woken string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	byEnvironment := w.Watch(ctx, w.org, string(e.ID))
	byRunner := w.Watch(ctx, w.org, string(w.runner))
	others := w.Watch(ctx, w.org, string(bystander.ID))
	stranger := w.Watch(ctx, pullpass.NewOrganizationID(), string(e.ID))
	for range 2 {
		_, err := w.Restart(ctx, w.org, e.ID)
		must(t, "Restart", err)
	}
	// In this process the channels have it when the call returns.
	for name, c := range map[string]<-chan struct{}{"environment": byEnvironment, "runner": byRunner} {
		select {
		case <-c:
		default:
			t.Errorf("who watches the %s was not woken", name)
		}
	}
	cancel()
	for name, c := range map[string]<-chan struct{}{"another environment": others, "another organization": stranger} {
		if _, open := <-c; open {
			woken = name
		}
	}
	return woken
}

// testWatchOtherServer changes on one server what another watches. SQLite has no
// other servers, only other handles, so it waits on PostgreSQL alone.
func testWatchOtherServer(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	second := openStore(t, open, keyring)
	if !second.Shared() {
		return // documented: one server, which testWatch covers
	}
	e := w.newEnvironment("dev")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 5 { // the first may be the wake-up of the new connection
		heard := second.Watch(ctx, w.org, string(e.ID))
		_, err := w.Restart(ctx, w.org, e.ID)
		must(t, "Restart", err)
		if _, open := <-heard; !open {
			t.Fatal("the other server has not heard of the change")
		}
	}
}
