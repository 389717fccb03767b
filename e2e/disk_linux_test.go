package e2e_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/e2e/process"
)

// TestFullDisk fills the server's disk: it refuses and says why, goes on to be
// read, starts again, and serves when there is room. Nothing acknowledged is lost.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a file system of its own needs root")
	}
	ctx := within(t, 3*time.Minute)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatalf("mounting a file system of 16 MiB: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	s, err := process.StartServer(ctx, binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	c := impatient(t, s)
	kept, err := c.CreateProject(ctx, pullpass.Project{Name: "kept"})
	if err != nil {
		t.Fatal(err)
	}
	filler := fill(t, data)
	refused := false
	for i := 0; !refused && i < 5000; i++ { // what SQLite's log has room for is still written
		_, err := c.CreateProject(ctx, pullpass.Project{Name: "full-" + strings.Repeat("x", i%50) + "-" + time.Now().Format("150405.000000")})
		refused = err != nil
		if err != nil && !pullpass.IsKind(err, pullpass.Unavailable) {
			t.Fatalf("CreateProject on a full disk: %v, want unavailable", err)
		}
	}
	if !refused {
		t.Fatal("the disk is full and everything is written: the test shows nothing")
	}
	if status, body := ready(ctx, t, s); status != http.StatusServiceUnavailable || !strings.Contains(body, "full") {
		t.Errorf("ready on a full disk: %d %s, want 503 and why", status, body)
	}
	if status, _ := fetch(ctx, t, s.URL+api.PathLive); status != http.StatusOK {
		t.Errorf("alive on a full disk: %d, want 200", status)
	}
	if _, err := c.Project(ctx, kept.ID); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
	for range 50 { // a state that lasts is a line of the log, not fifty
		_, _ = c.CreateProject(ctx, pullpass.Project{Name: "again"})
	}
	if log := logged(ctx, t, s, "database or disk is full"); strings.Count(log, "msg=unavailable") > 6 {
		t.Errorf("the log repeats itself:\n%s", log)
	}
	s.Kill()
	if err := s.Restart(ctx); err != nil {
		t.Fatalf("starting on a full disk: %v", err)
	}
	if _, err := c.Project(ctx, kept.ID); err != nil {
		t.Errorf("reading after a start on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "room"}); err != nil {
		t.Errorf("CreateProject when there is room again: %v", err)
	}
	if report, err := c.VerifyAudit(ctx, ""); err != nil || !report.Whole {
		t.Errorf("audit chain: %+v, %v, want it whole", report, err)
	}
}

// fill writes a file until there is no room for another byte.
func fill(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; {
		_, err := f.Write(make([]byte, size))
		switch {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			t.Fatal(err)
		}
	}
	return f.Name()
}
