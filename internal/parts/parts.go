// Package parts gives tests real parts to run against: a Docker Engine, a
// PostgreSQL database, a password-protected registry, other people's clients and
// a small image. It is imported by tests, and by e2e/parts, which starts the parts
// for a whole test run.
//
// The one idea: a test names the part it needs. The part is there, or the test is
// skipped with the name of what is missing and how to get it, and the skip is
// listed at the end of the run. With CI=true a missing part fails the test, so a
// green run in CI means that everything ran.
//
//	func TestPull(t *testing.T) {
//		host := parts.Docker(t)       // unix:///…/docker.sock
//		registry := parts.Registry(t) // 127.0.0.1:40123, username, password
//		image := parts.BusyboxImage(t, "echo", "hello")
//		…
//	}
//
// Start the parts around any command:
//
//	go run ./e2e/parts -- go test ./internal/docker/...
package parts

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The environment variables through which e2e/parts tells tests where the parts
// are. A variable that is set already is preferred to starting a part.
const (
	EnvDockerHost = "PULLPASS_TEST_DOCKER_HOST" // a Docker Engine that tests may fill
	EnvEngineBin  = "PULLPASS_TEST_ENGINE_BIN"  // a directory whose dockerd and runc come before Debian's
	EnvPostgres   = "PULLPASS_TEST_POSTGRES"    // postgres:// URL of a role that may create databases
	EnvRegistry   = "PULLPASS_TEST_REGISTRY"    // http://username:password@host:port of a registry with htpasswd
	EnvSkips      = "PULLPASS_TEST_SKIPS"       // a file to which skipped tests are appended
)

// Strict reports whether a missing part is a failure: CI=true.
func Strict() bool { return os.Getenv("CI") == "true" }

// missing skips the test, or fails it where a skip would hide something. get says
// how to come by the part.
func missing(t testing.TB, part, why, get string) {
	t.Helper()
	line := fmt.Sprintf("%s: %s: %s (%s)", t.Name(), part, why, get)
	if Strict() {
		t.Fatal("CI=true, so a missing part is a failure: " + line)
	}
	if err := recordSkip(os.Getenv(EnvSkips), line); err != nil {
		t.Fatalf("recording a skip: %v", err)
	}
	t.Skip(line)
}

// recordSkip appends one line for the end of the run. One write of one line is
// whole even when several test binaries append at once.
func recordSkip(file, line string) (err error) {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	_, err = f.WriteString(strings.ReplaceAll(line, "\n", " ") + "\n")
	return err
}

// around names the command that brings every part.
const around = "run the tests with `make test`, or one package with `go run ./e2e/parts -- go test ./PACKAGE`"
