//go:build !unix

package main

import (
	"errors"
	"os"
)

// errLocked says that another process holds the lock.
var errLocked = errors.New("another process holds the lock")

// lockFile opens the file: a runner stands beside a Docker Engine on Linux, and
// elsewhere there is none to lock out.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
