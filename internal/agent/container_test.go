package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/agent"
	"github.com/pullpass/pullpass/internal/parts"
)

// inside is a container with an environment's agent directory, as user 1000.
type inside struct {
	t      *testing.T
	docker *client.Client
	id     string
}

// helperDir builds the credential helper as it is shipped: static.
func helperDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "docker-credential-pullpass"), "../../cmd/docker-credential-pullpass")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the helper: %v\n%s", err, out)
	}
	return dir
}

func newInside(t *testing.T, a *agent.Sockets, e pullpass.Environment) *inside {
	t.Helper()
	docker, err := client.New(client.WithHost(parts.Docker(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docker.Close() })
	mounts, err := a.Open(t.Context(), e)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	host := &container.HostConfig{}
	for _, m := range mounts {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	c, err := docker.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{
			Image: load(t, docker), User: "1000:1000", Cmd: []string{"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"},
		},
		HostConfig: host,
	})
	if err != nil {
		t.Fatalf("creating a container: %v", err)
	}
	t.Cleanup(func() {
		if _, err := docker.ContainerRemove(context.Background(), c.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Errorf("removing the container: %v", err)
		}
	})
	if _, err := docker.ContainerStart(t.Context(), c.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatalf("starting the container: %v", err)
	}
	return &inside{t, docker, c.ID}
}

// load brings an image to the engine without a registry.
func load(t *testing.T, docker *client.Client) string {
	t.Helper()
	tag, err := name.NewTag("pullpass-agent-test:1")
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := tarball.Write(tag, parts.BusyboxImage(t), &file); err != nil {
		t.Fatal(err)
	}
	answer, err := docker.ImageLoad(t.Context(), &file)
	if err != nil {
		t.Fatalf("loading the image: %v", err)
	}
	defer func() { _ = answer.Close() }()
	var read bytes.Buffer
	if _, err := read.ReadFrom(answer); err != nil || !strings.Contains(read.String(), "Loaded image") {
		t.Fatalf("loading the image: %v %s", err, read.String())
	}
	return tag.Name()
}

// run runs a shell command in the container.
func (i *inside) run(command string) string {
	i.t.Helper()
	created, err := i.docker.ExecCreate(i.t.Context(), i.id, client.ExecCreateOptions{
		Cmd: []string{"sh", "-c", command}, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		i.t.Fatalf("%s: %v", command, err)
	}
	answer, err := i.docker.ExecAttach(i.t.Context(), created.ID, client.ExecAttachOptions{})
	if err != nil {
		i.t.Fatalf("%s: %v", command, err)
	}
	defer answer.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, answer.Reader); err != nil {
		i.t.Fatalf("%s: %v", command, err)
	}
	return out.String()
}

const get = "echo registry.example/team/app | /run/pullpass/bin/docker-credential-pullpass get"

// In a real container, as an ordinary user, through a read-only mount: the helper
// reaches the socket, before and after the runner has started again, and the
// container cannot touch what is mounted.
func TestInsideAContainer(t *testing.T) {
	dir, bin, e := shortDir(t), helperDir(t), environment()
	first, err := agent.New(agent.Options{Dir: dir, Bin: bin, Server: &server{}})
	if err != nil {
		t.Fatal(err)
	}
	box := newInside(t, first, e)
	check := func(when string) {
		t.Helper()
		out := box.run(get)
		var got struct{ ServerURL, Username, Secret string }
		if err := json.Unmarshal([]byte(out), &got); err != nil || got.Username != "AWS" || got.Secret != canary || got.ServerURL != "registry.example/team/app" {
			t.Errorf("%s: get = %q", when, out)
		}
	}
	check("at first")
	for _, command := range []string{"rm /run/pullpass/agent.sock", "touch /run/pullpass/x", "touch /run/pullpass/bin/x"} {
		if out := box.run(command + " && echo done"); strings.Contains(out, "done") {
			t.Errorf("%s works inside", command)
		}
	}

	shutdown(t, first)
	if out := box.run(get); !strings.Contains(out, "pullpass: the agent socket /run/pullpass/agent.sock does not answer") ||
		!strings.Contains(out, "hint:") || strings.Contains(out, "not found in native keychain") {
		t.Errorf("without a runner: %q", out)
	}

	second, err := agent.New(agent.Options{Dir: dir, Bin: bin, Server: &server{}})
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown(t, second)
	if _, err := second.Open(t.Context(), e); err != nil {
		t.Fatalf("Open: %v", err)
	}
	check("after the runner has started again")
}
