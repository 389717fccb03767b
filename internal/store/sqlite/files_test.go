package sqlite_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

func open(t *testing.T, path string, keyring *seal.Keyring) *store.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, keyring, store.Options{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return db
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db := open(t, filepath.Join(dir, "pullpass.db"), storetest.Keyring(t))
	if _, err := db.CreateOrganization(t.Context(), pullpass.Organization{Name: "acme"}); err != nil {
		t.Fatal(err)
	}
	check := func(name string, want fs.FileMode) {
		t.Helper()
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", name, info.Mode().Perm(), err, want)
		}
	}
	check(dir, 0o700)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		check(filepath.Join(dir, "pullpass.db"+suffix), 0o600)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "pullpass.db"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := open(t, filepath.Join(dir, "pullpass.db"), storetest.Keyring(t)).Close(); err != nil {
		t.Fatal(err)
	}
	check(filepath.Join(dir, "pullpass.db"), 0o600)
}

// TestSettingsHoldOnEveryConnection asks connections of both pools that are open
// at the same time.
func TestSettingsHoldOnEveryConnection(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a b%?#.db"), storetest.Keyring(t))
	t.Cleanup(func() { _ = db.Close() })
	ctx := t.Context()
	conns := db.Schema()
	for range 4 {
		conn, err := conns.Read.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "1", "mmap_size": "2147418112"} {
			var got string
			if err := conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("reading: %s = %s, %v, want %s", pragma, got, err, want)
			}
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "query_only": "0"} {
		var got string
		if err := conns.Write.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("writing: %s = %s, %v, want %s", pragma, got, err, want)
		}
	}
}

// TestLogShrinks makes a large transaction: its journal is cut when small ones follow.
func TestLogShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pullpass.db")
	db := open(t, path, storetest.Keyring(t))
	t.Cleanup(func() { _ = db.Close() })
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	exec := func(statement string) {
		if _, err := db.Schema().Write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE big (content BLOB)")
	exec("INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 32) SELECT randomblob(1048576) FROM n")
	large := size()
	for range 3 {
		exec("INSERT INTO big VALUES (1)")
	}
	const limit = 16 << 20
	if small := size(); large <= limit || small > limit {
		t.Errorf("the journal had %d bytes and has %d after small changes, want more and then at most %d", large, small, limit)
	}
}

// TestCanary puts secrets through everything that takes one and looks for them
// in every file, while the store is open and after.
func TestCanary(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "pullpass.key")
	ring := func() *seal.Keyring {
		file, err := seal.OpenKeyFile(key)
		if err != nil {
			t.Fatal(err)
		}
		return seal.NewKeyring(file)
	}
	path := filepath.Join(dir, "pullpass.db")
	db := open(t, path, ring())
	ctx := t.Context()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must("CreateOrganization", err)
	first, second, bearer := pullpass.NewSecret("canary-one-4f1c"), pullpass.NewSecret("canary-two-9e2b"), pullpass.NewBearer(pullpass.TokenAPI)
	reg, err := db.CreateRegistry(ctx, pullpass.Registry{Organization: org.ID, Name: "hub", Host: "hub.example", Auth: pullpass.AuthBasic, Username: "visible-user"}, first)
	must("CreateRegistry", err)
	integration, err := db.CreateIntegration(ctx, pullpass.Integration{Organization: org.ID, Name: "aws", Mode: pullpass.ModeAccessKey}, first)
	must("CreateIntegration", err)
	_, err = db.UpdateRegistry(ctx, org.ID, reg.ID, pullpass.RegistryChange{Secret: &second})
	must("UpdateRegistry", err)
	_, err = db.UpdateIntegration(ctx, org.ID, integration.ID, pullpass.IntegrationChange{Secret: &second})
	must("UpdateIntegration", err)
	_, hash, _ := pullpass.HashBearer(bearer.Reveal())
	_, err = db.CreateToken(ctx, pullpass.Token{Organization: org.ID, Kind: pullpass.TokenAPI, Hash: hash})
	must("CreateToken", err)
	_, err = seal.RotateKeyFile(key)
	must("RotateKeyFile", err)
	must("Close", db.Close())
	db = open(t, path, ring())
	_, err = db.Rotate(ctx)
	must("Rotate", err)
	look := func(when string) {
		t.Helper()
		content := filesUnder(t, dir)
		if !bytes.Contains(content, []byte("visible-user")) {
			t.Errorf("%s: what is no secret is not found either: this test would prove nothing", when)
		}
		for _, canary := range []string{"canary-one", "canary-two", bearer.Reveal(), strings.TrimPrefix(bearer.Reveal(), "ppat_")} {
			if bytes.Contains(content, []byte(canary)) {
				t.Errorf("%s: a secret is in a file in the clear", when)
			}
		}
	}
	look("open")
	must("DeleteRegistry", db.DeleteRegistry(ctx, org.ID, reg.ID))
	_, err = audit.Verify(ctx, db, org.ID, audit.Head{})
	must("Verify", err)
	look("after the deletion")
	must("Close", db.Close())
}

