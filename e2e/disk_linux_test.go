package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
)

// fullDisk is a server whose data are on a small file system of their own.
type fullDisk struct {
	*process.Server
	t      *testing.T
	ctx    context.Context //nolint:containedctx // of the test
	data   string
	c      *client.Client
	kept   pullpass.Project
	issued int // credentials that were given out
}

func newFullDisk(t *testing.T) *fullDisk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a file system of its own needs root")
	}
	d := &fullDisk{t: t, ctx: within(t, 3*time.Minute)}
	dir := t.TempDir()
	d.data = filepath.Join(dir, "data")
	if err := os.Mkdir(d.data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", d.data, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatalf("mounting a file system of 64 MiB: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.data, syscall.MNT_DETACH) })
	var err error
	if d.Server, err = process.StartServer(d.ctx, binary, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Stop() })
	d.c = impatient(t, d.Server)
	if d.kept, err = d.c.CreateProject(d.ctx, pullpass.Project{Name: "kept"}); err != nil {
		t.Fatal(err)
	}
	_, err = d.c.CreateRegistry(d.ctx, pullpass.Registry{Project: d.kept.ID, Name: "hub", Host: "hub.example.com", Auth: pullpass.AuthBasic, Username: "robot"},
		pullpass.NewSecret("password"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// issue asks for a credential.
func (d *fullDisk) issue() error {
	got, err := d.c.Credential(d.ctx, api.CredentialRequest{Project: d.kept.ID, Host: "hub.example.com", Repository: "team/app"})
	if err == nil {
		d.issued++
		if got.Credential.Secret.Reveal() != "password" {
			d.t.Errorf("the credential is another one")
		}
	}
	return err
}

// wantReady compares the status of /readyz and the word that it says.
func (d *fullDisk) wantReady(when string, status int, word string) {
	d.t.Helper()
	got, body := ready(d.ctx, d.t, d.Server)
	if got != status || !strings.Contains(body, word) || word == "" && body != "ok\n" {
		d.t.Errorf("ready %s: %d %q, want %d and %q", when, got, body, status, word)
	}
}

// TestFullDisk fills the server's disk. It warns before; when there is no byte left it
// goes on to issue credentials, each with its record, and to delete; it refuses the
// rest and says why. It starts again, and with room again all is as before.
func TestFullDisk(t *testing.T) {
	d := newFullDisk(t)
	ctx, c := d.ctx, d.c
	auditor, text, err := c.CreateToken(ctx, pullpass.Token{Name: "auditor", Role: pullpass.RoleAuditor})
	if err != nil {
		t.Fatal(err)
	}
	d.wantReady("with room", http.StatusOK, "")
	fill(t, filepath.Join(d.data, "most"), 20<<20)
	d.wantReady("on a disk that fills up", http.StatusOK, "disk_low")
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "low"}); err != nil {
		t.Errorf("CreateProject on a disk that fills up: %v", err)
	}
	fill(t, filepath.Join(d.data, "all"), 0)
	d.wantReady("on a full disk", http.StatusOK, "disk_reserved")
	for i := range 20 {
		if _, err := c.CreateProject(ctx, pullpass.Project{Name: "full-" + strconv.Itoa(i)}); pullpass.CodeOf(err) != pullpass.CodeDiskReserved {
			t.Fatalf("CreateProject on a full disk: %v, want %s", err, pullpass.CodeDiskReserved)
		}
	}
	denied := d.as(text)
	for i := range 500 {
		if err := d.issue(); err != nil {
			t.Fatalf("credential %d on a full disk: %v", i, err)
		}
		if _, err := denied.CreateProject(ctx, pullpass.Project{Name: "never"}); !pullpass.IsKind(err, pullpass.Denied) {
			t.Fatalf("an auditor's CreateProject on a full disk: %v, want denied", err)
		}
	}
	if err := c.DeleteToken(ctx, auditor.ID); err != nil {
		t.Errorf("DeleteToken on a full disk: %v", err)
	}
	metrics := scrape(ctx, t, d.Server)
	if !strings.Contains(metrics, "pullpass_disk_reserved 1") {
		t.Errorf("the metrics do not tell of it:\n%s", metrics)
	}
	logged(ctx, t, d.Server, "the disk fills up")
	logged(ctx, t, d.Server, "the disk is almost full")
	d.Kill()
	if err := d.Restart(ctx); err != nil {
		t.Fatalf("starting on a full disk: %v", err)
	}
	if err := d.issue(); err != nil {
		t.Errorf("a credential after a start on a full disk: %v", err)
	}
	for _, name := range []string{"most", "all"} {
		if err := os.Remove(filepath.Join(d.data, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "room"}); err != nil {
		t.Errorf("CreateProject when there is room again: %v", err)
	}
	d.wantReady("with room again", http.StatusOK, "")
	d.wantRecords()
}

// TestDiskWithoutReserve has somebody else take the reserve, too: nothing is issued
// without a record, reading goes on, and what was acknowledged is there.
func TestDiskWithoutReserve(t *testing.T) {
	d := newFullDisk(t)
	ctx, c := d.ctx, d.c
	for i := 0; d.issue() == nil; i++ {
		fill(t, filepath.Join(d.data, "filler-"+strconv.Itoa(i)), 0)
		if i > 10_000 {
			t.Fatal("the disk is full and everything is written: the test shows nothing")
		}
	}
	if err := d.issue(); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("a credential without room: %v, want unavailable", err)
	}
	d.wantReady("without room", http.StatusServiceUnavailable, "full")
	if status, _ := fetch(ctx, t, d.URL+api.PathLive); status != http.StatusOK {
		t.Errorf("alive on a full disk: %d, want 200", status)
	}
	if _, err := c.Project(ctx, d.kept.ID); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
	for range 50 { // a state that lasts is a line of the log, not fifty
		_ = d.issue()
	}
	if log := logged(ctx, t, d.Server, "database or disk is full"); strings.Count(log, "msg=unavailable") > 6 {
		t.Errorf("the log repeats itself:\n%s", log)
	}
	d.Kill()
	if err := d.Restart(ctx); err != nil {
		t.Fatalf("starting on a full disk: %v", err)
	}
	if _, err := c.Project(ctx, d.kept.ID); err != nil {
		t.Errorf("reading after a start on a full disk: %v", err)
	}
	fillers, err := filepath.Glob(filepath.Join(d.data, "filler-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, filler := range fillers {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.CreateProject(ctx, pullpass.Project{Name: "room"}); err != nil {
		t.Errorf("CreateProject when there is room again: %v", err)
	}
	if err := d.issue(); err != nil {
		t.Errorf("a credential when there is room again: %v", err)
	}
	d.wantRecords()
}

// wantRecords compares what was given out with what is recorded.
func (d *fullDisk) wantRecords() {
	d.t.Helper()
	records := 0
	for e, err := range d.c.AllEvents(d.ctx, pullpass.EventFilter{Action: "credential.issue"}) {
		if err != nil {
			d.t.Fatal(err)
		}
		if e.Decision == pullpass.DecisionAllowed {
			records++
		}
	}
	if records < d.issued {
		d.t.Errorf("%d records of %d credentials", records, d.issued)
	}
	if report, err := d.c.VerifyAudit(d.ctx, ""); err != nil || !report.Whole {
		d.t.Errorf("audit chain: %+v, %v, want it whole", report, err)
	}
}

// as is a client with another token.
func (d *fullDisk) as(token pullpass.Secret) *client.Client {
	d.t.Helper()
	c, err := client.New(d.URL, client.WithToken(token), client.WithTransport(process.KeptAlive(8)), client.WithAttempts(1))
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

func scrape(ctx context.Context, t *testing.T, s *process.Server) string {
	t.Helper()
	_, body := fetch(ctx, t, s.URL+api.PathMetrics)
	return body
}

// fill writes a file until so many bytes are left, or no more can be written.
func fill(t *testing.T, path string, left int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for size := int64(1 << 20); size > 0; {
		var s syscall.Statfs_t
		if err := syscall.Statfs(filepath.Dir(path), &s); err != nil {
			t.Fatal(err)
		}
		if left > 0 && int64(s.Bavail)*s.Bsize-size < left {
			return
		}
		_, err := f.Write(make([]byte, size))
		switch {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			t.Fatal(err)
		}
	}
}
