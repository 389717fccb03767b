package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
)

// logged waits until the server's log holds text, and returns the log.
func logged(ctx context.Context, t *testing.T, s *process.Server, text string) string {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		log, err := os.ReadFile(s.LogPath())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), text) {
			return string(log)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the log does not say %q:\n%s", text, log)
		}
	}
}

// TestNoFileDescriptorsAreLeft has idle connections take all file descriptors: the
// log says so, as one warning.
func TestNoFileDescriptorsAreLeft(t *testing.T) {
	ctx := within(t, time.Minute)
	dir := t.TempDir()
	limited := filepath.Join(dir, "limited")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n 64\nexec %q \"$@\"\n", binary)
	if err := os.WriteFile(limited, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := process.StartServer(ctx, limited, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	for range 100 {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	const warning = "too many open files"
	if log := logged(ctx, t, s, warning); strings.Count(log, "cannot accept") > 2 || !strings.Contains(log, "level=WARN") {
		t.Errorf("the log repeats itself:\n%s", log)
	}
}

// TestDataDirectoryRemoved removes the data directory beneath a running server: it
// is not ready, says why, and acknowledges nothing.
func TestDataDirectoryRemoved(t *testing.T) {
	ctx := within(t, time.Minute)
	s := startServer(t, ctx)
	c := impatient(t, s)
	loading, stop := context.WithCancel(ctx)
	defer stop()
	l := startLoad(loading, c, 4, "load")
	l.more(ctx, t)
	if err := os.RemoveAll(filepath.Join(s.Dir, "data")); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		_, err := c.CreateProject(ctx, pullpass.Project{Name: fmt.Sprintf("after-%d", i)})
		if !pullpass.IsKind(err, pullpass.Unavailable) {
			t.Fatalf("CreateProject without a data directory: %v, want unavailable", err)
		}
	}
	stop()
	l.callers.Wait()
	for { // what was answered before holds for half a second
		status, body := ready(ctx, t, s)
		if status == http.StatusServiceUnavailable && strings.Contains(body, "database_removed") {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("ready without a data directory: %d %s, want 503 and database_removed", status, body)
		}
	}
	if log := logged(ctx, t, s, "removed or replaced"); strings.Count(log, "level=WARN") > 10 {
		t.Errorf("the log repeats itself:\n%s", log)
	}
}