// filesUnder is the content of every file in dir, the journal included.
func filesUnder(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		b, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if len(entries) < 2 {
		t.Fatalf("%d files in the directory, want the database and more", len(entries))
	}
	return all
}

func TestCrash(t *testing.T) {
	dir := t.TempDir()
	storetest.Crash(t, 20, "TestCrashChild", dir, func(keyring *seal.Keyring, o store.Options) (*store.DB, error) {
		return sqlite.Open(t.Context(), filepath.Join(dir, "pullpass.db"), keyring, o)
	})
}

func TestCrashChild(t *testing.T) {
	storetest.CrashChild(t, func(dir string, keyring *seal.Keyring) (*store.DB, error) {
		return sqlite.Open(t.Context(), filepath.Join(dir, "pullpass.db"), keyring, store.Options{})
	})
}

// TestFullDisk has the database refuse to grow: the answer is Unavailable, what
// was there stays, and there is room again when there is room again.
func TestFullDisk(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pullpass.db"), storetest.Keyring(t))
	t.Cleanup(func() { _ = db.Close() })
	ctx := t.Context()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	limit := func(pages string) {
		t.Helper()
		var got int64
		if err := db.Schema().Write.QueryRowContext(ctx, "PRAGMA max_page_count = "+pages).Scan(&got); err != nil {
			t.Fatal(err)
		}
	}
	door := audit.NewDoor(db, audit.Options{})
	defer func() { _ = door.Close() }()
	event := pullpass.Event{Organization: org.ID, Action: "a", Detail: map[string]string{"x": strings.Repeat("x", 8000)}}
	limit("1") // as many as there are
	var written int64
	for err == nil {
		if err = door.Record(ctx, event); err == nil {
			written++
		}
	}
	if !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("Record on a full disk: %v (kind %s), want unavailable", err, pullpass.KindOf(err))
	}
	limit("1000000")
	if err := door.Record(ctx, event); err != nil {
		t.Errorf("Record when there is room again: %v", err)
	}
	report, err := audit.Verify(ctx, db, org.ID, audit.Head{})
	if err != nil || !report.Whole() || report.Checked != written+1 {
		t.Errorf("Verify = %+v, %v, want %d whole", report, err, written+1)
	}
}

// TestReadOnlyDatabase has the database take no writes: the store says so and why,
// and people still sign in and read.
func TestReadOnlyDatabase(t *testing.T) {
	now := time.Now()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "pullpass.db"), storetest.Keyring(t), store.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ctx := t.Context()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	_, hash, _ := pullpass.HashBearer(pullpass.NewBearer(pullpass.TokenAPI).Reveal())
	if _, err := db.CreateToken(ctx, pullpass.Token{Organization: org.ID, Kind: pullpass.TokenAPI, Name: "t", Hash: hash}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Schema().Write.ExecContext(ctx, "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour) // the use of the token would be noted
	if _, err := db.TokenByHash(ctx, hash); err != nil {
		t.Errorf("TokenByHash on a read-only database: %v", err)
	}
	err = db.Ping(ctx)
	if !pullpass.IsKind(err, pullpass.Unavailable) || !strings.Contains(pullpass.Explain(err), "read-only") {
		t.Errorf("Ping of a read-only database: %v, want unavailable and why", err)
	}
}
