package parts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	dirPrefix  = "pullpass-parts-"
	lockSuffix = ".lock"
)

// Dir is a directory for daemons' files. A lock file beside it says that its owner
// lives: the kernel drops the lock when the owner dies, however it dies, and the
// next owner clears away what was left, running daemons and mounts included.
type Dir struct {
	Path string // short, and searchable by other users: PostgreSQL runs as its own

	lock *os.File
}

// NewDir removes what dead owners left and makes a new directory.
func NewDir() (*Dir, error) {
	base := os.TempDir()
	if err := Sweep(base); err != nil {
		return nil, fmt.Errorf("clearing away an earlier run: %w", err)
	}
	for range 10 {
		lock, err := os.CreateTemp(base, dirPrefix+"*"+lockSuffix)
		if err != nil {
			return nil, err
		}
		if !take(lock) { // someone swept the file before it was locked
			_ = lock.Close()
			continue
		}
		path := strings.TrimSuffix(lock.Name(), lockSuffix)
		if err := os.Mkdir(path, 0o711); err != nil { // the user postgres must reach its directory in here
			return nil, errors.Join(err, os.Remove(lock.Name()), lock.Close())
		}
		return &Dir{Path: path, lock: lock}, nil
	}
	return nil, fmt.Errorf("could not lock a new directory in %s", base)
}

// Sub makes a directory inside.
func (d *Dir) Sub(name string) (string, error) {
	path := filepath.Join(d.Path, name)
	return path, os.Mkdir(path, 0o700)
}

// Remove ends the daemons that still run inside, unmounts, and removes everything.
func (d *Dir) Remove() error {
	return errors.Join(clearAway(d.Path), os.Remove(d.lock.Name()), d.lock.Close())
}

// Sweep removes the directories in base whose owners are dead. It leaves other
// users' alone: base is writable by everyone.
func Sweep(base string) error {
	locks, err := filepath.Glob(filepath.Join(base, dirPrefix+"*"+lockSuffix))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range locks {
		errs = append(errs, sweep(name))
	}
	return errors.Join(errs...)
}

func sweep(name string) error {
	if !mine(name) {
		return nil
	}
	lock, err := openNoFollow(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if !take(lock) {
		return nil // its owner lives
	}
	path := strings.TrimSuffix(name, lockSuffix)
	if mine(path) {
		if err := clearAway(path); err != nil {
			return err
		}
	}
	return os.Remove(name)
}

// take locks a file, unless someone else has it or has removed it meanwhile.
func take(f *os.File) bool {
	if !locks(f) {
		return false
	}
	held, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(held, named)
}

// mine reports whether a path exists, is ours, and is no symbolic link.
func mine(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink == 0 && isOurs(info)
}

// clearAway ends daemons, unmounts, and removes a directory.
func clearAway(path string) error {
	if err := endDaemons(path); err != nil {
		return err
	}
	if err := unmount(path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}
