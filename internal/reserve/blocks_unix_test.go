//go:build unix

package reserve

import (
	"os"
	"syscall"
	"testing"
)

// blocks is what a file takes on its disk, in bytes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Skip("the system does not say what a file takes")
	}
	const unit = 512
	return s.Blocks * unit
}
