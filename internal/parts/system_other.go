//go:build !unix

package parts

import (
	"io/fs"
	"os"
	"syscall"
)

// Where there is no Unix no daemon of another user is started, and files are told
// apart by their directory alone.

func ownGroup(*account) *syscall.SysProcAttr { return nil }

func openNoFollow(name string) (*os.File, error) { return os.OpenFile(name, os.O_RDWR, 0) }

func locks(*os.File) bool { return true }

func isOurs(fs.FileInfo) bool { return true }

func killAtOnce(pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return process.Kill()
}
