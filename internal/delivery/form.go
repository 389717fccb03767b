package delivery

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// HelperName is what the credential helper is called in configurations: clients put
// docker-credential- before it.
const HelperName = "pullpass"

// Form is what a consumer takes.
type Form string

// The forms.
const (
	FormDocker     Form = "docker"     // config.json of docker, buildx, crane, ko, oras, helm
	FormContainers Form = "containers" // auth.json of podman, skopeo, buildah
	FormVariable   Form = "variable"   // DOCKER_AUTH_CONFIG of GitLab Runner, and of docker since 28.3
	FormKubernetes Form = "kubernetes" // a Secret of type kubernetes.io/dockerconfigjson
)

// Key is the name under which consumers of a form look for a host.
func (f Form) Key(h reference.Host) string {
	if f == FormContainers {
		return h.Name // docker.io, where docker has https://index.docker.io/v1/
	}
	return h.ConfigKey()
}

// DefaultPath is the file that consumers of a form read, by the variables that they
// look at; it is "" where the form is no file.
func (f Form) DefaultPath(getenv func(string) string, uid int) (string, error) {
	home := getenv("HOME")
	noHome := &pullpass.Error{
		Kind: pullpass.Invalid, What: "cannot tell which file to write", Cause: "HOME is not set",
		Hint: "name it: --file PATH",
	}
	switch f {
	case FormDocker:
		if dir := getenv("DOCKER_CONFIG"); dir != "" {
			return filepath.Join(dir, "config.json"), nil
		}
		if home == "" {
			return "", noHome
		}
		return filepath.Join(home, ".docker", "config.json"), nil
	case FormContainers:
		if path := getenv("REGISTRY_AUTH_FILE"); path != "" {
			return path, nil
		}
		if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
			return filepath.Join(dir, "containers", "auth.json"), nil
		}
		run := filepath.Join("/run/containers", fmt.Sprint(uid))
		if _, err := os.Stat(run); err == nil || uid == 0 {
			return filepath.Join(run, "auth.json"), nil
		}
		if home == "" {
			return "", noHome
		}
		return filepath.Join(home, ".config", "containers", "auth.json"), nil
	}
	return "", nil
}

// Issuer gives the credentials that are written out where a consumer cannot ask a
// helper.
type Issuer interface {
	Credential(ctx context.Context, host string) (pullpass.Credential, error)
}

// Wanted is what a configuration is to open, and how.
type Wanted struct {
	Form    Form
	Hosts   []reference.Host
	Store   bool // one helper for all registries: credsStore
	Replace bool // another helper that is there
	// Issuer writes logins that expire instead of naming the helper.
	Issuer Issuer
}

// Logins asks for a credential for each host, in their order. A file that holds all of
// them is good until the first one expires.
func (w Wanted) Logins(ctx context.Context) ([]pullpass.Credential, error) {
	var all []pullpass.Credential
	for _, host := range w.Hosts {
		c, err := w.Issuer.Credential(ctx, host.Name)
		if err != nil {
			return nil, err
		}
		c.Host = host.Name
		all = append(all, c)
	}
	return all, nil
}

// Apply writes into c what is wanted: the helper, or the logins of the same hosts.
func (w Wanted) Apply(c *Config, logins []pullpass.Credential) error {
	for i, login := range logins {
		key := w.Form.Key(w.Hosts[i])
		helpers, err := c.Helpers()
		if err != nil {
			return err
		}
		store, err := c.Store()
		if err != nil {
			return err
		}
		helper, has := helpers[key]
		if !has && w.Form != FormContainers { // which has no credsStore
			helper = store
		}
		if helper != "" {
			return &pullpass.Error{
				Kind: pullpass.Conflict, Code: "login_shadowed", What: "cannot write a login for " + key,
				Cause: fmt.Sprintf("the helper %q is configured there, and clients ask it instead", helper),
				Hint:  "leave out --auths, or remove the helper from the file",
			}
		}
		if err := c.SetLogin(key, login); err != nil {
			return err
		}
	}
	if w.Issuer != nil {
		return nil
	}
	if w.Store {
		return c.UseStore(HelperName, w.Replace)
	}
	for _, host := range w.Hosts {
		if err := c.UseHelper(w.Form.Key(host), HelperName, w.Replace); err != nil {
			return err
		}
	}
	return nil
}

// Expires is when the first of the logins ends; zero where none does.
func Expires(logins []pullpass.Credential) time.Time {
	var first time.Time
	for _, c := range logins {
		if !c.Expires.IsZero() && (first.IsZero() || c.Expires.Before(first)) {
			first = c.Expires
		}
	}
	return first
}

// Secret is a Kubernetes Secret, as a manifest in JSON, that holds a configuration.
func Secret(c *Config, name, namespace string, expires time.Time) []byte {
	meta := object{}
	meta.set(-1, "name", encoded(name))
	if namespace != "" {
		meta.set(-1, "namespace", encoded(namespace))
	}
	if !expires.IsZero() {
		meta.set(-1, "annotations", encoded(map[string]string{"pullpass.dev/expires": expires.UTC().Format(time.RFC3339)}))
	}
	var root object
	root.set(-1, "apiVersion", encoded("v1"))
	root.set(-1, "kind", encoded("Secret"))
	root.set(-1, "metadata", meta.raw())
	root.set(-1, "type", encoded("kubernetes.io/dockerconfigjson"))
	root.set(-1, "data", encoded(map[string]string{".dockerconfigjson": base64.StdEncoding.EncodeToString([]byte(c.Line()))}))
	return (&Config{root: root, indent: "  "}).Bytes()
}

// ParseHosts reads hosts as people write them; each is there once.
func ParseHosts(written []string, parse func(string) (reference.Host, error)) ([]reference.Host, error) {
	var hosts []reference.Host
	seen := map[string]bool{}
	for _, text := range written {
		h, err := parse(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		if !seen[h.Name] {
			seen[h.Name] = true
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}
