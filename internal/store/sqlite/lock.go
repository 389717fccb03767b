//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/pullpass/pullpass"
)

// Lock takes the database at path for one server: a second one would not hear
// what the first one changes. It ends with the returned function, or with the
// process, however that ends.
func Lock(path string) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the database's directory: %w", err)
	}
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the database's lock file: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder := holderOf(f)
		_ = f.Close()
		return nil, &pullpass.Error{
			Kind: pullpass.Conflict, Code: "database_in_use", What: "cannot use the database " + path,
			Cause: "another server" + holder + " uses it", Hint: "stop that one; several servers need --database postgres://…",
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking the database: %w", err)
	}
	// Who it is helps whoever comes second; on a full disk nobody is told.
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return func() { _ = f.Close() }, nil
}

func holderOf(f *os.File) string {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
