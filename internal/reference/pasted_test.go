package reference_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

func TestReadPasted(t *testing.T) {
	for _, test := range []struct{ text, host, path string }{
		{"https://ghcr.io/acme", "ghcr.io", "acme"},
		{"HTTPS://GHCR.IO", "ghcr.io", ""},
		{"GHCR.IO/", "ghcr.io", ""},
		{"http://registry.example.com:5000/v2/", "registry.example.com:5000", ""},
		{"https://registry.example.com:443", "registry.example.com", ""},
		{"oci://registry.example.com/charts", "registry.example.com", "charts"},
		{"2001:db8::1", "[2001:db8::1]", ""},
		{"https://acme.jfrog.io/artifactory/api/docker/docker-local", "acme.jfrog.io", "docker-local"},
		{"europe-docker.pkg.dev/proj/repo", "europe-docker.pkg.dev", "proj/repo"},
		{"https://hub.docker.com/r/acme/app/tags", "docker.io", "acme/app"},
		{"hub.docker.com", "docker.io", ""},
		{"222222222222.DKR.ECR.eu-west-1.amazonaws.com/team", "222222222222.dkr.ecr.eu-west-1.amazonaws.com", "team"},
		{" registry.example.com\n", "registry.example.com", ""},

		{"https://user:password@registry.example.com", "", ""},
		{"ftp://registry.example.com", "", ""},
		{"registry.example.com/a?b", "", ""},
		{"registry.example.com/../etc", "", ""},
		{"222222222222.dkr.ecr.eu-wst-1.amazonaws.com", "", ""},
		{"app", "", ""},
		{"", "", ""},
	} {
		got, ok := reference.ReadPasted(test.text)
		if got.Host != test.host || got.Path != test.path || ok != (test.host != "") {
			t.Errorf("ReadPasted(%q) = %+v, %v, want host %q, path %q", test.text, got, ok, test.host, test.path)
		}
	}
}

func TestRefusedHostsNameTheFlags(t *testing.T) {
	for text, want := range map[string]string{
		"ghcr.io/acme":    "--host ghcr.io --path-prefix acme",
		"HTTPS://GHCR.IO": "--host ghcr.io",
		"2001:db8::1":     "--host [2001:db8::1]",
		"hub.docker.com":  "docker.io",
		"github.com":      "ghcr.io",
		"https://acme.jfrog.io/artifactory/api/docker/docker-local": "--host acme.jfrog.io --path-prefix docker-local",
		"europe-docker.pkg.dev/proj/repo":                           "--host europe-docker.pkg.dev --path-prefix proj/repo",
	} {
		_, err := reference.ParseHost(text)
		var e *pullpass.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, want) {
			t.Errorf("ParseHost(%q) = %v, want a hint with %q", text, err, want)
		}
	}
}
