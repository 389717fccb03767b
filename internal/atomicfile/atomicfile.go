// Package atomicfile replaces files in one step.
//
// The one idea: after a crash, a kill or a full disk the file is the old one or
// the new one, never half of it, and a new one that was acknowledged is on disk.
// So it is written beside the file under a name of its own, synced, renamed, and
// the directory is synced: without that, the rename itself may be lost.
//
//	err := atomicfile.Write("/var/lib/pullpass/runner.json", data, 0o600)
package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file at path, or makes it. Its directory must exist.
func Write(path string, data []byte, mode fs.FileMode) error {
	return Copy(path, bytes.NewReader(data), mode)
}

// Copy is Write for what r reads until its end.
func Copy(path string, r io.Reader, mode fs.FileMode) error {
	return replace(path, r, mode, os.Rename)
}

// Create is Write for a file that must not exist: of several that create it at
// once one succeeds, the others get fs.ErrExist.
func Create(path string, data []byte, mode fs.FileMode) error {
	return replace(path, bytes.NewReader(data), mode, os.Link)
}

func replace(path string, r io.Reader, mode fs.FileMode, publish func(from, to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.new") // O_EXCL, mode 0600: nobody else's file
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where the rename succeeded
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := publish(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
