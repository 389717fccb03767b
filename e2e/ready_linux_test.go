package e2e_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/e2e/process"
)

// becomes asks for readiness until it is answered with this status and text.
func becomes(ctx context.Context, t *testing.T, s *process.Server, status int, text string) {
	t.Helper()
	for {
		got, body := ready(ctx, t, s)
		if got == status && strings.Contains(body, text) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("/readyz: %d %s, want %d with %q", got, body, status, text)
		}
	}
}

// TestReadOnlyFileSystem has the kernel turn the server's file system read-only, as
// it does after an error of the disk: not ready, with the reason; reads go on; what
// was acknowledged is there after a repair.
func TestReadOnlyFileSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a file system of its own needs root")
	}
	ctx := within(t, 3*time.Minute)
	dir := t.TempDir()
	data, image := filepath.Join(dir, "data"), filepath.Join(dir, "disk")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 128<<20); err != nil {
		t.Fatal(err)
	}
	command(ctx, t, "mkfs.ext4", "-q", image)
	mount := func() { command(ctx, t, "mount", "-o", "loop,errors=remount-ro", image, data) }
	mount()
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	s, err := process.StartServer(ctx, binary, dir, "--log-level=error")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	c := impatient(t, s)
	kept, err := c.CreateProject(ctx, pullpass.Project{Name: "kept"})
	if err != nil {
		t.Fatal(err)
	}
	command(ctx, t, "mount", "-o", "remount,abort", data)
	becomes(ctx, t, s, http.StatusServiceUnavailable, "read-only")
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "p"}); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("CreateProject on a read-only file system: %v, want unavailable", err)
	}
	if _, err := c.Project(ctx, kept.ID); err != nil {
		t.Errorf("reading from a read-only file system: %v", err)
	}
	if status, _ := fetch(ctx, t, s.URL+api.PathLive); status != http.StatusOK {
		t.Errorf("alive on a read-only file system: %d, want 200", status)
	}
	s.Kill()
	if err := syscall.Unmount(data, 0); err != nil {
		t.Fatal(err)
	}
	_ = exec.CommandContext(ctx, "fsck.ext4", "-p", image).Run() // 1: repaired
	mount()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, s, http.StatusOK, "")
	if _, err := c.Project(ctx, kept.ID); err != nil {
		t.Errorf("what was acknowledged, after the repair: %v", err)
	}
}

func command(ctx context.Context, t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// TestBlockedAuditIsNotReady has somebody else hold the lock that the next audit
// record needs: nothing is done, and the server is not ready until it is free.
func TestBlockedAuditIsNotReady(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	cluster := startCluster(t, ctx)
	s := startServer(t, ctx, "--database="+cluster.URL, "--log-level=error")
	c := impatient(t, s)
	becomes(ctx, t, s, http.StatusOK, "")
	conn, err := pgx.Connect(ctx, cluster.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, statement := range []string{`BEGIN`, `SELECT * FROM event_heads FOR UPDATE`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "blocked"}); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("CreateProject while no record can be written: %v, want unavailable", err)
	}
	becomes(ctx, t, s, http.StatusServiceUnavailable, "audit_unavailable")
	if _, err := c.Projects(ctx, pullpass.Page{}); err != nil {
		t.Errorf("reading while no record can be written: %v", err)
	}
	if _, err := conn.Exec(ctx, `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, s, http.StatusOK, "")
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "blocked"}); err != nil {
		t.Errorf("CreateProject when the lock is free: %v", err)
	}
}

// TestLostKeyIsNotReady rotates the keys with another copy of the key file: the
// running server lacks the new key, says so, and is ready again with that file.
func TestLostKeyIsNotReady(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	cluster := startCluster(t, ctx)
	dir := t.TempDir()
	key, copied := filepath.Join(dir, "key"), filepath.Join(dir, "copy")
	s := startServer(t, ctx, "--database="+cluster.URL, "--key-file="+key, "--log-level=error")
	if _, err := s.Owner.CreateRegistry(ctx, pullpass.Registry{Name: "basic", Host: "registry.example", Auth: pullpass.AuthBasic, Username: "u"},
		pullpass.NewSecret("sealed")); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, s, http.StatusOK, "")
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	command(ctx, t, binary, "keys", "rotate", "--database="+cluster.URL, "--key-file="+copied)
	becomes(ctx, t, s, http.StatusServiceUnavailable, "seal_key_missing")
	s.Stop()
	if err := os.Rename(copied, key); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, s, http.StatusOK, "")
}
