package main

import (
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/pullpass/pullpass/internal/atomicfile"
)

// programs are what an environment finds in /run/pullpass/bin.
var programs = []string{"pullpass", "docker-credential-pullpass"}

// mountedPrograms puts this program and the credential helper beside it into a
// directory that environments mount, and returns that directory. An image may
// hold nothing else, so only programs without an interpreter are of use there.
func mountedPrograms(state string, log *slog.Logger) (string, error) {
	dir := filepath.Join(state, "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // every user of a container runs what is inside
		return "", fmt.Errorf("making the directory of programs: %w", err)
	}
	for _, program := range programs {
		from, err := programPath(program)
		if err != nil {
			return "", err
		}
		if !isStatic(from) {
			log.Warn("a program is not mounted into environments: it is missing beside this one, or not static; build both with CGO_ENABLED=0", "program", from)
			continue
		}
		if err := copyProgram(from, filepath.Join(dir, program)); err != nil {
			return "", fmt.Errorf("copying %s for environments: %w", program, err)
		}
	}
	return dir, nil
}

// programPath is this program's own file, or that of its neighbour.
func programPath(program string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	if program == "pullpass" {
		return self, nil
	}
	return filepath.Join(filepath.Dir(self), program), nil
}

func isStatic(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

// copyProgram replaces to at once: containers that run keep the file they have.
// Where the same program is there already it needs no room.
func copyProgram(from, to string) error {
	if same, err := sameContent(from, to); same || err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return atomicfile.Copy(to, in, 0o755) // a program is there to be run
}

// sameContent compares two files; one that is not there is another one.
func sameContent(from, to string) (bool, error) {
	want, err := sumOf(from)
	if err != nil {
		return false, err
	}
	got, err := sumOf(to)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return got == want, err
}

func sumOf(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
