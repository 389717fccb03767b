package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

// TestFailovers kills the primary of a synchronous pair under load, again and again,
// and promotes the standby: two servers find it by themselves, nothing acknowledged
// is lost, and the audit chain is whole.
func TestFailovers(t *testing.T) {
	failovers := long(3, 20)
	ctx := within(t, time.Duration(failovers+2)*time.Minute)
	primary := startCluster(t, ctx)
	standby := startStandby(t, ctx, primary, "")
	key := t.TempDir() + "/key"
	args := []string{"--database=" + primary.FailoverURL(standby), "--key-file=" + key, "--log-level=error"}
	a := startServer(t, ctx, args...)
	b, err := process.StartReplica(ctx, a, t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	loading, stop := context.WithCancel(ctx)
	defer stop()
	loads := []*load{startLoad(loading, impatient(t, a), 4, "a"), startLoad(loading, impatient(t, b), 4, "b")}
	for round := range failovers {
		if err := primary.Synchronize(ctx); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, l := range loads {
			l.more(ctx, t)
		}
		address := primary.Address()
		if err := primary.Kill(); err != nil {
			t.Fatalf("round %d: killing the primary: %v", round, err)
		}
		if err := standby.Promote(ctx); err != nil {
			t.Fatalf("round %d: promoting the standby: %v", round, err)
		}
		for _, l := range loads {
			l.more(ctx, t)
		}
		primary, standby = standby, startStandby(t, ctx, standby, address)
	}
	stop()
	for i, l := range loads {
		l.callers.Wait()
		l.check(ctx, t, impatient(t, []*process.Server{a, b}[i]))
	}
}

func startStandby(t *testing.T, ctx context.Context, primary *parts.Cluster, address string) *parts.Cluster {
	t.Helper()
	standby, err := primary.StartStandby(ctx, shortDir(t), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	return standby
}

// TestHotStandbyIsNotReady puts a real hot standby where the server's database was,
// as a failover that is half done does: not ready, and why; reads go on; ready again
// when it is promoted.
func TestHotStandbyIsNotReady(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	primary := startCluster(t, ctx)
	s := startServer(t, ctx, "--database="+primary.URL, "--log-level=error")
	c := impatient(t, s)
	kept, err := c.CreateProject(ctx, pullpass.Project{Name: "kept"})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := startStandby(t, ctx, primary, "")
	if err := primary.Synchronize(ctx); err != nil {
		t.Fatal(err)
	}
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	standby, err := elsewhere.Move(ctx, primary.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	for {
		status, body := ready(ctx, t, s)
		if status == http.StatusServiceUnavailable && strings.Contains(body, "standby") {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("ready on a hot standby: %d %s, want 503 and why", status, body)
		}
	}
	if _, err := c.Project(ctx, kept.ID); err != nil {
		t.Errorf("reading from a hot standby: %v", err)
	}
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "p"}); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("CreateProject on a hot standby: %v, want unavailable", err)
	}
	if err := standby.Promote(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		status, body := ready(ctx, t, s)
		if status == http.StatusOK {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("ready on the promoted standby: %d %s, want 200", status, body)
		}
	}
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "p"}); err != nil {
		t.Errorf("CreateProject on the promoted standby: %v", err)
	}
}
