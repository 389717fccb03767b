package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// policyFile is where Debian's packages ask whether they may start their services
// when installed. We want the programs, not a second engine and a second database
// on the machine.
const (
	policyFile = "/usr/sbin/policy-rc.d"
	policyText = "#!/bin/sh\n# Put here by pullpass e2e/parts while it installs packages.\nexit 101\n"
)

// install installs the Debian packages that are missing, if this is Debian and we
// are root; otherwise what is missing shows when it is used.
func install(ctx context.Context, packages []string, talk io.Writer) error {
	if os.Geteuid() != 0 || !isDebian() {
		return nil
	}
	var absent []string
	for _, name := range packages {
		if !installed(ctx, name) {
			absent = append(absent, name)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	_, _ = fmt.Fprintf(talk, "parts: installing from Debian: %s\n", strings.Join(absent, " "))
	started := time.Now()
	if err := withoutServices(policyFile, func() error { return aptInstall(ctx, absent) }); err != nil {
		return fmt.Errorf("installing %s: %w", strings.Join(absent, " "), err)
	}
	_, _ = fmt.Fprintf(talk, "parts: installed in %s\n", time.Since(started).Round(time.Second))
	return nil
}

// aptInstall tries with the package lists that are there before it fetches new ones.
func aptInstall(ctx context.Context, packages []string) error {
	args := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
	if apt(ctx, args...) == nil {
		return nil
	}
	if err := apt(ctx, "update"); err != nil {
		return err
	}
	return apt(ctx, args...)
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-qq", "-o", "DPkg::Lock::Timeout=120"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// withoutServices runs do while packages may not start their services. The
// machine's own policy stays; one that a killed run of ours left is used and removed.
func withoutServices(policyFile string, do func() error) error {
	there, err := os.ReadFile(policyFile)
	switch {
	case err == nil && string(there) != policyText:
		return do()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.WriteFile(policyFile, []byte(policyText), 0o755); err != nil { // it must be executable
		return errors.Join(err, os.Remove(policyFile))
	}
	return errors.Join(do(), os.Remove(policyFile))
}

func installed(ctx context.Context, name string) bool {
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${db:Status-Status}", name).Output()
	return err == nil && string(out) == "installed"
}

func isDebian() bool {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "ID="); ok {
			return strings.Trim(id, `"`) == "debian"
		}
	}
	return false
}
