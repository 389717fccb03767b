package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/atomicfile"
)

// runnerIdentity is what a runner remembers: who it is. All else is the engine's
// labels and the server's wanted state.
type runnerIdentity struct {
	// Runner is empty while it joins: Token is on disk before the join token is spent.
	Runner       pullpass.RunnerID       `json:"runner"`
	Name         string                  `json:"name"`
	Token        api.Secret              `json:"token"`
	Organization pullpass.OrganizationID `json:"organization,omitempty"`
	// Issuer and Keys are what grants are checked with.
	Issuer string          `json:"issuer,omitempty"`
	Keys   json.RawMessage `json:"keys,omitempty"`
}

// joined reports whether the server has answered the join.
func (id runnerIdentity) joined() bool { return id.Runner != "" }

// runnerState is the state directory of a runner, held by this process alone.
type runnerState struct {
	dir  string
	lock *os.File
}

// openRunnerState makes the directory if it is not there, and refuses one that
// another runner works on: two would take each other's sockets and undo each
// other's reports. The kernel lets go of the lock of a process that dies.
func openRunnerState(dir string) (*runnerState, error) {
	failed := func(err error) error {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot use the state directory " + dir, Err: err,
			Hint: "give a directory that this user can write to: pullpass runner --server URL --state DIR"}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, failed(err)
	}
	lock, err := lockFile(filepath.Join(dir, "runner.lock"))
	if errors.Is(err, errLocked) {
		return nil, &pullpass.Error{Kind: pullpass.Conflict, Code: "runner_running_already",
			What: "cannot start the runner", Cause: "another runner works with the state directory " + dir,
			Hint: "stop the other one, or add a second runner and give it a directory of its own: pullpass runner --server URL --state DIR"}
	}
	if err != nil {
		return nil, failed(err)
	}
	return &runnerState{dir: dir, lock: lock}, nil
}

// close lets another runner work with the directory.
func (s *runnerState) close() { _ = s.lock.Close() }

func (s *runnerState) path() string { return filepath.Join(s.dir, "runner.json") }

// read returns what is kept; ok is false if nothing is.
func (s *runnerState) read() (id runnerIdentity, ok bool, err error) {
	data, err := os.ReadFile(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return id, false, nil
	case err != nil:
		return id, false, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the runner's identity", Err: err,
			Hint: "let this user read " + s.path()}
	}
	if json.Unmarshal(data, &id) != nil {
		return id, false, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read " + s.path(),
			Cause: "it is not in the form in which it was written",
			Hint:  "remove it and join as the same runner again: pullpass runner rejoin NAME"}
	}
	return id, true, nil
}

// write keeps who the runner is, durably: when it returns, the file and its name
// are on disk, and a crash in between leaves the old file.
func (s *runnerState) write(id runnerIdentity) error {
	failed := func(err error) error {
		return &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot keep the runner's identity in " + s.dir, Err: err,
			Hint: "make room for it and start again; the one-time token is still good"}
	}
	data, err := json.Marshal(id)
	if err != nil {
		return failed(err)
	}
	if err := atomicfile.Write(s.path(), data, 0o600); err != nil {
		return failed(err)
	}
	return nil
}
