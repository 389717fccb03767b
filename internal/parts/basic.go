package parts

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/crypto/bcrypt"
)

// BasicRegistry is a registry that asks for a username and a password, over plain
// HTTP on a loopback port (docker, skopeo and our own client allow that there).
type BasicRegistry struct {
	Host     string // 127.0.0.1:40123
	Username string
	Password string

	registry *daemon
}

// StartRegistry starts Debian's docker-registry with its files in dir.
func StartRegistry(ctx context.Context, dir string) (*BasicRegistry, error) {
	path, err := find("docker-registry")
	if err != nil {
		return nil, err
	}
	for range attempts {
		var r *BasicRegistry
		if r, err = startRegistry(ctx, path, dir); err == nil {
			return r, nil
		}
	}
	return nil, err
}

const registryConfig = `version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}
http: {addr: %q, secret: %q}
auth: {htpasswd: {realm: parts, path: %q}}
`

func startRegistry(ctx context.Context, path, dir string) (*BasicRegistry, error) {
	host, port, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	r := &BasicRegistry{Host: net.JoinHostPort(host, port), Username: "parts", Password: rand.Text()}
	hash, err := bcrypt.GenerateFromPassword([]byte(r.Password), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	config := fmt.Sprintf(registryConfig, in("blobs"), r.Host, rand.Text(), in("htpasswd"))
	for name, text := range map[string]string{"htpasswd": r.Username + ":" + string(hash) + "\n", "config.yml": config} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	r.registry, err = command{
		path: path, args: []string{"serve", in("config.yml")}, dir: dir, log: in("registry.log"),
	}.start(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.registry.ready(ctx, r.answers); err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

// Stop ends the registry.
func (r *BasicRegistry) Stop() { r.registry.stop(syscall.SIGTERM) }

// URL is the form in which a registry travels in an environment variable.
func (r *BasicRegistry) URL() string {
	u := url.URL{Scheme: "http", User: url.UserPassword(r.Username, r.Password), Host: r.Host}
	return u.String()
}

// parseRegistry reads what URL wrote.
func parseRegistry(text string) (BasicRegistry, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.User == nil {
		return BasicRegistry{}, fmt.Errorf("%s must look like http://username:password@127.0.0.1:5000", EnvRegistry)
	}
	password, _ := u.User.Password()
	return BasicRegistry{Host: u.Host, Username: u.User.Username(), Password: password}, nil
}

func (r *BasicRegistry) answers(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Host+"/v2/", http.NoBody)
	if err != nil {
		return err
	}
	req.SetBasicAuth(r.Username, r.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /v2/: %s", resp.Status)
	}
	return nil
}
