package helper

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// maxCacheFile bounds what is read of a cache file: an entry is a few kilobytes.
const maxCacheFile = 256 << 10

// readTrusted reads a file of the cache. A credential that somebody else may have
// written, or read, is not one: the file has to be a plain file of this user, which
// nobody else has any right to. A file that is not ours, cut off or garbled is no
// error: what it would have said is asked for again.
func readTrusted(path string, v any) bool {
	f, err := openFile(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || !private(info) || !mine(info) || info.Size() > maxCacheFile {
		return false
	}
	text, err := io.ReadAll(io.LimitReader(f, maxCacheFile))
	return err == nil && json.Unmarshal(text, v) == nil
}

// keepFile replaces a file of the cache in one step. It is not synced, as nothing is lost
// with it: after a crash of the machine it may be garbled, and is then not believed.
func keepFile(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.new") // mode 0600: nobody else's file
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// private reports whether nobody but the owner has any right to a file.
func private(info os.FileInfo) bool { return !permissions || info.Mode().Perm()&0o077 == 0 }
