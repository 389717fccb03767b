package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

// freeze stops a process without its noticing: a paused virtual machine. It goes
// on with the returned function, at the latest when the test ends.
func freeze(t *testing.T, pid int) (thaw func()) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatalf("stopping process %d: %v", pid, err)
	}
	var once sync.Once
	thaw = func() { once.Do(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) }
	t.Cleanup(thaw)
	return thaw
}

// impatient is a client that asks once: what a server answers is what is seen.
func impatient(t *testing.T, s *process.Server) *client.Client {
	t.Helper()
	c, err := client.New(s.URL, client.WithToken(s.Token), client.WithTransport(process.KeptAlive(128)), client.WithAttempts(1))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ready asks a server whether it is ready.
func ready(ctx context.Context, t *testing.T, s *process.Server) (int, string) {
	t.Helper()
	return fetch(ctx, t, s.URL+api.PathReady)
}

func fetch(ctx context.Context, t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// load creates projects from several callers until ctx ends, and remembers what
// became of each.
type load struct {
	mu           sync.Mutex
	acknowledged map[string]bool  // by name
	refused      map[string]error // by name; what may have happened is not among them
	unknown      int
	callers      sync.WaitGroup
	progress     chan struct{} // holds one: something was acknowledged
}

// more waits until the load is under way: two more are acknowledged.
func (l *load) more(ctx context.Context, t *testing.T) {
	t.Helper()
	for range 3 { // the first may be an old one
		select {
		case <-l.progress:
		case <-ctx.Done():
			t.Fatal("the load does not go on")
		}
	}
}

func startLoad(ctx context.Context, c *client.Client, callers int, prefix string) *load {
	l := &load{acknowledged: map[string]bool{}, refused: map[string]error{}, progress: make(chan struct{}, 1)}
	for caller := range callers {
		l.callers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				name := fmt.Sprintf("%s-%d-%d", prefix, caller, i)
				_, err := c.CreateProject(ctx, pullpass.Project{Name: name})
				if ctx.Err() != nil {
					return // our own end says nothing
				}
				l.note(name, err)
			}
		})
	}
	return l
}

func (l *load) note(name string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var e *pullpass.Error
	switch {
	case err == nil:
		l.acknowledged[name] = true
		select {
		case l.progress <- struct{}{}:
		default:
		}
	case errors.As(err, &e) && e.Code == "outcome_unknown":
		l.unknown++
	default:
		l.refused[name] = err
	}
}

// check compares what was answered with what is there.
func (l *load) check(ctx context.Context, t *testing.T, c *client.Client) {
	t.Helper()
	there := map[string]bool{}
	for p, err := range c.AllProjects(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		there[p.Name] = true
	}
	for name := range l.acknowledged {
		if !there[name] {
			t.Errorf("project %s was acknowledged and is lost", name)
		}
	}
	for name, err := range l.refused {
		if there[name] {
			t.Errorf("project %s was refused (%v) and is there", name, err)
		}
	}
	report, err := c.VerifyAudit(ctx, "")
	if err != nil || !report.Whole || report.Events < int64(len(l.acknowledged)) {
		t.Errorf("audit chain: %+v, %v; want it whole with at least %d records", report, err, len(l.acknowledged))
	}
	t.Logf("%d acknowledged, %d refused, %d not known", len(l.acknowledged), len(l.refused), l.unknown)
}

