package drivertest_test

import (
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
	"github.com/pullpass/pullpass/internal/runner/drivertest"
)

// The fake keeps the promises that real drivers keep, so that what the runner does
// on the fake it does on them.
func TestFake(t *testing.T) {
	const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	fake := drivertest.NewFake()
	image := "registry.example/team/app@" + digest
	fake.Allow(image, "right")
	drivertest.Run(t, drivertest.Engine{
		Driver:  func(_ *testing.T, id pullpass.RunnerID) runner.Driver { return fake.Driver(id) },
		Image:   image,
		Digest:  digest,
		Missing: "registry.example/team/none@" + digest,
		Auth:    runner.RegistryAuth{Username: "u", Password: pullpass.NewSecret("right")},
		Wrong:   runner.RegistryAuth{Username: "u", Password: pullpass.NewSecret("canary-wr0ng")},
		Serve:   []string{"serve"},
		Exit7:   []string{"exit", "7"},
		Nothing: []string{"/nothing"},
	})
}
