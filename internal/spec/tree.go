package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// What is read of a repository at most: files of people are far smaller.
const (
	maxFile  = 1 << 20 // bytes of one file
	maxFiles = 200     // files of one spec
)

var (
	errOutside = errors.New("the path leads out of the repository")
	errTooMany = fmt.Errorf("more than %d files would have to be read", maxFiles)
	errTooLong = fmt.Errorf("the file is larger than %d bytes", maxFile)
	errNoFile  = errors.New("it is not a regular file")
)

// tree reads files of a repository, each once, within bounds. Its file system is
// confined by whoever opened it (os.Root does): symbolic links do not lead out.
type tree struct {
	fs    fs.FS
	files map[string][]byte
}

func newTree(f fs.FS) *tree { return &tree{fs: f, files: map[string][]byte{}} }

// read returns a file. The name is relative to the root, with slashes.
func (t *tree) read(name string) ([]byte, error) {
	if text, there := t.files[name]; there {
		return text, nil
	}
	if !fs.ValidPath(name) {
		return nil, errOutside
	}
	if len(t.files) >= maxFiles {
		return nil, errTooMany
	}
	f, err := t.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNoFile
	case info.Size() > maxFile:
		return nil, errTooLong
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, errTooLong
	}
	t.files[name] = text
	return text, nil
}

// has reports whether a regular file is there.
func (t *tree) has(name string) bool {
	if !fs.ValidPath(name) {
		return false
	}
	info, err := fs.Stat(t.fs, name)
	return err == nil && info.Mode().IsRegular()
}

// within joins a path that is written in a file to the directory that it is relative
// to; ok is false when it leads out of the repository.
func within(dir, name string) (joined string, ok bool) {
	name = strings.ReplaceAll(name, `\`, "/")
	if path.IsAbs(name) || (len(name) > 1 && name[1] == ':') {
		return "", false
	}
	joined = path.Join(dir, name)
	return joined, fs.ValidPath(joined)
}

// causeOf says in words why a file cannot be read, without the path, which is said already.
func causeOf(err error) string {
	var failed *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "its permissions do not allow it"
	case errors.As(err, &failed):
		return failed.Err.Error()
	}
	return err.Error()
}
