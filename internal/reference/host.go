package reference

import (
	"net/url"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// Kind is what sort of registry answers at a host.
type Kind string

// LoginHint says what this kind of registry takes as user name and password.
func (k Kind) LoginHint() string {
	switch k {
	case KindECR:
		return "ECR passwords last 12 hours: use an integration or runner-native instead of a password"
	case KindECRPublic:
		return "user name AWS and a token from us-east-1; public images need none"
	case KindDockerHub:
		return "your Docker ID and an access token with the scope repo:read"
	case KindGHCR:
		return "your GitHub user name and a classic personal access token with the scope read:packages"
	case KindGitLab:
		return "a deploy token's name and the token with the scope read_registry"
	case KindACR:
		return "a token's name and password (az acr token create), or a service principal's id and secret"
	case KindGCR:
		return "user name _json_key and a service account key, or oauth2accesstoken and an access token"
	}
	return "a user name and a password or token that may only read"
}

// The kinds. A host that is none of the known ones is generic: it may be any
// registry that speaks the OCI distribution protocol.
const (
	KindECR       Kind = "ecr"
	KindECRPublic Kind = "ecr-public"
	KindDockerHub Kind = "docker-hub"
	KindGHCR      Kind = "ghcr"
	KindGitLab    Kind = "gitlab"
	KindACR       Kind = "acr"
	KindGCR       Kind = "gcr" // Artifact Registry too: one login for both
	KindGeneric   Kind = "generic"
)

// Host is a registry host in its canonical form.
type Host struct {
	Name string // "host" or "host:port", as image references name it
	Kind Kind
	ECR  *ECR // KindECR only

	url   string // from a Mapping; empty: https at Name
	realm string // from a Mapping
}

// Realm is the origin of a token service that the operator says belongs to the
// registry; empty where there is none but its own.
func (h Host) Realm() string { return h.realm }

// ParseHost reads a registry host as people write it: a host, host:port,
// https://host, or Docker's own https://index.docker.io/v1/. It knows the
// grammar only; Hosts.Parse knows the operator's mappings, too.
func ParseHost(s string) (Host, error) {
	name, err := hostName(s)
	if err != nil {
		return Host{}, err
	}
	return hostNamed(name)
}

// hostName strips the written forms and returns the canonical host[:port].
func hostName(s string) (string, error) {
	text := s
	if rest, ok := strings.CutPrefix(s, "https://"); ok {
		text = rest
		for _, path := range []string{"/v1/", "/v2/", "/v1", "/v2", "/"} {
			if host, ok := strings.CutSuffix(rest, path); ok {
				text = host
				break
			}
		}
	}
	if reason := refuseName(text); reason != "" {
		return "", invalid("the registry host", s, reason, hintFor(s))
	}
	if registry, isWeb := refuseWebHost(text); isWeb {
		return "", invalid(
			"the registry host",
			s,
			"it has the registry's web pages, not its images",
			"the registry is "+registry,
		)
	}
	return unalias(text), nil
}

// hintFor names the flags that a person probably means.
func hintFor(s string) string {
	if p, ok := ReadPasted(s); ok {
		return "write it as " + p.Flags()
	}
	return hostHint
}

const hostHint = "write it as in an image reference: ghcr.io, registry.example.com:5000, 222222222222.dkr.ecr.eu-west-1.amazonaws.com"

// hostNamed classifies a canonical name.
func hostNamed(name string) (Host, error) {
	if e, ok := parseECR(name); ok {
		return Host{Name: name, Kind: KindECR, ECR: e}, nil
	}
	if awsname.ResemblesRegistry(name) {
		return Host{}, invalid(
			"the registry host",
			name,
			"it resembles an Amazon ECR host but is not one: an ECR host is exactly account.dkr.ecr.region.suffix, without a port",
			"correct the name; a VPC endpoint, custom domain or emulator is added to the server's host mappings",
		)
	}
	kind := knownKind(name)
	if bare, _, ok := strings.Cut(name, ":"); ok && kind == KindGeneric && knownKind(bare) != KindGeneric {
		return Host{}, invalid("the registry host", name, "this registry is reached without a port", "remove the port")
	}
	return Host{Name: name, Kind: kind}, nil
}

// URL returns where the registry's API is, without a trailing slash.
func (h Host) URL() string {
	switch {
	case h.url != "":
		return h.url
	case h.Kind == KindDockerHub:
		return "https://registry-1.docker.io"
	}
	return "https://" + h.Name
}

// EngineName is the host that an engine is told to pull from: where the operator's
// mapping has the registry, else its name. Engines know no mappings.
func (h Host) EngineName() string {
	if u, err := url.Parse(h.url); err == nil && u.Host != "" {
		return u.Host
	}
	return h.Name
}

// ConfigKey returns the key under which Docker's config.json keeps the host.
func (h Host) ConfigKey() string {
	if h.Kind == KindDockerHub {
		return "https://index.docker.io/v1/"
	}
	return h.Name
}

func (h Host) String() string { return h.Name }

func (h Host) clone() Host {
	if h.ECR != nil {
		e := *h.ECR
		h.ECR = &e
	}
	return h
}

// invalid makes the error of this package. It shows the input only where every
// byte of it is plain: what cannot be read must not reach a terminal or a log.
func invalid(what, input, cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "reference_invalid",
		What: what + " " + shown(input) + " is refused", Cause: cause, Hint: hint}
}

func shown(s string) string {
	if len(s) > 300 {
		return "(too long to show)"
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '@' { // before an @ there may be a password
			return "(not shown)"
		}
	}
	return `"` + s + `"`
}
