//go:build unix

package helper

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// permissions: a file's mode says who may read it.
const permissions = true

// lock waits until this process alone holds the lock file. The kernel lets go of the
// lock of a process that dies.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 25*time.Millisecond) {
		f, err := tryLock(path)
		if err != nil {
			return nil, err
		}
		if f != nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryLock returns nil if somebody else holds the lock. A lock on a file that was
// removed meanwhile is none: others lock the next one of that name.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		held, heldErr := f.Stat()
		there, thereErr := os.Lstat(path)
		if heldErr == nil && thereErr == nil && os.SameFile(held, there) {
			return f, nil
		}
		err = syscall.EWOULDBLOCK
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return nil, nil //nolint:nilnil // neither a lock nor a failure
	}
	return nil, err
}

// removeLock removes a lock file that nobody holds.
func removeLock(path string) {
	f, err := tryLock(path)
	if err != nil || f == nil {
		return
	}
	_ = os.Remove(path)
	_ = f.Close()
}

// openFile opens a file for reading, and neither follows a link nor waits for a pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// mine reports whether a file belongs to this user.
func mine(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}

// fileID is the same for the same file, and for no other that is there now.
func fileID(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
