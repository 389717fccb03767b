package reserve

import (
	"errors"
	"os"
	"syscall"
)

// allocate takes the room between two sizes of the file.
func allocate(f *os.File, from, to int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, from, to-from)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return write(f, from, to)
	}
	if err != nil {
		_ = f.Truncate(from)
	}
	return err
}
