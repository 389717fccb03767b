package clients

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// World is the machine, as a client would see it.
type World struct {
	Getenv   func(string) string
	ReadFile func(string) ([]byte, error)
	// LookPath finds a program, as os/exec does.
	LookPath func(string) (string, error)
	UID      int
}

// Here is this process' own world.
func Here() World {
	return World{Getenv: os.Getenv, ReadFile: os.ReadFile, LookPath: exec.LookPath, UID: os.Getuid()}
}

// candidate is a place in this world.
type candidate struct {
	name   string // "$DOCKER_AUTH_CONFIG" or a path
	text   []byte
	err    error
	legacy bool
	strict bool
	env    bool
}

// there reports whether the place exists.
func (c candidate) there() bool { return !errors.Is(c.err, fs.ErrNotExist) }

// candidates are a client's places, those that are not there included.
func (w World) candidates(places []Place) []candidate {
	var all []candidate
	for _, p := range places {
		if p.Variable != "" {
			c := candidate{name: "$" + p.Variable, text: []byte(w.Getenv(p.Variable)), strict: p.OnlyAuths, env: true}
			if len(c.text) == 0 {
				c.err = fs.ErrNotExist
			}
			all = append(all, c)
			continue
		}
		path, ok := w.path(p.File)
		if ok && p.Alone {
			return append(all, w.file(path, p.Legacy))
		}
		if !ok {
			path, ok = w.path(p.Else)
		}
		if !ok {
			continue
		}
		c := w.file(path, p.Legacy)
		if other, isOther := w.path(p.Otherwise); isOther && !c.there() {
			c = w.file(other, p.OtherwiseLegacy)
		}
		all = append(all, c)
	}
	return all
}

func (w World) file(path string, legacy bool) candidate {
	text, err := w.ReadFile(path)
	return candidate{name: path, text: text, err: err, legacy: legacy}
}

// path fills a place's variable in; without its value there is no such place.
func (w World) path(pattern string) (string, bool) {
	if pattern == "" {
		return "", false
	}
	missing := false
	path := os.Expand(pattern, func(name string) string {
		if name == "UID" {
			return fmt.Sprint(w.UID)
		}
		value := w.Getenv(name)
		missing = missing || value == ""
		return value
	})
	return filepath.Clean(path), !missing
}
