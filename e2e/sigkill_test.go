package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
)

// TestServerKilled kills the server during writes. What it has
// acknowledged is there afterwards, whole, and so is the audit chain.
func TestServerKilled(t *testing.T) {
	kills := long(20, 100)
	ctx := within(t, 10*time.Minute)
	s := startServer(t, ctx, "--log-level=error")
	w := &writers{acknowledged: map[string]string{}}
	for round := range kills {
		w.write(ctx, t, s, round)
		if err := s.Restart(ctx); err != nil {
			t.Fatalf("after kill %d: %v", round+1, err)
		}
	}
	w.check(ctx, t, s, kills)
	report, err := s.Owner.VerifyAudit(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if !report.Whole {
		t.Errorf("audit chain broken at record %d: %s", report.Broken, report.Problem)
	}
	if report.Events < int64(len(w.acknowledged)) {
		t.Errorf("%d audit records for %d acknowledged writes", report.Events, len(w.acknowledged))
	}
	t.Logf("%d kills, %d acknowledged writes, %d audit records", kills, len(w.acknowledged), report.Events)
}

// writers create projects until the server dies under them.
type writers struct {
	mu           sync.Mutex
	acknowledged map[string]string // id to name and repository
}

// write kills the server while four writers are at work; it returns when all
// have noticed.
func (w *writers) write(ctx context.Context, t *testing.T, s *process.Server, round int) {
	t.Helper()
	c, err := client.New(s.URL, client.WithToken(s.Token), client.WithAttempts(1))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	first := make(chan struct{}, 1) // the first write of the round is acknowledged
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("p-%d-%d-%d", round, worker, i)
				p, err := c.CreateProject(ctx, pullpass.Project{Name: name, Repository: "https://git.example/acme/" + name})
				if err != nil {
					return
				}
				w.mu.Lock()
				w.acknowledged[string(p.ID)] = name + " " + p.Repository
				w.mu.Unlock()
				select {
				case first <- struct{}{}:
				default:
				}
			}
		})
	}
	select {
	case <-first:
	case <-ctx.Done():
		t.Fatalf("round %d: no write was acknowledged", round)
	}
	// A random moment: in the middle of a request, a transaction, a sync.
	timer := time.NewTimer(time.Duration(rand.IntN(20_000)) * time.Microsecond)
	<-timer.C
	s.Kill()
	wg.Wait()
}

// check walks all projects: nothing acknowledged is missing or torn.
func (w *writers) check(ctx context.Context, t *testing.T, s *process.Server, kills int) {
	t.Helper()
	found := map[string]string{}
	for p, err := range s.Owner.AllProjects(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		found[string(p.ID)] = p.Name + " " + p.Repository
	}
	lost := 0
	for id, want := range w.acknowledged {
		if found[id] != want {
			lost++
			t.Errorf("acknowledged project %s is %q, want %q", id, found[id], want)
		}
		if lost > 5 {
			t.Fatal(errors.New("and more"))
		}
	}
	if len(w.acknowledged) < kills {
		t.Errorf("%d writes were acknowledged in all rounds, want at least one a round", len(w.acknowledged))
	}
}
