package parts

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// abandon makes a directory as a killed owner leaves it: the lock is dropped, the
// lock file stays.
func abandon(t *testing.T) *Dir {
	t.Helper()
	d, err := NewDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.lock.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

// runs starts a shell that calls itself name and has the directory among its
// arguments; the channel closes when it has ended.
func runs(t *testing.T, name, dir string) (ended <-chan struct{}) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh")
	cmd.Args = []string{name, "-c", "echo up; read forever", name, filepath.Join(dir, "data")}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe() // stays open, so that read waits
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() { _ = in.Close(); <-done })
	return done
}

func TestSweepClearsWhatADeadOwnerLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	living, err := NewDir()
	if err != nil {
		t.Fatal(err)
	}
	dead := abandon(t)
	daemon := runs(t, "postgres", dead.Path)
	reader := runs(t, "tail", dead.Path)
	neighbour := runs(t, "postgres", dead.Path+"0")
	livingDaemon := runs(t, "dockerd", living.Path)

	if err := Sweep(os.TempDir()); err != nil {
		t.Fatalf("Sweep() = %v", err)
	}
	<-daemon
	for name, done := range map[string]<-chan struct{}{
		"a reader of a log": reader, "the daemon of a neighbour": neighbour, "the daemon of a living owner": livingDaemon,
	} {
		select {
		case <-done:
			t.Errorf("Sweep ended %s", name)
		default:
		}
	}
	for _, path := range []string{dead.Path, dead.lock.Name()} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Sweep left %s: %v", path, err)
		}
	}
	if _, err := os.Stat(living.Path); err != nil {
		t.Errorf("Sweep removed the directory of a living owner: %v", err)
	}
	if err := living.Remove(); err != nil {
		t.Errorf("Remove() = %v", err)
	}
	<-livingDaemon
}

func TestSweepLeavesStrangersAlone(t *testing.T) {
	base, elsewhere := t.TempDir(), t.TempDir()
	keep := filepath.Join(elsewhere, "keep")
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(base, dirPrefix+"1"+lockSuffix)
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Someone points a directory of ours at one of theirs.
	if err := os.Symlink(elsewhere, filepath.Join(base, dirPrefix+"1")); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(base); err != nil {
		t.Errorf("Sweep() = %v", err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Errorf("Sweep followed a symbolic link: %v", err)
	}
}
