package parts

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

//go:embed peers/*.txt
var peerPrograms embed.FS

// peer is code of others that tests run as it is, built outside of our module: it is
// compared with, not linked.
type peer struct {
	module, version string
	sum             string   // of the module, as go.sum would have it
	take            []string // files of it that are built in a module of its name; none: it is required as it is
	also            map[string]string
	requires        []string // what it needs where it has no go.mod
}

// GitLabRunner builds GitLab Runner's own code that finds the credential of an image
// (helpers/docker/auth, unchanged). What it needs of the rest of the runner, one struct,
// is written here, because a library of the rest cannot be had.
//
// The program takes images as arguments and DOCKER_AUTH_CONFIG, HOME and JOB_REGISTRY
// (the host of the job's own registry) from its environment; it prints a JSON list.
func GitLabRunner(t testing.TB) string {
	t.Helper()
	return peer{
		module: "gitlab.com/gitlab-org/gitlab-runner", version: "v1.11.1-0.20260903214710-fc1f1862bd91",
		sum:  "h1:bO0AEZUnr/PlWtor5zcLz31UDAJuj7gEALFXrd8vcoY=",
		take: []string{"helpers/docker/auth/auth.go", "helpers/homedir/homedir.go"},
		also: map[string]string{"common/spec/spec.go": "package spec\n\ntype Credentials struct{ Type, URL, Username, Password string }\n"},
		requires: []string{
			"github.com/docker/cli v29.7.2+incompatible", "github.com/docker/docker-credential-helpers v0.9.12",
			"github.com/sirupsen/logrus v1.9.4", "golang.org/x/sys v0.48.0",
		},
	}.build(t, "gitlab-runner")
}

// DockerCLI builds a program that asks the configuration of a newer docker than the
// distribution's, that of 29.7, for the user name of a host.
func DockerCLI(t testing.TB) string {
	t.Helper()
	return peer{
		module: "github.com/docker/cli", version: "v29.7.2+incompatible", sum: "h1:dlkwallR8XqfeVnA2ELEhdwvb4lsSwuB4IgsG8Q9cLY=",
		requires: []string{
			"github.com/docker/docker-credential-helpers v0.9.12", "github.com/sirupsen/logrus v1.9.4", "golang.org/x/sys v0.48.0",
		},
	}.build(t, "docker-cli")
}

// ORAS builds a program that asks oras-go's stores, which oras and helm use, for the
// user name of a host.
func ORAS(t testing.TB) string {
	t.Helper()
	return peer{
		module: "oras.land/oras-go/v2", version: "v2.7.0", sum: "h1:0bXRBBSqYgPSjZRrhJbT71Rb465c+rdlft2xdQPxLtQ=",
	}.build(t, "oras")
}

// build downloads the module, checks its sum, and builds the program of that name.
func (p peer) build(t testing.TB, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	found, err := p.download(ctx, dir)
	if err != nil {
		missing(t, p.module, err.Error(), "a Go module proxy that has "+p.module+"@"+p.version)
	}
	if err := p.lay(dir, found, name); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bin", name)
	build := goIn(ctx, dir, "build", "-mod=mod", "-o", path, "./program")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	return path
}

func goIn(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	return cmd
}

// download returns the directory of the module in the cache.
func (p peer) download(ctx context.Context, dir string) (string, error) {
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module nothing\n"), 0o600); err != nil {
		return "", err
	}
	out, err := goIn(ctx, dir, "mod", "download", "-json", p.module+"@"+p.version).Output()
	var found struct{ Dir, Sum, Error string }
	if decodeErr := json.Unmarshal(out, &found); decodeErr != nil {
		return "", errors.Join(err, decodeErr)
	}
	switch {
	case found.Error != "":
		return "", errors.New(found.Error)
	case found.Sum != p.sum:
		return "", fmt.Errorf("its sum is %s, want %s", found.Sum, p.sum)
	}
	return found.Dir, err
}

// lay writes the module that is built.
func (p peer) lay(dir, from, name string) error {
	main, err := peerPrograms.ReadFile("peers/" + name + ".go.txt")
	if err != nil {
		return err
	}
	files := map[string]string{"program/main.go": string(main)}
	for path, text := range p.also {
		files[path] = text
	}
	for _, path := range p.take {
		text, err := os.ReadFile(filepath.Join(from, path))
		if err != nil {
			return err
		}
		files[path] = string(text)
	}
	mod, requires := "module "+p.module, p.requires
	if len(p.take) == 0 {
		mod, requires = "module compared", append([]string{p.module + " " + p.version}, p.requires...)
	}
	mod += "\n\ngo 1.26\n"
	for _, r := range requires {
		mod += "\nrequire " + r
	}
	files["go.mod"] = mod + "\n"
	for path, text := range files {
		to := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
