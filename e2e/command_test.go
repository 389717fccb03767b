package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

// plainHTTP tells server and runner of the shared registry with a password.
func plainHTTP(registry parts.BasicRegistry) []string {
	return []string{"--allow-egress=127.0.0.1", "--host=host=" + registry.Host + ",registry=http://" + registry.Host}
}

// basicProject is a project that may pull from a registry with a password.
func basicProject(t *testing.T, ctx context.Context, s *process.Server, name, host, username, password string) pullpass.ProjectID {
	t.Helper()
	project, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Owner.CreateRegistry(ctx, pullpass.Registry{
		Project: project.ID, Name: name + "-registry", Host: host, Auth: pullpass.AuthBasic, Username: username,
	}, pullpass.NewSecret(password))
	if err != nil {
		t.Fatal(err)
	}
	return project.ID
}

// cli runs pullpass as the owner of a server and returns its exit code.
func cli(ctx context.Context, t *testing.T, s *process.Server, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "PULLPASS_SERVER="+s.URL, "PULLPASS_TOKEN="+s.Token.Reveal())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// TestCommandThatEnds: whoever creates an environment for a command is told how the
// command ended; one that runs on is left alone.
func TestCommandThatEnds(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 2*time.Minute)
	image := fmt.Sprintf("%s/e2e/ends-%d:1", registry.Host, time.Now().UnixNano())
	pushImage(t, ctx, image, registry.Username, registry.Password, parts.BusyboxImage(t, stays...))
	s := startServer(t, ctx, plainHTTP(registry)...)
	r := startRunner(t, ctx, s, host, plainHTTP(registry)...)
	basicProject(t, ctx, s, "ends", registry.Host, registry.Username, registry.Password)

	for i, test := range []struct {
		options, command []string
		code             int
		says             string
	}{
		{nil, []string{"echo", "hi"}, 0, "ended with code 0"},
		{nil, []string{"sh", "-c", "exit 7"}, 7, "exited with code 7"},
		{nil, []string{"sh", "-c", "exit 2"}, 2, "exited with code 2"},
		{nil, []string{"/nothing"}, 1, "does not hold the program"},
		{[]string{"--until-end"}, []string{"sh", "-c", "sleep 4; exit 5"}, 5, "exited with code 5"},
		{nil, stays, 0, "phase: running"},
	} {
		args := append([]string{"env", "create", fmt.Sprint("e", i), "--project", "ends", "--runner", string(r.ID), "--image", image}, test.options...)
		code, out := cli(ctx, t, s, append(append(args, "--"), test.command...)...)
		if code != test.code || !strings.Contains(strings.Join(strings.Fields(out), " "), test.says) {
			t.Errorf("-- %q: exit %d, want %d, and %q in:\n%s", test.command, code, test.code, test.says, out)
		}
	}
	// What is mistyped never becomes the container's command.
	for _, args := range [][]string{{"--no-wiat"}, {"--env", "A=b"}, {"-e", "A=b"}, {"-p", "8080:80"}, {"echo", "hi"}} {
		code, out := cli(ctx, t, s, append([]string{"env", "create", "typo", "--project", "ends", "--image", image}, args...)...)
		if code != 2 || !strings.Contains(out, "hint:") {
			t.Errorf("%q: exit %d, want 2, with a hint:\n%s", args, code, out)
		}
	}
	for e, err := range s.Owner.AllEnvironments(ctx, pullpass.EnvironmentFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Name == "typo" {
			t.Errorf("a mistyped line made an environment with command %q", e.Services[0].Command)
		}
		remove(t, ctx, s, e)
	}
}