// TestFrozenServerStopsNoOther freezes one of three servers under load, again and
// again: the others answer.
func TestFrozenServerStopsNoOther(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	args := []string{"--database=" + parts.Postgres(t), "--key-file=" + filepath.Join(t.TempDir(), "key"), "--log-level=error"}
	a := startServer(t, ctx, args...)
	others := make([]*client.Client, 2)
	for i := range others {
		s, err := process.StartReplica(ctx, a, t.TempDir(), args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Stop)
		others[i] = impatient(t, s)
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	l := startLoad(loading, impatient(t, a), 8, "load")
	var slowest time.Duration
	for round := range 8 {
		l.more(ctx, t)
		thaw := freeze(t, a.PID())
		// Five seconds are promised, and measured here; the bound only ends a hang, because
		// a machine that runs other tests beside this one is slower.
		began := time.Now()
		until, cancel := context.WithTimeout(ctx, 20*time.Second)
		for i, other := range others {
			name := fmt.Sprintf("other-%d-%d", round, i)
			for try := 0; ; try++ {
				_, err := other.CreateProject(until, pullpass.Project{Name: fmt.Sprintf("%s-%d", name, try)})
				if err == nil {
					break
				}
				if until.Err() != nil {
					t.Fatalf("round %d: server %d does not answer while another one is frozen: %v", round, i+1, err)
				}
			}
		}
		cancel()
		slowest = max(slowest, time.Since(began))
		thaw()
	}
	t.Logf("the others answered after %v at most", slowest.Round(time.Millisecond))
	stop()
	l.callers.Wait()
	l.check(ctx, t, others[0])
}

// TestHangingDatabase stops all of PostgreSQL under load: every request ends in
// time with its cause, and what was refused is not carried out when it goes on.
func TestHangingDatabase(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	cluster := startCluster(t, ctx)
	s := startServer(t, ctx, "--database="+cluster.URL, "--log-level=error")
	c := impatient(t, s)
	loading, stop := context.WithCancel(ctx)
	defer stop()
	l := startLoad(loading, c, 12, "load")
	l.more(ctx, t)
	pids := freezeCluster(t, cluster)
	// While it hangs: reads, writes, health. Ten seconds are promised for each, and
	// measured here; the bound only ends a hang.
	short, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	began := time.Now()
	var asked sync.WaitGroup
	for i := range 20 {
		asked.Go(func() {
			_, err := c.CreateProject(short, pullpass.Project{Name: fmt.Sprintf("hanging-%d", i)})
			wantCause(t, short, "CreateProject", err)
			l.note(fmt.Sprintf("hanging-%d", i), err)
		})
		asked.Go(func() {
			_, err := c.Projects(short, pullpass.Page{})
			wantCause(t, short, "Projects", err)
		})
	}
	asked.Wait()
	t.Logf("every request had its answer after %v", time.Since(began).Round(time.Millisecond))
	if status, body := ready(ctx, t, s); status != http.StatusServiceUnavailable {
		t.Errorf("ready while the database hangs: %d %s, want 503", status, body)
	}
	if status, _ := fetch(ctx, t, s.URL+api.PathLive); status != http.StatusOK {
		t.Errorf("alive while the database hangs: %d, want 200", status)
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	for { // until it serves again
		if _, err := c.Self(ctx); err == nil {
			break
		} else if ctx.Err() != nil {
			t.Fatalf("the server does not recover: %v", err)
		}
	}
	stop()
	l.callers.Wait()
	l.check(ctx, t, c)
}

// freezeCluster stops all of PostgreSQL: the one that starts the others first, or it
// would start more of them meanwhile.
func freezeCluster(t *testing.T, cluster *parts.Cluster) []int {
	t.Helper()
	var frozen []int
	for {
		pids, err := cluster.PIDs() // its own first
		if err != nil {
			t.Fatal(err)
		}
		running := slices.DeleteFunc(pids, func(pid int) bool { return slices.Contains(frozen, pid) })
		if len(running) == 0 {
			return frozen
		}
		for _, pid := range running {
			freeze(t, pid)
		}
		frozen = append(frozen, running...)
	}
}

func wantCause(t *testing.T, ctx context.Context, what string, err error) {
	t.Helper()
	var e *pullpass.Error
	switch {
	case ctx.Err() != nil:
		t.Errorf("%s had no answer when its time was over: %v", what, err)
	case !errors.As(err, &e) || e.Kind != pullpass.Unavailable || e.Cause == "" || strings.Contains(e.Cause, "EOF"):
		t.Errorf("%s while the database hangs: %v, want unavailable and a cause", what, err)
	}
}

// TestStandbyIsNotReady has the server's database become a standby's: it takes no
// writes.
func TestStandbyIsNotReady(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	cluster := startCluster(t, ctx)
	s := startServer(t, ctx, "--database="+cluster.URL, "--log-level=error")
	if err := cluster.Exec(ctx, `ALTER SYSTEM SET default_transaction_read_only = on`, `SELECT pg_reload_conf()`); err != nil {
		t.Fatal(err)
	}
	for {
		status, body := ready(ctx, t, s)
		if status == http.StatusServiceUnavailable && strings.Contains(body, "read-only") {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("ready on a read-only database: %d %s, want 503 and why", status, body)
		}
	}
	if _, err := impatient(t, s).CreateProject(ctx, pullpass.Project{Name: "p"}); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("CreateProject on a read-only database: %v, want unavailable", err)
	}
	if _, err := impatient(t, s).Projects(ctx, pullpass.Page{}); err != nil {
		t.Errorf("Projects on a read-only database: %v", err)
	}
}

func startCluster(t *testing.T, ctx context.Context) *parts.Cluster {
	t.Helper()
	parts.Postgres(t) // or the test is skipped with what is missing
	cluster, err := parts.StartCluster(ctx, shortDir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	return cluster
}
