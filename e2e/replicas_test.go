package e2e_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

// TestReplicas runs two servers on one PostgreSQL: what one writes the other
// reads, a long poll at one is woken by a change at the other, both append to one
// audit chain, and one of them may die.
func TestReplicas(t *testing.T) {
	database := parts.Postgres(t)
	ctx := within(t, 3*time.Minute)
	args := []string{"--database=" + database, "--key-file=" + filepath.Join(t.TempDir(), "key"), "--log-level=error"}
	a := startServer(t, ctx, args...)
	b, err := process.StartReplica(ctx, a, t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)

	project, err := a.Owner.CreateProject(ctx, pullpass.Project{Name: "shared"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Owner.CreateRegistry(ctx, pullpass.Registry{
		Project: project.ID, Name: "basic", Host: "registry.example", Auth: pullpass.AuthBasic, Username: "u",
	}, pullpass.NewSecret("sealed-by-b")); err != nil {
		t.Fatal(err)
	}
	runner, token, err := b.Join(ctx, "shared")
	if err != nil {
		t.Fatal(err)
	}
	e, err := a.Owner.CreateEnvironment(ctx, pullpass.Environment{
		Project: project.ID, Runner: runner.ID, Name: "e", Services: []pullpass.Service{{Name: "main", Image: "registry.example/app:1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	own, err := client.New(a.URL, client.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	issued, err := own.Credential(ctx, credentialFor(e, "registry.example/app:1"))
	if err != nil || issued.Secret.Reveal() != "sealed-by-b" {
		t.Errorf("what b sealed, a opens as %v, %v", issued.Username, err)
	}

	// A long poll at b, a status report at a.
	woken := make(chan pullpass.Environment, 1)
	go func() {
		next, err := b.Owner.WaitEnvironment(ctx, e.ID, e.Revision, 25*time.Second)
		if err != nil {
			t.Errorf("long poll: %v", err)
		}
		woken <- next
	}()
	if _, err := own.ReportStatus(ctx, e.ID, pullpass.StatusUpdate{Runner: runner.ID, Start: e.Start, Phase: pullpass.PhaseStarting}); err != nil {
		t.Fatal(err)
	}
	if next := <-woken; next.Phase != pullpass.PhaseStarting {
		t.Errorf("the long poll at b returns phase %s, want starting", next.Phase)
	}

	var wg sync.WaitGroup
	for i, s := range []*process.Server{a, b} {
		wg.Go(func() {
			for n := range 50 {
				if _, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: fmt.Sprintf("p-%d-%d", i, n)}); err != nil {
					t.Errorf("server %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	a.Kill()
	report, err := b.Owner.VerifyAudit(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if !report.Whole || report.Events < 100 {
		t.Errorf("audit chain of two servers: %+v, want it whole with at least 100 records", report)
	}
}
