package storetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
)

// EnvCrash tells the child of Crash what to open.
const EnvCrash = "PULLPASS_STORETEST_CRASH"

// Crash kills a writing server, as often as told, with SIGKILL at whatever it is
// doing, and checks after each time that everything it had acknowledged is there
// and that the audit chain is whole. child is the name of a test that calls
// CrashChild; database is handed to it.
func Crash(t *testing.T, kills int, child, database string, open Open) {
	keyring := Keyring(t)
	db, err := open(keyring, store.Options{})
	must(t, "opening the store", err)
	w := populate(t, db, "acme")
	w.newRegistry("hub", "")
	must(t, "Close", db.Close())
	acknowledged := map[string]string{} // what the child printed: kind and id
	for round := range kills {
		runChild(t, child, strings.Join([]string{database, string(w.org), string(w.project), string(w.runner)}, "\n"), 20+7*round, acknowledged)
		db, err := open(keyring, store.Options{})
		must(t, "opening the store after a kill", err)
		checkAcknowledged(t, &world{DB: db, t: t, org: w.org, project: w.project, runner: w.runner}, acknowledged)
		must(t, "Close", db.Close())
	}
	if len(acknowledged) < 20*kills {
		t.Errorf("the children acknowledged %d writes, too few to show anything", len(acknowledged))
	}
}

// runChild starts the child, reads acknowledgements, and kills it after so many.
func runChild(t *testing.T, test, database string, lines int, acknowledged map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), EnvCrash+"="+database)
	out, err := cmd.StdoutPipe()
	must(t, "StdoutPipe", err)
	cmd.Stderr = os.Stderr
	must(t, "starting the child", cmd.Start())
	scanner := bufio.NewScanner(out)
	var killed bool
	for scanner.Scan() {
		kind, id, ok := strings.Cut(strings.TrimSuffix(scanner.Text(), " ok"), " ")
		if !ok || !strings.HasSuffix(scanner.Text(), " ok") {
			continue // cut off in the middle: not acknowledged; or the test framework's
		}
		acknowledged[id] = kind
		if lines--; lines <= 0 && !killed {
			killed = true
			must(t, "killing the child", cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // it was killed
	if !killed {
		t.Fatal("the child ended by itself")
	}
}

func checkAcknowledged(t *testing.T, w *world, acknowledged map[string]string) {
	t.Helper()
	ctx := t.Context()
	var events int64
	for id, kind := range acknowledged {
		switch kind {
		case "event":
			n, err := strconv.ParseInt(id, 10, 64)
			must(t, "reading an acknowledgement", err)
			events = max(events, n)
		case "environment":
			e, err := w.Environment(ctx, w.org, pullpass.EnvironmentID(id))
			if err != nil || len(e.Registries) != 1 {
				t.Errorf("an acknowledged environment: %v, %d registries, want 1", err, len(e.Registries))
			}
		case "revision":
			env, revision, _ := strings.Cut(id, "@")
			n, err := strconv.ParseInt(revision, 10, 64)
			must(t, "reading an acknowledgement", err)
			if e, err := w.Environment(ctx, w.org, pullpass.EnvironmentID(env)); err != nil || e.Revision < n {
				t.Errorf("an acknowledged revision %d: there is %d, %v", n, e.Revision, err)
			}
		default:
			t.Errorf("an acknowledgement of kind %q", kind)
		}
	}
	if r := w.verify(); !r.Whole() || r.Checked < events {
		t.Errorf("after a kill: %d events whole, bad %+v; %d were acknowledged", r.Checked, r.Bad, events)
	}
}

// CrashChild writes until it is killed, if this process was started by Crash, and
// prints what was acknowledged.
func CrashChild(t *testing.T, open func(database string, keyring *seal.Keyring) (*store.DB, error)) {
	parts := strings.Split(os.Getenv(EnvCrash), "\n")
	if len(parts) != 4 {
		return // an ordinary run of all tests
	}
	db, err := open(parts[0], Keyring(t))
	must(t, "opening the store", err)
	w := &world{DB: db, t: t, org: pullpass.OrganizationID(parts[1]), project: pullpass.ProjectID(parts[2]), runner: pullpass.RunnerID(parts[3])}
	var mu sync.Mutex
	acknowledge := func(kind, id string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(os.Stdout, kind+" "+id+" ok\n")
	}
	var all sync.WaitGroup
	door := audit.NewDoor(appends{db, acknowledge}, audit.Options{})
	for i := range 4 {
		all.Go(func() {
			for {
				must(t, "Record", door.Record(t.Context(), sampleEvent(w.org, "a")))
			}
		})
		all.Go(func() {
			for j := 0; ; j++ {
				e := w.newEnvironment(fmt.Sprintf("e-%d-%d-%d", os.Getpid(), i, j))
				acknowledge("environment", string(e.ID))
				e, err := w.report(e, pullpass.PhaseRunning)
				must(t, "UpdateStatus", err)
				acknowledge("revision", fmt.Sprintf("%s@%d", e.ID, e.Revision))
			}
		})
	}
	all.Wait()
}

// appends acknowledges events with the sequence that they got.
type appends struct {
	audit.Store
	acknowledge func(kind, id string)
}

func (a appends) AppendEvents(ctx context.Context, events []pullpass.Event) ([]pullpass.Event, error) {
	out, err := a.Store.AppendEvents(ctx, events)
	for _, e := range out {
		a.acknowledge("event", strconv.FormatInt(e.Sequence, 10))
	}
	return out, err
}
