package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
)

// serverAt starts a server with its data in dir, until stop.
func serverAt(t *testing.T, dir string) (*runningServer, error) {
	t.Helper()
	c := &config.Server{Listen: "127.0.0.1:0", Data: filepath.Join(dir, "data")}
	running, err := startServer(t.Context(), c, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Cleanup(running.stop)
	}
	return running, err
}

// sealedServer is a stopped server that has sealed something.
func sealedServer(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	running, err := serverAt(t, dir)
	fatal(t, err)
	first, err := client.New(running.url)
	fatal(t, err)
	_, token, err := first.Setup(t.Context(), running.setup, "acme", "owner")
	fatal(t, err)
	owner, err := client.New(running.url, client.WithToken(token))
	fatal(t, err)
	_, err = owner.CreateRegistry(t.Context(), pullpass.Registry{Name: "hub", Host: "registry.example.com", Auth: pullpass.AuthBasic,
		Username: "u", Inside: pullpass.InsideNever}, pullpass.NewSecret("p"))
	fatal(t, err)
	running.stop()
	return dir
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
}

// refuses wants a start to be refused with three parts, and nothing to be made.
func refuses(t *testing.T, dir, code string, never ...string) {
	t.Helper()
	running, err := serverAt(t, dir)
	var e *pullpass.Error
	if err == nil {
		running.stop()
		t.Fatal("the server starts, want a refusal")
	}
	if !errors.As(err, &e) || e.Code != code || e.What == "" || e.Cause == "" || e.Hint == "" {
		t.Errorf("refused with %v, want code %s and three parts:\n%s", err, code, pullpass.Explain(err))
	}
	for _, name := range never {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the refused start made %s (%v)", name, err)
		}
	}
}

func TestStartWithoutItsKey(t *testing.T) {
	dir := sealedServer(t)
	fatal(t, os.Rename(filepath.Join(dir, "data.key"), filepath.Join(dir, "elsewhere")))
	refuses(t, dir, "seal_key_missing", "data.key")
	_, err := seal.OpenKeyFile(filepath.Join(dir, "data.key")) // another key
	fatal(t, err)
	refuses(t, dir, "seal_key_missing")
	fatal(t, os.Rename(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "data.key")))
	_, err = serverAt(t, dir)
	fatal(t, err)
}

func TestStartWithoutItsDatabase(t *testing.T) {
	dir := sealedServer(t)
	fatal(t, os.Rename(filepath.Join(dir, "data"), filepath.Join(dir, "elsewhere")))
	refuses(t, dir, "database_missing", "data/pullpass.db")
	fatal(t, os.MkdirAll(filepath.Join(dir, "data"), 0o700)) // the empty directory below a mount that is missing
	refuses(t, dir, "database_missing", "data/pullpass.db")
	fatal(t, os.RemoveAll(filepath.Join(dir, "data")))
	fatal(t, os.Rename(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "data")))
	_, err := serverAt(t, dir)
	fatal(t, err)
}

func TestStartTwiceOnOneDirectory(t *testing.T) {
	dir := sealedServer(t)
	first, err := serverAt(t, dir)
	fatal(t, err)
	refuses(t, dir, "database_in_use")
	first.stop()
	_, err = serverAt(t, dir)
	fatal(t, err)
}

func TestStartOnANewerSchema(t *testing.T) {
	dir := sealedServer(t)
	key, err := seal.OpenKeyFile(filepath.Join(dir, "data.key"))
	fatal(t, err)
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "data", "pullpass.db"), seal.NewKeyring(key), store.Options{})
	fatal(t, err)
	_, err = db.Schema().Write.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`)
	fatal(t, err)
	fatal(t, db.Close())
	refuses(t, dir, "schema_newer")
}

// TestStartCopiesNothing starts where there is no room for a copy of the program,
// and has the program given out all the same.
func TestStartCopiesNothing(t *testing.T) {
	dir := sealedServer(t)
	old := filepath.Join(dir, "data", "downloads", "linux-amd64")
	fatal(t, os.MkdirAll(old, 0o755))
	fatal(t, os.WriteFile(filepath.Join(old, "pullpass.new"), []byte("half a copy"), 0o644))
	running, err := serverAt(t, dir)
	fatal(t, err)
	for _, name := range []string{"pullpass", "pullpass.new"} {
		if _, err := os.Stat(filepath.Join(old, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s lies in the data directory (%v)", name, err)
		}
	}
	anyone, err := client.New(running.url)
	fatal(t, err)
	list, err := anyone.Downloads(t.Context())
	fatal(t, err)
	self, err := os.Executable()
	fatal(t, err)
	info, err := os.Stat(self)
	fatal(t, err)
	if len(list) == 0 || list[0].Size != info.Size() {
		t.Errorf("Downloads() = %+v, want this program of %d bytes", list, info.Size())
	}
}

// TestDataRemovedWhileRunning removes the data directory of a running server: it
// acknowledges nothing more, and says that it is not ready, and why.
func TestDataRemovedWhileRunning(t *testing.T) {
	dir := t.TempDir()
	running, err := serverAt(t, dir)
	fatal(t, err)
	first, err := client.New(running.url)
	fatal(t, err)
	_, token, err := first.Setup(t.Context(), running.setup, "acme", "owner")
	fatal(t, err)
	owner, err := client.New(running.url, client.WithToken(token))
	fatal(t, err)
	fatal(t, os.RemoveAll(filepath.Join(dir, "data")))
	if _, err := owner.CreateProject(t.Context(), pullpass.Project{Name: "lost"}); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("CreateProject after the data directory was removed: %v, want unavailable", err)
	}
	if status, body := get(t.Context(), running.url+api.PathReady); status != http.StatusServiceUnavailable || !strings.Contains(body, "removed") {
		t.Errorf("%s = %d %s, want 503 and that the data was removed", api.PathReady, status, body)
	}
	if status, _ := get(t.Context(), running.url+api.PathLive); status != http.StatusOK {
		t.Errorf("%s = %d, want 200: the process lives", api.PathLive, status)
	}
}

func get(ctx context.Context, url string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	if err := resp.Write(&b); err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, b.String()
}

// TestStartSaysWhyTheDatabaseFails starts on databases that are not there. There is
// no log yet to look into: the error itself names the host and what the system says.
func TestStartSaysWhyTheDatabaseFails(t *testing.T) {
	for address, want := range map[string][]string{
		"postgres://u:canary-password@127.0.0.1:1/db":         {"127.0.0.1:1", syscall.ECONNREFUSED.Error()},
		"postgres://u:canary-password@db.invalid/db?a=canary": {"db.invalid", "lookup"},
	} {
		var out, talk strings.Builder
		dir := t.TempDir()
		code := run(t.Context(), []string{"server", "--listen=127.0.0.1:0", "--data=" + filepath.Join(dir, "data"), "--database=" + address}, nil, &out, &talk)
		if code != exitFailed || !strings.Contains(talk.String(), "--database") || strings.Contains(talk.String(), "canary-password") {
			t.Errorf("server on %s: %d %q, want a refusal with a hint and without the password", address, code, talk.String())
		}
		for _, text := range want {
			if !strings.Contains(talk.String(), text) {
				t.Errorf("server on %s says %q, want %q in it", address, talk.String(), text)
			}
		}
	}
}
