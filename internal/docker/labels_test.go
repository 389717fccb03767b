package docker_test

import (
	"context"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

// An image can carry our labels; a container that somebody else runs from it is
// neither reported as an environment's, nor removed.
func TestLabelsOfAnImageImitateOurs(t *testing.T) {
	host, reg := parts.Docker(t), newRegistry(t)
	h := newHouse(t, host)
	image, _ := reg.push(t, "team/app", busybox(t))
	auth := reg.admit("a", "password-of-a", "team/app")
	h.run()
	mine := h.want(image, auth)
	own := h.awaitPhase(mine, pullpass.PhaseRunning).Status[0].Container

	engine := connect(t, host)
	var foreign []string
	for _, id := range []pullpass.EnvironmentID{mine, pullpass.NewEnvironmentID()} { // one that is wanted, and one that nobody knows
		imitation, err := mutate.Config(busybox(t), v1.Config{Cmd: serve, Env: []string{"PATH=/bin"}, Labels: map[string]string{
			"io.pullpass.runner": string(h.id), "io.pullpass.environment": string(id), "io.pullpass.service": "app",
			"io.pullpass.start": "2", "io.pullpass.digest": "sha256:evil",
		}})
		if err != nil {
			t.Fatal(err)
		}
		reference, _ := reg.push(t, "team/app", imitation)
		if err := h.driver.Pull(t.Context(), runner.PullRequest{Reference: reference, Auth: auth}); err != nil {
			t.Fatal(err)
		}
		c, err := engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: reference, Cmd: serve}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_, _ = engine.ContainerRemove(context.Background(), c.ID, client.ContainerRemoveOptions{Force: true})
		})
		if _, err := engine.ContainerStart(t.Context(), c.ID, client.ContainerStartOptions{}); err != nil {
			t.Fatal(err)
		}
		if there, err := engine.ContainerInspect(t.Context(), c.ID, client.ContainerInspectOptions{}); err != nil || there.Container.Config.Labels["io.pullpass.digest"] != "sha256:evil" {
			t.Fatalf("the container does not carry the image's labels: %v", err)
		}
		foreign = append(foreign, c.ID)
	}

	for _, id := range []pullpass.EnvironmentID{mine, ""} {
		there, err := h.driver.List(t.Context(), id)
		if err != nil || len(there) != 1 || there[0].ID != own {
			t.Errorf("List(%q) = %+v, %v, want %s alone", id, there, err, own)
		}
	}
	// A second runner of this identity looks at every container when it starts.
	successor := newHouseOf(t, host, h.id)
	h.mu.Lock()
	wanted := h.wanted[0]
	h.mu.Unlock()
	successor.add(wanted, auth)
	successor.run()
	successor.await(mine, "seen by the successor", func(u pullpass.StatusUpdate) bool { return len(u.Status) > 0 && u.Status[0].Container == own })
	last := successor.want(image, auth) // its work comes after the look around
	successor.awaitPhase(last, pullpass.PhaseRunning)
	for _, id := range append(foreign, own) {
		c, err := engine.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
		if err != nil || !c.Container.State.Running {
			t.Errorf("container %s was stopped or removed: %v", id, err)
		}
	}
}
