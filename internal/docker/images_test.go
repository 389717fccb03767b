package docker_test

import (
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

// Images that the runner has pulled are removed when they are old or too many, and
// never those that a container uses or that somebody else has.
func TestImagesAreCollected(t *testing.T) {
	host, reg := parts.Docker(t), newRegistry(t)
	d, moby := engine(t, host, pullpass.NewRunnerID()), connect(t, host)
	auth := reg.admit("a", "password-of-a", "team/app")
	pull := func() string {
		t.Helper()
		image, _ := reg.push(t, "team/app", busybox(t))
		if err := d.Pull(t.Context(), runner.PullRequest{Reference: image, Auth: auth}); err != nil {
			t.Fatal(err)
		}
		return image
	}
	there := func(image string) bool {
		t.Helper()
		ok, err := d.Present(t.Context(), image)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	collect := func(limits runner.ImageLimits, want int) {
		t.Helper()
		if n, err := d.Collect(t.Context(), limits); err != nil || n != want {
			t.Errorf("Collect(%+v) = %d, %v, want %d", limits, n, err, want)
		}
	}
	used, named, first, second := pull(), pull(), pull(), pull()
	request := runner.StartRequest{
		Environment: pullpass.NewEnvironmentID(), Start: 1, Reference: used, Digest: used,
		Service: pullpass.Service{Name: "app", Command: serve},
	}
	a, err := d.Start(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Release(t.Context(), request.Environment) })
	if _, err := moby.ImageTag(t.Context(), client.ImageTagOptions{Source: named, Target: "somebody/else:" + string(request.Environment)}); err != nil {
		t.Fatal(err)
	}
	// Another runner's, and a person's who pulled before the runner did.
	other := engine(t, host, pullpass.NewRunnerID())
	foreign, _ := reg.push(t, "team/app", busybox(t))
	if err := other.Pull(t.Context(), runner.PullRequest{Reference: foreign, Auth: auth}); err != nil {
		t.Fatal(err)
	}
	if err := d.Pull(t.Context(), runner.PullRequest{Reference: foreign, Auth: auth}); err != nil {
		t.Fatal(err)
	}

	collect(runner.ImageLimits{MaxAge: time.Hour, MaxBytes: 1 << 40}, 0)
	collect(runner.ImageLimits{MaxAge: time.Nanosecond, MaxBytes: 1, Fresh: time.Hour}, 0)
	if err := d.Pull(t.Context(), runner.PullRequest{Reference: first, Auth: auth}); err != nil { // used again
		t.Fatal(err)
	}
	i, err := moby.ImageInspect(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	collect(runner.ImageLimits{MaxBytes: 4*i.Size - 1}, 1) // one too many
	for image, want := range map[string]bool{used: true, named: true, first: true, second: false, foreign: true} {
		if got := there(image); got != want {
			t.Errorf("%s is there: %v, want %v: the longest unused goes first", image, got, want)
		}
	}
	collect(runner.ImageLimits{MaxAge: time.Nanosecond}, 1)
	for image, want := range map[string]bool{used: true, named: true, first: false, foreign: true} {
		if got := there(image); got != want {
			t.Errorf("%s is there: %v, want %v", image, got, want)
		}
	}
	if err := d.Remove(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	collect(runner.ImageLimits{MaxAge: time.Nanosecond}, 1)
	if there(used) {
		t.Error("an image that no container uses any more is left")
	}
}
