package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A current Docker Engine, beside Debian's older one: its API, image store and
// builder differ. Its runc must be newer than Debian's, its containerd need not be.
const (
	dockerdVersion = "v2.0.0-beta.24"
	runcVersion    = "v1.5.2"
)

// enginePackages are what building runc needs.
var enginePackages = []string{"containerd", "gcc", "libc6-dev", "libseccomp-dev", "pkg-config"}

// buildEngine builds dockerd and runc into the user's cache directory, unless they
// are there, and returns the directory.
func buildEngine(ctx context.Context, talk io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "pullpass", "engine-"+dockerdVersion+"-runc-"+runcVersion)
	for _, b := range []struct{ program, tags, pkg string }{
		{"runc", "seccomp", "github.com/opencontainers/runc@" + runcVersion},
		{"dockerd", "exclude_graphdriver_btrfs,exclude_graphdriver_devicemapper", "github.com/moby/moby/v2/cmd/dockerd@" + dockerdVersion},
	} {
		if _, err := os.Stat(filepath.Join(dir, b.program)); err == nil {
			continue
		}
		_, _ = fmt.Fprintf(talk, "parts: building %s\n", b.pkg)
		started := time.Now()
		if err := goInstall(ctx, dir, b.tags, b.pkg); err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(talk, "parts: built in %s\n", time.Since(started).Round(time.Second))
	}
	return dir, nil
}

// goInstall builds into a directory beside and moves the result, so that an
// interrupted build leaves nothing that looks finished.
func goInstall(ctx context.Context, dir, tags, pkg string) (err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	building, err := os.MkdirTemp(dir, "building-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(building)) }()
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", "-tags", tags, pkg)
	cmd.Env = append(os.Environ(), "GOBIN="+building, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go install %s: %w\n%s", pkg, err, out)
	}
	programs, err := os.ReadDir(building)
	if err != nil {
		return err
	}
	for _, p := range programs {
		if err := os.Rename(filepath.Join(building, p.Name()), filepath.Join(dir, p.Name())); err != nil {
			return err
		}
	}
	return nil
}
