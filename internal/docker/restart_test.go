package docker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

// A restart whose image cannot be pulled leaves what runs alone; one whose image can
// be pulled replaces it.
func TestRestartKeepsWhatRunsUntilThePullIsDone(t *testing.T) {
	host, reg := parts.Docker(t), newRegistry(t)
	h := newHouse(t, host)
	image, _ := reg.push(t, "team/app", busybox(t))
	h.run()
	id := h.want(image, reg.admit("a", "password-of-a", "team/app"))
	first := h.awaitPhase(id, pullpass.PhaseRunning).Status[0].Container

	h.restart(id, image[:strings.Index(image, "@")]+":missing")
	h.await(id, "failed, with the earlier start running", func(u pullpass.StatusUpdate) bool {
		return u.Phase == pullpass.PhaseFailed && slices.ContainsFunc(u.Conditions, func(c pullpass.Condition) bool { return c.Code == runner.CodeEarlierStartRuns })
	})
	c, err := connect(t, host).ContainerInspect(t.Context(), first, client.ContainerInspectOptions{})
	if err != nil || !c.Container.State.Running {
		t.Fatalf("what ran was stopped before its successor was pulled: %v", err)
	}

	h.restart(id, image)
	u := h.await(id, "running its third start", func(u pullpass.StatusUpdate) bool {
		return u.Start == 3 && u.Phase == pullpass.PhaseRunning
	})
	there, err := h.driver.List(t.Context(), id)
	if err != nil || len(there) != 1 || there[0].ID == first || there[0].ID != u.Status[0].Container {
		t.Errorf("containers %+v, %v, want one new one", there, err)
	}
}

// A registry that stops in the middle of a layer ends the pull, with its cause, and
// the next try gets the image.
func TestStalledPullEnds(t *testing.T) {
	reg := newRegistry(t)
	h := newHouse(t, parts.Docker(t))
	h.stall = time.Second
	big := heavy(t)
	image, _ := reg.push(t, "team/app", big)
	held, release := reg.hold(t, big)
	defer release()
	h.run()
	id := h.want(image, reg.admit("a", "password-of-a", "team/app"))
	<-held
	u := h.await(id, "stalled", func(u pullpass.StatusUpdate) bool { return len(u.Conditions) > 0 })
	if c := u.Conditions[0]; c.Code != runner.CodePullStalled || c.Cause == "" || c.Fix == "" {
		t.Errorf("condition %+v, want %s", c, runner.CodePullStalled)
	}
	release()
	h.awaitPhase(id, pullpass.PhaseRunning)
}
