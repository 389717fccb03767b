package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
)

// envSoak is how long the soak takes: `make verify` sets ten minutes.
const envSoak = "PULLPASS_TEST_SOAK"

// TestSoak has callers create, report on, read and delete without a break, and then
// leave: what the process holds is what it held after a while already.
func TestSoak(t *testing.T) {
	length := 20 * time.Second
	if text := os.Getenv(envSoak); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", envSoak, err)
		}
	}
	ctx := within(t, length+3*time.Minute)
	s := startServer(t, ctx, "--log-level=error")
	project, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: "soak"})
	if err != nil {
		t.Fatal(err)
	}
	runner, token, err := s.Join(ctx, "soak")
	if err != nil {
		t.Fatal(err)
	}
	requests := 0
	round := func(name string, d time.Duration) {
		work, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		var mu sync.Mutex
		var callers sync.WaitGroup
		for caller := range 4 {
			callers.Go(func() {
				for i := 0; work.Err() == nil; i++ {
					n, err := live(work, s, token, project.ID, runner.ID, fmt.Sprintf("%s-%d-%d", name, caller, i))
					mu.Lock()
					requests += n
					mu.Unlock()
					if err != nil && work.Err() == nil {
						t.Errorf("%s: %v", name, err)
						return
					}
				}
			})
		}
		callers.Wait()
	}
	round("warm", length/4)
	before := settled(ctx, t, s)
	done := requests
	round("soak", length-length/4)
	after := settled(ctx, t, s)
	t.Logf("%d requests: %v, then %d more: %v", done, before, requests-done, after)
	if requests-done < 100 {
		t.Errorf("%d requests: the soak shows nothing", requests-done)
	}
	for name, room := range map[string]float64{
		"go_goroutines": 10, "process_open_fds": 10,
		// Caches have bounds of their own, and the database file is mapped.
		"go_memstats_heap_alloc_bytes": 32 << 20, "process_resident_memory_bytes": 96 << 20,
	} {
		if after[name] > before[name]+room {
			t.Errorf("%s grew from %.0f to %.0f over %d requests, want at most %.0f more", name, before[name], after[name], requests-done, room)
		}
	}
	if after["process_resident_memory_bytes"] > 400<<20 {
		t.Errorf("the server holds %.0f MiB, want at most 400", after["process_resident_memory_bytes"]/(1<<20))
	}
}

// live is the life of an environment, of a token and of a long poll. It returns how
// many requests it made.
func live(ctx context.Context, s *process.Server, runnerToken pullpass.Secret, project pullpass.ProjectID, runner pullpass.RunnerID, name string) (int, error) {
	transport := process.KeptAlive(2)
	defer transport.CloseIdleConnections()
	c, err := client.New(s.URL, client.WithToken(s.Token), client.WithTransport(transport))
	if err != nil {
		return 0, err
	}
	own, err := client.New(s.URL, client.WithToken(runnerToken), client.WithTransport(transport))
	if err != nil {
		return 0, err
	}
	e, err := c.CreateEnvironment(ctx, pullpass.Environment{Project: project, Runner: runner, Name: name,
		Services: []pullpass.Service{{Name: "main", Image: "registry.example/app:1"}}})
	if err != nil {
		return 1, err
	}
	waited := make(chan error, 1)
	go func() {
		_, err := c.WaitEnvironment(ctx, e.ID, e.Revision, 20*time.Second)
		waited <- err
	}()
	_, err = own.ReportStatus(ctx, e.ID, pullpass.StatusUpdate{Runner: runner, Start: e.Start, Phase: pullpass.PhaseRunning})
	if err != nil {
		return 3, err
	}
	if err := <-waited; err != nil {
		return 3, err
	}
	made, _, err := c.CreateToken(ctx, pullpass.Token{Name: name, Role: pullpass.RoleAuditor})
	if err != nil {
		return 4, err
	}
	if err := c.DeleteToken(ctx, made.ID); err != nil {
		return 5, err
	}
	if err := c.DeleteEnvironment(ctx, e.ID); err != nil {
		return 6, err
	}
	_, err = own.ReportStatus(ctx, e.ID, pullpass.StatusUpdate{Runner: runner, Start: e.Start, Phase: pullpass.PhaseDeleted})
	return 7, err
}

// settled reads what the process holds, once that no longer shrinks: connections
// close, and the collector has run.
func settled(ctx context.Context, t *testing.T, s *process.Server) map[string]float64 {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	held, shrunk := metrics(ctx, t, s), time.Now()
	for time.Since(shrunk) < 3*time.Second && ctx.Err() == nil {
		// Each answer makes garbage, so that the collector runs in the end.
		for range 50 {
			if _, err := s.Owner.Projects(ctx, pullpass.Page{}); err != nil {
				t.Fatal(err)
			}
		}
		for name, value := range metrics(ctx, t, s) {
			if value < held[name] {
				held[name], shrunk = value, time.Now()
			}
		}
	}
	return held
}

// metrics reads the gauges of the process.
func metrics(ctx context.Context, t *testing.T, s *process.Server) map[string]float64 {
	t.Helper()
	status, body := fetch(ctx, t, s.URL+api.PathMetrics)
	if status != http.StatusOK {
		t.Fatalf("metrics: %d %s", status, body)
	}
	values := map[string]float64{}
	for line := range strings.Lines(body) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "go_goroutines", "process_open_fds", "go_memstats_heap_alloc_bytes", "process_resident_memory_bytes":
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			values[name] = value
		}
	}
	return values
}
