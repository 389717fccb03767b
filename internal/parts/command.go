package parts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// systemDirs come before PATH: on developers' machines PATH often begins with
// version managers whose shims stand for programs that are not installed.
var systemDirs = []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin"}

// debianPackages names the Debian package of each program that tests run.
var debianPackages = map[string]string{
	"aws":                         "awscli",
	"busybox":                     "busybox-static",
	"containerd":                  "containerd",
	"docker":                      "docker.io",
	"docker-registry":             "docker-registry",
	"dockerd":                     "docker.io",
	"docker-credential-ecr-login": "amazon-ecr-credential-helper",
	"git":                         "git",
	"psql":                        "postgresql-client",
	"skopeo":                      "skopeo",
	"strace":                      "strace",
	"systemd-analyze":             "systemd",
}

// Command returns the path of a program, the system's own before others in PATH.
func Command(t testing.TB, name string) string {
	t.Helper()
	path, err := find(name)
	if err != nil {
		missing(t, name, err.Error(), "on Debian: "+install(name))
	}
	return path
}

// AWS returns the path of the AWS command line. Debian's (2.9.19) ignores
// AWS_ENDPOINT_URL: give it --endpoint-url.
func AWS(t testing.TB) string {
	t.Helper()
	return Command(t, "aws")
}

func install(name string) string {
	pkg, ok := debianPackages[name]
	if !ok {
		pkg = name
	}
	return "apt-get install " + pkg
}

// find looks for a program in extra, then in the system's directories, then in PATH.
func find(name string, extra ...string) (string, error) {
	for _, dir := range append(extra, systemDirs...) {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("there is no program %s in %v or PATH", name, systemDirs)
	}
	return path, nil
}
