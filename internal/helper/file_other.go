//go:build !unix

package helper

import (
	"context"
	"io/fs"
	"os"
)

// permissions: a mode says nothing where rights are lists.
const permissions = false

// lock does nothing where there are no advisory locks: renaming keeps files whole,
// and only what two write at once is asked for twice.
func lock(context.Context, string) (unlock func(), err error) { return func() {}, nil }

// removeLock removes a lock file.
func removeLock(path string) { _ = os.Remove(path) }

// openFile opens a file for reading.
func openFile(path string) (*os.File, error) { return os.Open(path) }

// mine leaves ownership to the system's own rules for the user's directories.
func mine(fs.FileInfo) bool { return true }

// fileID leaves it to the time of the file where there are no file numbers.
func fileID(fs.FileInfo) uint64 { return 0 }
