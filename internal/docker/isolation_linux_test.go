package docker_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/docker"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

const envNamespace = "PULLPASS_TEST_NETWORK_NAMESPACE"

// metadataAddresses are where the stand-in for instance metadata listens.
var metadataAddresses = []string{"169.254.169.254", "169.254.170.2"}

const roleCredentials = "canary-role-credentials"

// TestEnvironmentsAreIsolated runs an engine with bridges and a firewall, and a
// stand-in for instance metadata, in a network namespace of its own: an environment
// reaches its own services, and neither others' nor the metadata.
func TestEnvironmentsAreIsolated(t *testing.T) {
	if os.Getenv(envNamespace) != "" {
		isolated(t)
		return
	}
	parts.Docker(t)
	parts.Namespaces(t)
	parts.Command(t, "iptables")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(cmd.Environ(), envNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in the namespace: %v\n%s", err, out)
	}
}

func isolated(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	run("ip", "link", "set", "lo", "up")
	for _, address := range metadataAddresses {
		run("ip", "address", "add", address+"/32", "dev", "lo")
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, "80"))
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, roleCredentials)
		})}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	dir, err := parts.NewDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.Remove(); err != nil {
			t.Error(err)
		}
	})
	engine, err := parts.StartBridgedEngine(ctx, dir.Path, os.Getenv(parts.EnvEngineBin))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Stop(context.Background()) })
	reg := newRegistry(t)
	image, digest := reg.push(t, "team/app", busybox(t))
	d, err := docker.New(docker.Options{Host: engine.Host, Runner: pullpass.NewRunnerID()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := d.Pull(ctx, runner.PullRequest{Reference: image, Auth: reg.admit("a", "password-of-a", "team/app")}); err != nil {
		t.Fatal(err)
	}
	moby := connect(t, engine.Host)

	// Without a firewall the condition names what can be reached.
	open := pullpass.NewEnvironmentID()
	path := os.Getenv("PATH")
	t.Setenv("PATH", t.TempDir())
	c, err := d.Isolate(ctx, open)
	t.Setenv("PATH", path)
	if err != nil || c == nil || c.Code != runner.CodeMetadataReachable || c.Cause == "" || c.Fix == "" || !strings.Contains(c.What, metadataAddresses[0]) {
		t.Fatalf("Isolate without iptables = %+v, %v, want %s", c, err, runner.CodeMetadataReachable)
	}
	fetch := func(id pullpass.EnvironmentID, service, address, port string) string {
		t.Helper()
		return output(ctx, t, d, runner.StartRequest{
			Environment: id, Start: 1, Reference: image, Digest: digest,
			Service: pullpass.Service{Name: service, Command: []string{"sh", "-c", `printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 ` + address + " " + port + " 2>&1; echo ended"}},
		})
	}
	// The stand-in can be reached, or nothing below would show anything.
	for i, address := range metadataAddresses {
		if got := fetch(open, "open"+string(rune('a'+i)), address, "80"); !strings.Contains(got, roleCredentials) {
			t.Fatalf("the stand-in at %s cannot be reached at all: %q", address, got)
		}
	}

	first, second := pullpass.NewEnvironmentID(), pullpass.NewEnvironmentID()
	for _, id := range []pullpass.EnvironmentID{first, second, first} {
		if c, err := d.Isolate(ctx, id); err != nil || c != nil {
			t.Fatalf("Isolate = %+v, %v", c, err)
		}
	}
	for i, address := range metadataAddresses {
		if got := fetch(first, "meta"+string(rune('a'+i)), address, "80"); strings.Contains(got, roleCredentials) || !strings.Contains(got, "ended") {
			t.Errorf("the environment reaches the metadata at %s: %q", address, got)
		}
	}

	web, err := d.Start(ctx, runner.StartRequest{
		Environment: first, Start: 1, Reference: image, Digest: digest,
		Service: pullpass.Service{Name: "web", Command: []string{"sh", "-c",
			`trap 'exit 0' TERM; while :; do printf 'HTTP/1.0 200 OK\r\n\r\nhello-from-web' | nc -l -p 8080; done`}},
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := moby.ContainerInspect(ctx, web.ID, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	address := addressOf(info.Container)
	if address == "" {
		t.Fatalf("the service has no address: %+v", info.Container.NetworkSettings)
	}
	if got := fetch(first, "same", address, "8080"); !strings.Contains(got, "hello-from-web") {
		t.Errorf("a service of the same environment does not reach %s: %q", address, got)
	}
	for _, n := range info.Container.NetworkSettings.Networks {
		if !slices.Contains(n.Aliases, "web") {
			t.Errorf("the service's name is not among %q", n.Aliases)
		}
	}
	if got := fetch(second, "other", address, "8080"); strings.Contains(got, "hello-from-web") || !strings.Contains(got, "ended") {
		t.Errorf("another environment reaches %s: %q", address, got)
	}

	all, err := d.List(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if err := d.Remove(ctx, a); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []pullpass.EnvironmentID{open, first, second, first} {
		if err := d.Release(ctx, id); err != nil {
			t.Errorf("Release: %v", err)
		}
	}
	networks, err := moby.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil || len(networks.Items) != 3 { // Docker's own
		t.Errorf("networks %+v, %v, want none of ours", networks.Items, err)
	}
}

// output runs a command to its end.
func output(ctx context.Context, t *testing.T, d *docker.Engine, r runner.StartRequest) string {
	t.Helper()
	a, err := d.Start(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := d.Output(ctx, a, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func addressOf(c container.InspectResponse) string {
	for _, n := range c.NetworkSettings.Networks {
		if n.IPAddress.IsValid() {
			return n.IPAddress.String()
		}
	}
	return ""
}
