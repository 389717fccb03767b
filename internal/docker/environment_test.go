package docker_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/moby/moby/client"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

// What one environment pulled lies in the engine's store, where the engine would
// start it for anybody; another one, whose registry refuses it, does not get it.
func TestPresentImageIsNotPermission(t *testing.T) {
	reg := newRegistry(t)
	h := newHouse(t, parts.Docker(t))
	byDigest, _ := reg.push(t, "team/app", busybox(t))
	byTag := byDigest[:strings.Index(byDigest, "@")] + ":1.4"
	a := reg.admit("a", "password-of-a", "team/app")
	b := reg.admit("b", "password-of-b", "team/other")
	h.run()
	first := h.want(byTag, a)
	h.awaitPhase(first, pullpass.PhaseRunning)
	for _, image := range []string{byTag, byDigest} {
		refused := h.want(image, b)
		u := h.awaitPhase(refused, pullpass.PhaseFailed)
		if len(u.Conditions) != 1 || u.Conditions[0].Code != runner.CodePullDenied {
			t.Errorf("%s: conditions %+v", image, u.Conditions)
		}
		there, err := h.driver.List(t.Context(), refused)
		if err != nil || len(there) != 0 {
			t.Errorf("%s: containers %+v, %v, want none", image, there, err)
		}
	}
}

// The credential of a start is in nothing that is left of it.
func TestCredentialLeavesNoTrace(t *testing.T) {
	host, reg := parts.Docker(t), newRegistry(t)
	h := newHouse(t, host)
	const username, password = "canary-user", "canary-password"
	image, _ := reg.push(t, "team/app", busybox(t))
	h.run()
	id := h.want(image, reg.admit(username, password, "team/app"))
	u := h.awaitPhase(id, pullpass.PhaseRunning)

	docker, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = docker.Close() }()
	c, err := docker.ContainerInspect(t.Context(), u.Status[0].Container, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatalf("inspecting the container: %v", err)
	}
	i, err := docker.ImageInspect(t.Context(), image)
	if err != nil {
		t.Fatalf("inspecting the image: %v", err)
	}
	imageText, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", c.Container.State.Pid))
	if err != nil {
		t.Fatalf("reading the variables of process 1: %v", err)
	}
	if !bytes.Contains(environ, []byte("PATH=")) {
		t.Fatalf("these are not the variables of process 1: %q", environ)
	}
	h.mu.Lock()
	output := h.output[id]
	h.mu.Unlock()
	report := fmt.Sprintf("%+v", u)
	encoded := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	for where, text := range map[string]string{
		"container inspect": string(c.Raw), "image inspect": string(imageText),
		"environ": string(environ), "output": output, "report": report,
	} {
		for _, secret := range []string{username, password, encoded} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %s", where, secret)
			}
		}
	}
}

// heavy is an image with a layer that takes a while.
func heavy(t *testing.T) v1.Image {
	t.Helper()
	layer, err := random.Layer(8<<20, "application/vnd.docker.image.rootfs.diff.tar.gzip")
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(busybox(t), layer)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// hold makes the registry stop before the layers that take a while. It returns a
// channel that tells of the first, and the way to go on.
func (p *privateRegistry) hold(t *testing.T, image v1.Image) (held <-chan struct{}, release func()) {
	t.Helper()
	all, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	last, err := all[len(all)-1].Digest()
	if err != nil {
		t.Fatal(err)
	}
	reached, open := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p.setGate(func(r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/blobs/"+last.String()) || r.Method != http.MethodGet {
			return
		}
		once.Do(func() { close(reached) })
		select {
		case <-open:
		case <-r.Context().Done():
		}
	})
	return reached, sync.OnceFunc(func() { close(open) })
}

