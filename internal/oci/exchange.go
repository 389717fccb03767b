package oci

import (
	"encoding/base64"
	"net/url"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/reference"
)

// knownRealms are token services that live on another host than the registry
// and belong to the same operator. Every other realm is on the registry's own
// origin, or the operator's mapping of the host names it, or it gets no password.
var knownRealms = map[string][]string{
	"docker.io":           {"https://auth.docker.io:443"},
	"registry.gitlab.com": {"https://gitlab.com:443"},
	"ecr-public.aws.com":  {"https://public.ecr.aws:443"},
	// Scaleway's registries, one name a region: https://www.scaleway.com/en/docs/container-registry/
	"rg.fr-par.scw.cloud": {"https://api.scaleway.com:443"},
	"rg.nl-ams.scw.cloud": {"https://api.scaleway.com:443"},
	"rg.pl-waw.scw.cloud": {"https://api.scaleway.com:443"},
}

func basic(c pullpass.Credential) pullpass.Secret {
	return pullpass.NewSecret("Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Secret.Reveal())))
}

// allowedRealm: origins have no default port, and an operator may write one.
func allowedRealm(h reference.Host, origin string) bool {
	u, err := url.Parse(h.Realm())
	return err == nil && h.Realm() != "" && originOf(u) == origin
}

func refusedRealm(on subject, origin, why string) error {
	return &pullpass.Error{Kind: pullpass.Denied, Code: "realm_refused", What: on.what,
		Cause: "the registry wants the password to be sent to the token service " + printable.Line(
			origin,
			maxShown,
		) + ": " + why + "; it was not sent",
		Hint: "if that service belongs to the registry, the operator of the server (and of each runner) adds it to the host's mapping: --host host=" +
			on.host.Name + mappedURL(
			on.host,
		) + ",realm=" + shownOrigin(
			origin,
		)}
}

// mappedURL repeats the address that the host is mapped to already, for a hint that
// can be used as it is.
func mappedURL(h reference.Host) string {
	if h.URL() == "https://"+h.Name || h.Kind == reference.KindDockerHub {
		return ""
	}
	return ",registry=" + h.URL()
}

// shownOrigin leaves the default port out, as people write addresses.
func shownOrigin(origin string) string {
	u, err := url.Parse(printable.Line(origin, maxShown))
	if err != nil {
		return "https://…"
	}
	if (u.Scheme == "https" && u.Port() == "443") || (u.Scheme == "http" && u.Port() == "80") {
		return u.Scheme + "://" + u.Hostname()
	}
	return u.Scheme + "://" + u.Host
}

// headerText reports whether s can stand in a header line.
func headerText(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
