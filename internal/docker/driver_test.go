package docker_test

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/docker"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
	"github.com/pullpass/pullpass/internal/runner/drivertest"
)

// serve runs until it is asked to end: a shell that is process 1 ignores the signal
// unless it says otherwise.
var serve = []string{"sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"}

func engine(t *testing.T, host string, id pullpass.RunnerID) *docker.Engine {
	t.Helper()
	e, err := docker.New(docker.Options{Host: host, Runner: id})
	if err != nil {
		t.Fatalf("New(%q): %v", host, err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

func TestDriver(t *testing.T) {
	host, reg := parts.Docker(t), newRegistry(t)
	image, digest := reg.push(t, "team/app", busybox(t))
	drivertest.Run(t, drivertest.Engine{
		Driver: func(t *testing.T, id pullpass.RunnerID) runner.Driver { return engine(t, host, id) },
		Image:  image,
		Digest: digest,
		// The registry has the repository, not this digest.
		Missing: image[:strings.Index(image, "@")] + "@sha256:" + strings.Repeat("1", 64),
		Auth:    reg.admit("a", "password-of-a", "team/app"),
		Wrong:   runner.RegistryAuth{Host: reg.host, Username: "a", Password: pullpass.NewSecret("canary-password")},
		Serve:   serve,
		Exit7:   []string{"sh", "-c", "echo failing; exit 7"},
		Nothing: []string{"/nothing"},
	})
}
