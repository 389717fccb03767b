package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/term"
)

// TestLogsOnATerminal prints a container's output to a real terminal, to a pipe,
// and raw.
func TestLogsOnATerminal(t *testing.T) {
	const output = "done\x1b[2J\ttab\nnext \u202e\xff\n"
	shown := func(out io.Writer, raw bool) {
		printOutput(newTerminal(nil, out, io.Discard, false), []byte(output), raw)
	}
	var pipe strings.Builder
	if shown(&pipe, false); pipe.String() != output {
		t.Errorf("a pipe gets %q, want every byte", pipe.String())
	}
	const escaped = "done" + `\u001b[2J` + "\ttab\nnext " + `\u202e\xff` + "\n"
	for raw, want := range map[bool]string{false: escaped, true: output} {
		screen, slave := openTerminal(t)
		shown(slave, raw)
		if err := slave.Close(); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(screen) // EIO: the other side has closed
		if string(got) != want {
			t.Errorf("a terminal gets %q with --raw=%v, want %q", got, raw, want)
		}
	}
}

// openTerminal makes a pseudo-terminal that passes bytes on unchanged.
func openTerminal(t *testing.T) (screen, slave *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	number, unlock := uint32(0), uint32(0)
	for request, value := range map[uintptr]*uint32{0x80045430: &number, 0x40045431: &unlock} { // TIOCGPTN, TIOCSPTLCK
		if err := ioctl(screen, request, unsafe.Pointer(value)); err != nil { //nolint:gosec // how ioctl takes it
			t.Fatal(err)
		}
	}
	slave, err = os.OpenFile(filepath.Join("/dev/pts", itoa(int32(number))), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := term.MakeRaw(int(slave.Fd())); err != nil {
		t.Fatal(err)
	}
	return screen, slave
}

func ioctl(f *os.File, request uintptr, value unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(value)); errno != 0 {
		return errno
	}
	return nil
}
