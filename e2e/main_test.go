package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// binary is the pullpass under test, built once as `make build` builds it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pullpass-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/", "./cmd/...")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building pullpass:", err)
		return 1
	}
	binary = filepath.Join(dir, "pullpass")
	return m.Run()
}

// within bounds a whole test; a hang is a failure with a reason.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func startServer(t *testing.T, ctx context.Context, args ...string) *process.Server {
	t.Helper()
	s, err := process.StartServer(ctx, binary, t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func startRunner(t *testing.T, ctx context.Context, s *process.Server, host string, args ...string) *process.Runner {
	t.Helper()
	r, err := process.StartRunner(ctx, s, filepath.Join(shortDir(t), "runner"), host, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Stop() })
	return r
}

// shortDir is a directory for sockets, whose paths may have 108 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// startSandbox starts the rehearsal's two accounts, and returns the arguments
// that tell a server and a runner where their registries are.
func startSandbox(t *testing.T, ctx context.Context) (*sandbox.Sandbox, []string) {
	t.Helper()
	box, err := sandbox.New(sandbox.Default().OnFreePorts(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	args := []string{"--allow-egress=127.0.0.1"}
	for _, r := range box.Registries() {
		args = append(args, fmt.Sprintf("--host=host=%s,account=%s,region=%s,api=%s,sts=%s,registry=http://%s",
			r.Address, r.Account, r.Region, box.Endpoint(), box.Endpoint(), r.Address))
	}
	return box, args
}

// tenant is a project with a registry in the sandbox's owner account.
func tenant(t *testing.T, ctx context.Context, s *process.Server, box *sandbox.Sandbox, name string, i pullpass.Integration, secret pullpass.Secret) pullpass.ProjectID {
	t.Helper()
	project, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	i.Name, i.Mode, i.Region = name, pullpass.ModeAccessKey, sandbox.DefaultRegion
	made, err := s.Owner.CreateIntegration(ctx, i, secret)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Owner.CreateRegistry(ctx, pullpass.Registry{
		Project: project.ID, Name: name + "-ecr", Host: box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion),
		Auth: pullpass.AuthIntegration, Integration: made.ID,
	}, pullpass.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	return project.ID
}

// platform is the rehearsal's platform identity: a user that becomes a role.
func platform() (pullpass.Integration, pullpass.Secret) {
	return pullpass.Integration{
		Account: sandbox.PlatformAccount, AccessKeyID: sandbox.PlatformKeyID,
		Chain: []pullpass.RoleHop{{RoleARN: "arn:aws:iam::" + sandbox.PlatformAccount + ":role/pull"}},
	}, sandbox.PlatformKey()
}
