package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/pullpass/pullpass/internal/atomicfile"
	"github.com/pullpass/pullpass/internal/parts"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct {
		text string
		mode fs.FileMode
	}{{"one", 0o600}, {"two", 0o644}, {"", 0o755}} {
		if err := atomicfile.Write(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(got) != c.text || info.Mode().Perm() != c.mode {
			t.Errorf("Write(%q, %v): the file is %q, %v, %v", c.text, c.mode, got, info, errors.Join(err, statErr))
		}
	}
}

// TestFailureLeavesTheOldFile has the source fail half way and the directory
// refuse: the old file stays as it is, and nothing is left beside it.
func TestFailureLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := atomicfile.Write(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := atomicfile.Copy(path, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), 0o600)
	if !errors.Is(err, broken) {
		t.Errorf("Copy of a broken source: %v, want its error", err)
	}
	entries, readErr := os.ReadDir(dir)
	got, fileErr := os.ReadFile(path)
	if err := errors.Join(readErr, fileErr); err != nil || string(got) != "old" || len(entries) != 1 {
		t.Errorf("afterwards: %q in %v, %v; want the old file alone", got, entries, err)
	}
	if err := atomicfile.Write(filepath.Join(dir, "missing", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write into a missing directory: %v", err)
	}
}

func TestCreateOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	var all sync.WaitGroup
	won := make(chan string, 8)
	for _, name := range strings.Split("abcdefgh", "") {
		all.Go(func() {
			switch err := atomicfile.Create(path, []byte(name), 0o600); {
			case err == nil:
				won <- name
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("Create: %v, want fs.ErrExist", err)
			}
		})
	}
	all.Wait()
	close(won)
	got, err := os.ReadFile(path)
	if first := <-won; err != nil || string(got) != first || len(won) != 0 {
		t.Errorf("the file is %q, %v; %q won, and %d others", got, err, first, len(won))
	}
}

// TestWriteIsDurable looks at the system calls: file synced, then renamed, then
// the directory synced.
func TestWriteIsDurable(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_WRITE"); path != "" {
		if err := atomicfile.Write(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	strace := parts.Command(t, "strace")
	dir := t.TempDir()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), strace, "-f", "-y", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync,rename,renameat,renameat2",
		os.Args[0], "-test.run=^TestWriteIsDurable$")
	cmd.Env = append(os.Environ(), "ATOMICFILE_WRITE="+filepath.Join(dir, "file"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.QuoteMeta(dir)
	order := regexp.MustCompile(`(?s)fsync\(\d+<` + quoted + `/\.file\..*\.new>.*rename.*` + quoted + `/file".*fsync\(\d+<` + quoted + `>`)
	if !order.Match(text) {
		t.Errorf("the calls are not fsync of the file, rename, fsync of the directory:\n%s", text)
	}
}
