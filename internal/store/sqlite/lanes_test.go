package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// gate is a disk that holds each ordinary transaction, in the middle and with the
// lock of the database, until a step is taken. Nothing is held at first.
type gate struct {
	shut    atomic.Bool
	arrived chan struct{} // gets one for each transaction that wants to write
	inside  chan struct{} // gets one for each that is held
	step    chan struct{}
}

func newGate() *gate {
	return &gate{arrived: make(chan struct{}, 100), inside: make(chan struct{}, 100), step: make(chan struct{})}
}

func (g *gate) Ensure() {
	if g.shut.Load() {
		g.arrived <- struct{}{}
	}
}

func (g *gate) Room() error {
	if g.shut.Load() {
		g.inside <- struct{}{}
		<-g.step
	}
	return nil
}

// lane is a store whose ordinary writers are held, and its audit log.
type lane struct {
	*gate
	db   *store.DB
	door *audit.Door
	org  pullpass.OrganizationID
}

func newLane(t *testing.T) *lane {
	t.Helper()
	l := &lane{gate: newGate()}
	var err error
	l.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "pullpass.db"), storetest.Keyring(t), store.Options{Disk: l.gate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.db.Close() })
	org, err := l.db.CreateOrganization(t.Context(), pullpass.Organization{Name: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	l.org = org.ID
	l.door = audit.NewDoor(l.db, audit.Options{})
	t.Cleanup(func() { _ = l.door.Close() })
	if err := l.record(t.Context()); err != nil { // makes the organization's key
		t.Fatal(err)
	}
	l.shut.Store(true)
	return l
}

func (l *lane) record(ctx context.Context) error {
	return l.door.Record(ctx, pullpass.Event{Organization: l.org, Action: "credential.issue", Decision: pullpass.DecisionAllowed})
}

func (l *lane) project(ctx context.Context, i int) error {
	_, err := l.db.CreateProject(ctx, pullpass.Project{Organization: l.org, Name: fmt.Sprintf("project-%d", i)})
	return err
}

// TestRecordsGoFirst has twenty writers wait before an audit record comes: it waits
// for the one that has begun, and for no other.
func TestRecordsGoFirst(t *testing.T) {
	l := newLane(t)
	ctx := t.Context()
	const writers = 20
	var all sync.WaitGroup
	add := func(i int) {
		all.Go(func() {
			if err := l.project(ctx, i); err != nil {
				t.Errorf("CreateProject: %v", err)
			}
		})
	}
	add(0)
	<-l.inside
	for i := 1; i < writers; i++ {
		add(i)
	}
	for range writers {
		<-l.arrived
	}
	recorded := make(chan error, 1)
	go func() { recorded <- l.record(ctx) }()
	<-l.arrived
	done := 0
	for waiting := true; waiting; {
		l.step <- struct{}{}
		done++
		if done == writers {
			break
		}
		<-l.inside // the next ordinary writer has begun: whoever went before it has ended
		select {
		case err := <-recorded:
			waiting = false
			if err != nil {
				t.Errorf("Record: %v", err)
			}
		default:
		}
	}
	if done > 2 {
		t.Errorf("the record waited for %d of %d writers, want the one that had begun", done, writers)
	}
	l.shut.Store(false)
	close(l.step)
	all.Wait()
}

// TestRecordsAreNotHeld has one writer stand still in the middle of its transaction:
// a record is written all the same, and the writer's change is made later, once.
func TestRecordsAreNotHeld(t *testing.T) {
	l := newLane(t)
	ctx := t.Context()
	made := make(chan error, 1)
	go func() { made <- l.project(ctx, 0) }()
	<-l.inside
	if err := l.record(ctx); err != nil {
		t.Errorf("Record while a writer stands still: %v", err)
	}
	if err := l.db.CheckAudit(ctx, l.org); err != nil {
		t.Errorf("CheckAudit while a writer stands still: %v", err)
	}
	select {
	case err := <-made:
		t.Errorf("the writer that stands still has ended: %v", err)
	default:
	}
	l.shut.Store(false)
	close(l.step)
	if err := <-made; err != nil {
		t.Errorf("CreateProject, when it goes on: %v", err)
	}
	list, err := l.db.Projects(ctx, l.org, pullpass.Page{})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("Projects = %d, %v, want 1", len(list.Items), err)
	}
	report, err := audit.Verify(ctx, l.db, l.org, audit.Head{})
	if err != nil || !report.Whole() {
		t.Errorf("Verify = %+v, %v, want it whole", report, err)
	}
}

// TestRecordsInAFlood creates environments with hundreds of registries each from many
// callers at once: no record is refused meanwhile.
func TestRecordsInAFlood(t *testing.T) {
	l := newLane(t)
	l.shut.Store(false)
	ctx := t.Context()
	project, err := l.db.CreateProject(ctx, pullpass.Project{Organization: l.org, Name: "payments"})
	if err != nil {
		t.Fatal(err)
	}
	runner, err := l.db.CreateRunner(ctx, pullpass.Runner{Organization: l.org, Name: "eng", Kind: pullpass.RunnerDocker})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		name := fmt.Sprintf("hub-%d", i)
		_, err := l.db.CreateRegistry(ctx, pullpass.Registry{Organization: l.org, Name: name, Host: name + ".example", Auth: pullpass.AuthBasic,
			Username: "u", Inside: pullpass.InsideLogin}, pullpass.NewSecret("s"))
		if err != nil {
			t.Fatal(err)
		}
	}
	var flood sync.WaitGroup
	var left atomic.Int64
	for caller := range 50 {
		left.Add(1)
		flood.Go(func() {
			defer left.Add(-1)
			for i := range 2 {
				e := pullpass.Environment{Organization: l.org, Project: project.ID, Runner: runner.ID, Name: fmt.Sprintf("e-%d-%d", caller, i),
					Services: []pullpass.Service{{Name: "web", Image: "hub-0.example/app:1"}}}
				if _, err := l.db.CreateEnvironment(ctx, e); err != nil && !pullpass.IsKind(err, pullpass.Unavailable) {
					t.Errorf("CreateEnvironment: %v", err)
				}
			}
		})
	}
	written, refused := 0, 0
	for left.Load() > 0 {
		if err := l.record(ctx); err != nil {
			refused++
			t.Logf("Record: %v", err)
		}
		written++
	}
	flood.Wait()
	if refused > 0 {
		t.Errorf("%d of %d records were refused beside the flood", refused, written)
	}
	t.Logf("%d records beside 100 environments of 300 registries", written)
}
