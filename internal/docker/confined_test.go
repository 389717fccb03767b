package docker_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/docker"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

// confined runs one command to its end on an engine with limits.
func confined(t *testing.T, limits docker.Limits, command ...string) (a runner.Actual, output string) {
	t.Helper()
	host, reg := parts.Docker(t), newRegistry(t)
	image, digest := reg.push(t, "team/app", busybox(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := docker.New(docker.Options{Host: host, Runner: pullpass.NewRunnerID(), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := d.Pull(ctx, runner.PullRequest{Reference: image, Auth: reg.admit("a", "password-of-a", "team/app")}); err != nil {
		t.Fatal(err)
	}
	request := runner.StartRequest{
		Environment: pullpass.NewEnvironmentID(), Start: 1, Reference: image, Digest: digest,
		Service: pullpass.Service{Name: "app", Command: command},
	}
	if a, err = d.Start(ctx, request); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Remove(context.Background(), a)
		_ = d.Release(context.Background(), request.Environment)
	})
	var out bytes.Buffer
	if err := d.Output(ctx, a, &out); err != nil { // ends with the container
		t.Fatal(err)
	}
	there, err := d.List(ctx, request.Environment)
	if err != nil || len(there) != 1 {
		t.Fatalf("List = %+v, %v", there, err)
	}
	return there[0], out.String()
}

func TestContainersAreConfined(t *testing.T) {
	_, status := confined(t, docker.Limits{}, "cat", "/proc/1/status")
	fields := map[string]string{}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	if fields["NoNewPrivs"] != "1" {
		t.Errorf("NoNewPrivs = %q: a set-user-id program makes its caller root", fields["NoNewPrivs"])
	}
	for _, set := range []string{"CapEff", "CapPrm", "CapBnd"} {
		bits, err := strconv.ParseUint(fields[set], 16, 64)
		if err != nil || bits == 0 {
			t.Fatalf("%s = %q", set, fields[set])
		}
		for name, bit := range map[string]int{"NET_RAW": 13, "MKNOD": 27, "NET_ADMIN": 12, "SYS_ADMIN": 21} {
			if bits&(1<<bit) != 0 {
				t.Errorf("%s = %s holds %s", set, fields[set], name)
			}
		}
	}
}

func TestProcessesAreLimited(t *testing.T) {
	const script = "i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo forked"
	if a, out := confined(t, docker.Limits{}, "sh", "-c", script); !strings.Contains(out, "forked") || a.ExitCode != 0 {
		t.Errorf("60 processes within the default limit: exit %d, %q", a.ExitCode, out)
	}
	if a, out := confined(t, docker.Limits{Processes: 20}, "sh", "-c", script); strings.Contains(out, "forked") || a.ExitCode == 0 {
		t.Errorf("60 processes beyond a limit of 20: exit %d, %q", a.ExitCode, out)
	}
}

func TestMemoryIsLimited(t *testing.T) {
	const script = "x=0123456789abcdef; i=0; while [ $i -lt 22 ]; do x=$x$x; i=$((i+1)); done; echo done" // 64 MiB
	if a, out := confined(t, docker.Limits{Memory: docker.Unlimited}, "sh", "-c", script); a.ExitCode != 0 || out != "done\n" {
		t.Errorf("without a limit: exit %d, %q", a.ExitCode, out)
	}
	if a, out := confined(t, docker.Limits{Memory: 16 << 20}, "sh", "-c", script); a.ExitCode == 0 {
		t.Errorf("64 MiB beyond a limit of 16 MiB: exit 0, %q", out)
	}
	a, _ := confined(t, docker.Limits{}, "true")
	if c := inspect(t, a); c.HostConfig.Memory <= 0 {
		t.Error("without a setting the memory is not limited at all")
	}
}

func TestOutputOnDiskIsLimited(t *testing.T) {
	const limit = 4 << 20
	a, _ := confined(t, docker.Limits{Log: limit}, "sh", "-c",
		"x=0123456789abcdef; i=0; while [ $i -lt 12 ]; do x=$x$x; i=$((i+1)); done; i=0; while [ $i -lt 160 ]; do echo $x; i=$((i+1)); done; echo end")
	path := inspect(t, a).LogPath
	var size int64
	for _, file := range []string{path, path + ".1", path + ".2"} {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	if size == 0 || size > limit+limit/4 {
		t.Errorf("10 MiB of output lie in %d bytes on disk, want at most %d", size, limit)
	}
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte("end")) {
		t.Errorf("the end of the output is not in the log: %v", err)
	}
}

func inspect(t *testing.T, a runner.Actual) container.InspectResponse {
	t.Helper()
	c, err := connect(t, parts.Docker(t)).ContainerInspect(t.Context(), a.ID, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Container
}

func connect(t *testing.T, host string) *client.Client {
	t.Helper()
	c, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestMountsAreReadOnlyWhereTheySaySo(t *testing.T) {
	host, reg := parts.Docker(t), newRegistry(t)
	image, digest := reg.push(t, "team/app", busybox(t))
	d := engine(t, host, pullpass.NewRunnerID())
	if err := d.Pull(t.Context(), runner.PullRequest{Reference: image, Auth: reg.admit("a", "password-of-a", "team/app")}); err != nil {
		t.Fatal(err)
	}
	closed, open := t.TempDir(), t.TempDir()
	id := pullpass.NewEnvironmentID()
	a, err := d.Start(t.Context(), runner.StartRequest{
		Environment: id, Start: 1, Reference: image, Digest: digest,
		Service: pullpass.Service{Name: "app", Command: []string{"sh", "-c", "touch /closed/file; touch /open/file"}},
		Mounts:  []runner.Mount{{Source: closed, Target: "/closed", ReadOnly: true}, {Source: open, Target: "/open"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Remove(context.Background(), a)
		_ = d.Release(context.Background(), id)
	})
	if err := d.Output(t.Context(), a, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(closed + "/file"); err == nil {
		t.Error("a container has written to a mount that is read-only")
	}
	if _, err := os.Stat(open + "/file"); err != nil {
		t.Errorf("a container cannot write to a mount that is not read-only: %v", err)
	}
}
