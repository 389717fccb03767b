package reference

import (
	"net/netip"
	"net/url"
	"strings"
)

// Pasted is a registry as people copy it from a browser, a guide or a variable,
// taken apart.
type Pasted struct {
	Host string // canonical: ParseHost takes it
	Path string // below which the repositories are; empty: all of them
}

// Flags writes it as the command line takes it.
func (p Pasted) Flags() string {
	if p.Path == "" {
		return "--host " + p.Host
	}
	return "--host " + p.Host + " --path-prefix " + p.Path
}

// ReadPasted reads what ParseHost refuses and a person can still mean: an address
// with a scheme, upper case, a path, an IPv6 address without brackets, the host of
// a registry's web pages. The result is for a person to confirm, or for a verb that
// says what it made of it; references are never read this way, because two parsers
// that repair would not agree.
func ReadPasted(text string) (Pasted, bool) {
	text = strings.TrimSpace(text)
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() && !a.Is4In6() && a.Zone() == "" {
		return accepted("["+a.String()+"]", "")
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		if !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "oci") &&
			!strings.EqualFold(scheme, "docker") {
			return Pasted{}, false
		}
		text = rest
	}
	u, err := url.Parse("https://" + text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "" {
		return Pasted{}, false
	}
	host, path := strings.ToLower(u.Host), strings.Trim(u.Path, "/")
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ".")
	if w, ok := webHosts[host]; ok {
		return accepted(w.registry, w.repository(path))
	}
	for _, api := range []string{"v2", "v1", "artifactory/api/docker"} { // addresses of the API, not of images
		if path == api {
			path = ""
		}
		path = strings.TrimPrefix(path, api+"/")
	}
	return accepted(unalias(host), path)
}

// accepted holds the parts against the strict grammar.
func accepted(host, path string) (Pasted, bool) {
	if path != "" && !ValidRepository(path) {
		path = strings.ToLower(path)
		if !ValidRepository(path) {
			return Pasted{}, false
		}
	}
	if _, isWeb := refuseWebHost(host); isWeb || refuseName(host) != "" {
		return Pasted{}, false
	}
	if _, err := hostNamed(host); err != nil {
		return Pasted{}, false
	}
	return Pasted{Host: host, Path: path}, true
}

// webHost is where a registry's web pages are, which is not where its images are.
type webHost struct {
	registry string
	before   []string // what stands before the repository in the path of a page
}

func (w webHost) repository(path string) string {
	for _, b := range w.before {
		if rest, ok := strings.CutPrefix(path, b); ok {
			rest, _, _ = strings.Cut(rest, "/tags")
			return rest
		}
	}
	return ""
}

var webHosts = map[string]webHost{
	"hub.docker.com":           {dockerHub, []string{"r/", "repository/docker/"}},
	"www.docker.com":           {registry: dockerHub},
	"docker.com":               {registry: dockerHub},
	"github.com":               {registry: "ghcr.io"},
	"gitlab.com":               {registry: "registry.gitlab.com"},
	"gallery.ecr.aws":          {registry: "public.ecr.aws"},
	"www.quay.io":              {registry: "quay.io"},
	"portal.azure.com":         {registry: "NAME.azurecr.io"},
	"console.aws.com":          {registry: "ACCOUNT.dkr.ecr.REGION.amazonaws.com"},
	"console.cloud.google.com": {registry: "REGION-docker.pkg.dev"},
}

// refuseWebHost says which host a registry's web pages are mistaken for, or "".
func refuseWebHost(name string) (registry string, isWeb bool) {
	w, ok := webHosts[name]
	return w.registry, ok
}
