package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

// TestAcknowledgedIsSynced watches the system calls of a server on SQLite: record
// and deed are synced, each, before the answer.
func TestAcknowledgedIsSynced(t *testing.T) {
	strace := parts.Command(t, "strace")
	ctx := within(t, 2*time.Minute)
	dir := t.TempDir()
	traced, calls := filepath.Join(dir, "traced"), filepath.Join(dir, "calls")
	script := fmt.Sprintf("#!/bin/sh\nexec %q -D -f -qq -e trace=fsync,fdatasync -o %q %q \"$@\"\n", strace, calls, binary)
	if err := os.WriteFile(traced, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := process.StartServer(ctx, traced, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	syncs := func() int {
		text, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(text, []byte("= 0\n"))
	}
	for i := range 10 {
		before := syncs()
		if _, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: fmt.Sprintf("p-%d", i)}); err != nil {
			t.Fatal(err)
		}
		if n := syncs() - before; n < 2 {
			t.Errorf("project %d was acknowledged after %d syncs, want one of the record and one of the row", i, n)
		}
	}
}