// The engine is killed in the middle of a pull, and again with the container
// running: the environment reaches its wanted state each time.
func TestEngineIsKilled(t *testing.T) {
	docker, reg := parts.PrivateDocker(t), newRegistry(t)
	h := newHouse(t, docker.Host)
	big := heavy(t)
	image, _ := reg.push(t, "team/app", big)
	auth := reg.admit("a", "password-of-a", "team/app")
	held, release := reg.hold(t, big)
	defer release()
	h.run()
	id := h.want(image, auth)
	<-held

	docker.Kill()
	u := h.await(id, "without an engine", func(u pullpass.StatusUpdate) bool { return len(u.Conditions) > 0 })
	if c := u.Conditions[0]; c.Code != runner.CodeEngineMissing || c.Fix == "" {
		t.Errorf("condition without an engine: %+v", c)
	}
	release()
	if err := docker.Start(t.Context()); err != nil {
		t.Fatalf("starting the engine again: %v", err)
	}
	first := h.awaitPhase(id, pullpass.PhaseRunning).Status[0].Container

	before := started(t, docker.Host, first)
	docker.Kill()
	h.awaitPhase(id, pullpass.PhaseFailed)
	if err := docker.Start(t.Context()); err != nil {
		t.Fatalf("starting the engine again: %v", err)
	}
	// An engine that comes back ends the containers that survived it, at its own time.
	for again := ""; again == "" || again == before; again = started(t, docker.Host, first) {
		if !pause(t) {
			t.Fatal("the container was not started again")
		}
	}
	h.awaitPhase(id, pullpass.PhaseRunning)
	there, err := h.driver.List(t.Context(), id)
	if err != nil || len(there) != 1 || there[0].ID != first {
		t.Errorf("containers %+v, %v, want %s alone", there, err, first)
	}
}

// pause waits a moment, and reports whether the test may go on waiting.
func pause(t *testing.T) bool {
	t.Helper()
	if deadline, ok := t.Deadline(); ok && time.Until(deadline) < 10*time.Second {
		return false
	}
	select {
	case <-time.After(50 * time.Millisecond):
		return true
	case <-t.Context().Done():
		return false
	}
}

// started returns when a container was last started, if it runs.
func started(t *testing.T, host, id string) string {
	t.Helper()
	docker, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = docker.Close() }()
	c, err := docker.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatalf("inspecting the container: %v", err)
	}
	if !c.Container.State.Running {
		return ""
	}
	return c.Container.State.StartedAt
}

// The runner dies in the middle of a pull, and with the container running; there is
// one container in the end, and it is the same.
func TestRunnerIsKilled(t *testing.T) {
	reg := newRegistry(t)
	h := newHouse(t, parts.Docker(t))
	big := heavy(t)
	image, digest := reg.push(t, "team/app", big)
	held, release := reg.hold(t, big)
	defer release()
	stop := h.run()
	id := h.want(image, reg.admit("a", "password-of-a", "team/app"))
	<-held
	stop()
	release()
	stop = h.run()
	first := h.awaitPhase(id, pullpass.PhaseRunning)
	stop()
	h.mu.Lock()
	delete(h.reports, id)
	h.mu.Unlock()
	h.run()
	second := h.awaitPhase(id, pullpass.PhaseRunning)
	if a, b := first.Status[0], second.Status[0]; a.Container != b.Container || b.Digest != digest {
		t.Errorf("adopted %+v, want %+v with %s", b, a, digest)
	}
	there, err := h.driver.List(t.Context(), id)
	if err != nil || len(there) != 1 {
		t.Errorf("containers %+v, %v, want one", there, err)
	}
}

// Layers and bytes reach the server while the engine pulls.
func TestProgressIsReported(t *testing.T) {
	reg := newRegistry(t)
	h := newHouse(t, parts.Docker(t))
	big := heavy(t)
	image, _ := reg.push(t, "team/app", big)
	held, release := reg.hold(t, big)
	defer release()
	h.run()
	id := h.want(image, reg.admit("a", "password-of-a", "team/app"))
	<-held
	u := h.await(id, "pulling", func(u pullpass.StatusUpdate) bool {
		return len(u.Status) == 1 && u.Status[0].Pull != nil && u.Status[0].Pull.LayersTotal > 0
	})
	if s := u.Status[0]; s.State != pullpass.ServicePulling || s.Pull.LayersDone >= s.Pull.LayersTotal || u.Phase != pullpass.PhaseStarting {
		t.Errorf("while pulling: %+v, %+v", u, *s.Pull)
	}
	release()
	h.awaitPhase(id, pullpass.PhaseRunning)
	h.await(id, "printing", func(pullpass.StatusUpdate) bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.output[id] == "ready\n"
	})
}
