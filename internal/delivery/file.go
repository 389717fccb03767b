package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/atomicfile"
)

// Options are how a file is updated.
type Options struct {
	Backup bool // keep the file as it was, beside it
	DryRun bool // change nothing on disk
}

// Updated says what became of a file.
type Updated struct {
	Path    string   `json:"path"`
	Changes []string `json:"changes"`
	Backup  string   `json:"backup,omitempty"`
	// Shadowed are logins in it that a helper has taken the place of.
	Shadowed []string `json:"shadowed,omitempty"`
	// Content is the file as it now is, or would be. It may hold secrets.
	Content []byte `json:"-"`
}

// attempts is how often a file is read anew because somebody else has written it.
const attempts = 5

// Update changes the configuration at path in one step, and makes it where there is
// none. Where nothing changes, nothing is written. A symbolic link stays one: the
// file that it leads to is changed. What others write meanwhile is not lost, but for
// the moment of the renaming itself, as no client locks the file.
func Update(path string, o Options, edit func(*Config) error) (Updated, error) {
	target, err := follow(path)
	if err != nil {
		return Updated{}, unreadable(path, err)
	}
	for range attempts {
		before, info, err := readFile(target)
		if err != nil {
			return Updated{}, unreadable(path, err)
		}
		c, err := ParseConfig(before)
		if err != nil {
			return Updated{}, unreadable(path, err)
		}
		if err := edit(c); err != nil {
			return Updated{}, inFile(path, err)
		}
		u := Updated{Path: path, Changes: c.Changes(), Shadowed: c.Shadowed(), Content: c.Bytes()}
		if len(u.Changes) == 0 && info != nil {
			u.Content = before
		}
		if o.DryRun || (len(u.Changes) == 0 && info != nil) {
			return u, nil
		}
		if o.Backup && info != nil {
			if u.Backup, err = backUp(target, before, info); err != nil {
				return Updated{}, unwritable(path, err)
			}
		}
		if now, _, err := readFile(target); err != nil || !bytes.Equal(now, before) {
			continue // somebody else was quicker
		}
		if err := write(target, u.Content, info); err != nil {
			return Updated{}, unwritable(path, err)
		}
		return u, nil
	}
	return Updated{}, unwritable(path, errors.New("somebody else writes it again and again"))
}

// follow leads to the file behind symbolic links; where the last one leads nowhere
// yet, to where it leads.
func follow(path string) (string, error) {
	for range 40 { // as deep as Linux goes
		next, err := os.Readlink(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) || isNoLink(path) {
				return path, nil
			}
			return "", err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", errors.New("its symbolic links lead in a circle")
}

func isNoLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink == 0
}

func readFile(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("it is not a file")
	}
	text, err := os.ReadFile(path)
	return text, info, err
}

// write replaces the file; a new one is for its user alone.
func write(path string, text []byte, was fs.FileInfo) error {
	mode := fs.FileMode(0o600)
	if was != nil {
		mode = was.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := atomicfile.Write(path, text, mode); err != nil {
		return err
	}
	return keepOwner(path, was)
}

// backUp keeps what was there under a name of its own.
func backUp(path string, text []byte, was fs.FileInfo) (string, error) {
	stamp := path + ".backup-" + time.Now().UTC().Format("20060102T150405Z")
	name := stamp
	for n := 1; ; n++ {
		err := atomicfile.Create(name, text, was.Mode().Perm())
		if err == nil {
			return name, keepOwner(name, was)
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		name = fmt.Sprintf("%s-%d", stamp, n)
	}
}

func unreadable(path string, err error) error {
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "config_unreadable", What: "cannot change " + path, Err: err,
		Hint: "repair the file, or move it away; it was left as it is",
	}
}

func unwritable(path string, err error) error {
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: "config_unwritable", What: "cannot write " + path, Err: err,
		Hint: "check the directory's owner and the room on its disk; the file is as it was",
	}
}

// inFile names the file in an error of ours.
func inFile(path string, err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) {
		return unreadable(path, err)
	}
	said := *e
	said.What += " in " + path
	return &said
}
