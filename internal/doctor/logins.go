package doctor

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/reference"
)

// Login is what Docker on this machine has for a host: that there is something,
// never what it is.
type Login struct {
	Host   string // as config.json writes it
	Helper string // the credential helper that answers for it; empty: stored in the file
}

// storesNothing are credential helpers that fetch and cannot keep: docker login
// fails with them.
var storesNothing = map[string]bool{"ecr-login": true, "gcr": true, "gcloud": true, "acr-env": true}

// ReadLogins reads Docker's config.json. Its credentials are not decoded.
func ReadLogins(config []byte) ([]Login, error) {
	var file struct {
		Auths      map[string]json.RawMessage `json:"auths"`
		Helpers    map[string]string          `json:"credHelpers"`
		CredsStore string                     `json:"credsStore"`
	}
	if err := json.Unmarshal(config, &file); err != nil {
		return nil, fmt.Errorf("docker's config.json is not JSON of the form that Docker writes")
	}
	var logins []Login
	for _, host := range slices.Sorted(maps.Keys(file.Helpers)) {
		logins = append(logins, Login{host, file.Helpers[host]})
	}
	for _, host := range slices.Sorted(maps.Keys(file.Auths)) {
		if file.Helpers[host] == "" { // a helper goes before
			logins = append(logins, Login{host, file.CredsStore})
		}
	}
	return logins, nil
}

// logins says what Docker would find for the host, where that is known.
func (d *Doctor) logins(r *report, host reference.Host, p Pull) {
	if p.Logins == nil {
		return
	}
	i := slices.IndexFunc(p.Logins, func(l Login) bool { return sameHost(l.Host, host) })
	switch {
	case i < 0:
		r.skip("Docker on this machine has nothing for this host", StepLogins)
	case storesNothing[p.Logins[i].Helper]:
		r.warn(StepLogins, 0, "helper_cannot_store", "Docker asks docker-credential-"+p.Logins[i].Helper+" for this host",
			"docker-credential-"+p.Logins[i].Helper+" fetches logins and keeps none: docker login to this host ends with “not implemented”", "")
	case p.Logins[i].Helper != "":
		r.ok(StepLogins, 0, "Docker asks docker-credential-"+p.Logins[i].Helper+" for this host")
	default:
		r.ok(StepLogins, 0, "Docker has a stored login for this host")
	}
}

func sameHost(written string, host reference.Host) bool {
	return written == host.ConfigKey() || bareHost(written) == host.Name
}

func bareHost(written string) string {
	bare := strings.TrimPrefix(strings.TrimPrefix(written, "https://"), "http://")
	bare, _, _ = strings.Cut(bare, "/")
	return bare
}

// neighbour finds a login for another registry of ECR, which people expect to
// count.
func neighbour(host reference.Host, logins []Login) (string, bool) {
	if host.ECR == nil {
		return "", false
	}
	for _, l := range logins {
		if h, err := reference.ParseHost(bareHost(l.Host)); err == nil && h.ECR != nil && h.Name != host.Name {
			return h.Name, true
		}
	}
	return "", false
}
