package clients_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pullpass/pullpass/internal/delivery/clients"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/reference"
)

// TestMain stands in for crane: go-containerregistry reads its variables once in a
// process.
func TestMain(m *testing.M) {
	var code int
	if image := os.Getenv("AS_CRANE"); image != "" {
		code = crane(image)
	} else {
		code = m.Run()
	}
	os.Exit(code) //nolint:forbidigo // this is main
}

func crane(image string) int {
	ref, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	found, err := authn.DefaultKeychain.Resolve(ref.Context())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	config, err := found.Authorization()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = fmt.Fprint(os.Stdout, config.Username)
	return 0
}

// situation is a home directory and variables. HOST is the registry's host, and
// LOGIN(name) the auth of a user of that name.
type situation struct {
	name  string
	files map[string]string // below the home directory
	env   map[string]string // HOME/ stands for the home directory
	image string            // HOST/team/app:1 unless given
}

var situations = []situation{
	{name: "nothing"},
	{name: "a helper for the host", files: map[string]string{".docker/config.json": `{"credHelpers":{"HOST":"one"}}`}},
	{name: "a helper for another host", files: map[string]string{".docker/config.json": `{"credHelpers":{"quay.example":"two"}}`}},
	{name: "a helper for all", files: map[string]string{".docker/config.json": `{"credsStore":"one"}`}},
	{name: "both helpers", files: map[string]string{".docker/config.json": `{"credsStore":"two","credHelpers":{"HOST":"one"}}`}},
	{name: "a login", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}}}`}},
	{name: "a login written as a URL", files: map[string]string{".docker/config.json": `{"auths":{"https://HOST/v1/":{"auth":"LOGIN(url)"}}}`}},
	{name: "a login and a helper", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}},"credHelpers":{"HOST":"one"}}`}},
	{name: "a login and a helper for all", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}},"credsStore":"one"}`}},
	{name: "a login for a path", files: map[string]string{".docker/config.json": `{"auths":{"HOST/team":{"auth":"LOGIN(path)"},"HOST":{"auth":"LOGIN(host)"}}}`}},
	{name: "a login for the repository", files: map[string]string{".docker/config.json": `{"auths":{"HOST/team/app":{"auth":"LOGIN(repository)"},"HOST":{"auth":"LOGIN(host)"}}}`}},
	{name: "an empty login", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{}}}`}},
	{name: "a helper for the repository", files: map[string]string{".docker/config.json": `{"credHelpers":{"HOST/team/app":"two","HOST":"one"}}`}},
	{name: "a field in another case", files: map[string]string{".docker/config.json": `{"CREDHELPERS":{"HOST":"one"}}`}},
	{name: "a variable and a file", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}}}`},
		env: map[string]string{"DOCKER_AUTH_CONFIG": `{"auths":{"HOST":{"auth":"LOGIN(variable)"}}}`}},
	{name: "a variable alone", env: map[string]string{"DOCKER_AUTH_CONFIG": `{"auths":{"HOST":{"auth":"LOGIN(variable)"}}}`}},
	{name: "a variable with a helper", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}}}`},
		env: map[string]string{"DOCKER_AUTH_CONFIG": `{"credHelpers":{"HOST":"one"}}`}},
	{name: "a variable with a helper for all", env: map[string]string{"DOCKER_AUTH_CONFIG": `{"credsStore":"one"}`}},
	{name: "a variable with more than logins", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}}}`},
		env: map[string]string{"DOCKER_AUTH_CONFIG": `{"auths":{"HOST":{"auth":"LOGIN(variable)"}},"credHelpers":{"quay.example":"one"}}`}},
	{name: "a variable for another host", files: map[string]string{".docker/config.json": `{"credHelpers":{"HOST":"one"}}`},
		env: map[string]string{"DOCKER_AUTH_CONFIG": `{"auths":{"quay.example":{"auth":"LOGIN(other)"}}}`}},
	{name: "a missing helper beside a login", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}},"credHelpers":{"quay.example":"missing"}}`}},
	{name: "a missing helper in the variable", files: map[string]string{".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}}}`},
		env: map[string]string{"DOCKER_AUTH_CONFIG": `{"auths":{"HOST":{"auth":"LOGIN(variable)"}},"credHelpers":{"quay.example":"missing"}}`}},
	{name: "another directory", files: map[string]string{"other/config.json": `{"auths":{"HOST":{"auth":"LOGIN(other)"}}}`, ".docker/config.json": `{"auths":{"HOST":{"auth":"LOGIN(file)"}}}`},
		env: map[string]string{"DOCKER_CONFIG": "HOME/other"}},
	{name: "auth.json beside config.json", files: map[string]string{"run/containers/auth.json": `{"auths":{"HOST":{"auth":"LOGIN(run)"}}}`, ".docker/config.json": `{"credHelpers":{"HOST":"one"}}`},
		env: map[string]string{"XDG_RUNTIME_DIR": "HOME/run"}},
	{name: "auth.json of the home directory", files: map[string]string{".config/containers/auth.json": `{"auths":{"HOST/team":{"auth":"LOGIN(home)"}}}`, "run/x": ""},
		env: map[string]string{"XDG_RUNTIME_DIR": "HOME/run"}},
	{name: "auth.json with credsStore", files: map[string]string{"run/containers/auth.json": `{"credsStore":"one"}`}, env: map[string]string{"XDG_RUNTIME_DIR": "HOME/run"}},
	{name: "auth.json with a helper", files: map[string]string{"run/containers/auth.json": `{"credHelpers":{"HOST":"one"}}`}, env: map[string]string{"XDG_RUNTIME_DIR": "HOME/run"}},
	{name: "REGISTRY_AUTH_FILE", files: map[string]string{"my.json": `{"auths":{"HOST":{"auth":"LOGIN(mine)"}}}`, "run/containers/auth.json": `{"auths":{"HOST":{"auth":"LOGIN(run)"}}}`},
		env: map[string]string{"REGISTRY_AUTH_FILE": "HOME/my.json", "XDG_RUNTIME_DIR": "HOME/run"}},
	{name: "helm's own file", files: map[string]string{"helm.json": `{"auths":{"HOST":{"auth":"LOGIN(helm)"}}}`, ".docker/config.json": `{"credHelpers":{"HOST":"one"}}`},
		env: map[string]string{"HELM_REGISTRY_CONFIG": "HOME/helm.json"}},
	{name: "helm's own file for another host", files: map[string]string{"helm.json": `{"auths":{"quay.example":{"auth":"LOGIN(helm)"}}}`, ".docker/config.json": `{"credHelpers":{"HOST":"one"}}`},
		env: map[string]string{"HELM_REGISTRY_CONFIG": "HOME/helm.json"}},
	{name: "a file that is no JSON", files: map[string]string{".docker/config.json": `{"auths":`}},
	{name: "by digest", image: "HOST/team/app@sha256:" + strings.Repeat("a", 64), files: map[string]string{".docker/config.json": `{"auths":{"HOST/team/app":{"auth":"LOGIN(repository)"}}}`}},
	{name: "by digest, below a path", image: "HOST/team/app@sha256:" + strings.Repeat("a", 64), files: map[string]string{".docker/config.json": `{"auths":{"HOST/team":{"auth":"LOGIN(path)"}}}`}},
	{name: ".dockercfg in the grammar of config.json", files: map[string]string{".dockercfg": `{"auths":{"HOST":{"auth":"LOGIN(legacy)"}}}`}},
	{name: ".dockercfg", files: map[string]string{".dockercfg": `{"HOST":{"auth":"LOGIN(legacy)"}}`, "run/x": ""}, env: map[string]string{"XDG_RUNTIME_DIR": "HOME/run"}},
}

// bench is where a situation is laid out, with a registry that notes who comes.
type bench struct {
	home, host string
	mu         sync.Mutex
	came       []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0") // docker looks for it
		user, _, ok := req.BasicAuth()
		if !ok || user == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		b.mu.Lock()
		b.came = append(b.came, user)
		b.mu.Unlock()
		if req.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	b.host = strings.TrimPrefix(server.URL, "https://")
	return b
}

var loginText = regexp.MustCompile(`LOGIN\((\w+)\)`)

func (b *bench) fill(text string) string {
	text = loginText.ReplaceAllStringFunc(text, func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(loginText.FindStringSubmatch(s)[1] + ":password"))
	})
	return strings.ReplaceAll(strings.ReplaceAll(text, "HOST", b.host), "HOME/", b.home+"/")
}

// lay makes the home directory, and returns the environment of a client.
func (b *bench) lay(t *testing.T, s situation) map[string]string {
	t.Helper()
	b.home = t.TempDir()
	b.came = nil
	put := func(path, text string, mode os.FileMode) {
		t.Helper()
		to := filepath.Join(b.home, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range s.files {
		put(path, b.fill(text), 0o600)
	}
	for _, helper := range []string{"one", "two"} {
		put("bin/docker-credential-"+helper, fmt.Sprintf(`#!/bin/sh
case $1 in
get) read -r url; printf '{"ServerURL":"%%s","Username":"helper-%s","Secret":"password"}' "$url" ;;
list) printf '{"%s":"helper-%s"}' ;;
esac
`, helper, b.host, helper), 0o700)
	}
	env := map[string]string{"HOME": b.home, "PATH": filepath.Join(b.home, "bin") + ":/usr/bin:/bin"}
	for name, value := range s.env {
		env[name] = b.fill(value)
	}
	return env
}

// expected is the user name behind an answer.
func (b *bench) expected(t *testing.T, a clients.Answer, env map[string]string) string {
	t.Helper()
	switch {
	case a.Problem != "" || a.Entry == "":
		return ""
	case a.Helper != "":
		return "helper-" + strings.TrimPrefix(a.Helper, "docker-credential-")
	}
	text := []byte(env[strings.TrimPrefix(a.Place, "$")])
	if !strings.HasPrefix(a.Place, "$") {
		var err error
		if text, err = os.ReadFile(a.Place); err != nil {
			t.Fatal(err)
		}
	}
	type logins map[string]struct {
		Auth []byte `json:"auth"`
	}
	var config struct{ Auths logins }
	err := json.Unmarshal(text, &config)
	if strings.HasSuffix(a.Place, ".dockercfg") && a.Client != "gitlab-runner" {
		err = json.Unmarshal(text, &config.Auths)
	}
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSuffix(strings.TrimPrefix(a.Entry, `auths["`), `"]`)
	user, _, _ := strings.Cut(string(config.Auths[key].Auth), ":")
	return user
}

// world is what the rules see of it.
func world(env map[string]string) clients.World {
	return clients.World{
		Getenv: func(name string) string { return env[name] }, ReadFile: os.ReadFile, UID: os.Getuid(),
		LookPath: func(program string) (string, error) {
			path := filepath.Join(env["HOME"], "bin", program)
			_, err := os.Stat(path)
			return path, err
		},
	}
}

// client runs a client and returns the user name that it comes with, "" for none.
type client func(t *testing.T, b *bench, env []string, image string) string

func output(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.WaitDelay = env, 5*time.Second
	out, err := cmd.Output()
	if err != nil {
		return "" // a client that fails comes with nobody
	}
	return string(out)
}

// visits is who came to the registry.
func visits(command func(b *bench, image string) []string) client {
	return func(t *testing.T, b *bench, env []string, image string) string {
		t.Helper()
		words := command(b, image)
		_ = output(t, env, words[0], words[1:]...)
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.came) == 0 {
			return ""
		}
		return b.came[0]
	}
}

// TestClientsUseWhatIsSaid lays out each situation for each client that runs here, and
// compares who comes to the registry with what the rules say.
func TestClientsUseWhatIsSaid(t *testing.T) {
	b := newBench(t)
	docker, skopeo, runner, oras := parts.Command(t, "docker"), parts.Command(t, "skopeo"), parts.GitLabRunner(t), parts.ORAS(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	asked := func(name string) client {
		return func(t *testing.T, b *bench, env []string, _ string) string {
			t.Helper()
			return output(t, env, name, b.host)
		}
	}
	compared := map[string]client{
		"skopeo 1.4 and later": visits(func(_ *bench, image string) []string {
			return []string{skopeo, "inspect", "--tls-verify=false", "--raw", "docker://" + image}
		}),
		"crane crane, ko: go-containerregistry 0.20 and later": func(t *testing.T, _ *bench, env []string, image string) string {
			t.Helper()
			return output(t, append(env, "AS_CRANE="+image), self)
		},
		"gitlab-runner job image and services": func(t *testing.T, _ *bench, env []string, image string) string {
			t.Helper()
			var found []struct{ Username string }
			if out := output(t, env, runner, image); out != "" {
				if err := json.Unmarshal([]byte(out), &found); err != nil {
					t.Fatal(err)
				}
				return found[0].Username
			}
			return ""
		},
		"oras 1.0 and later":  asked(oras),
		"helm 3.13 and later": asked(oras),
	}
	for _, path := range []string{docker, "/usr/local/bin/docker", "/usr/bin/docker"} { // there may be two
		if _, err := os.Stat(path); err == nil {
			compared["docker "+dockerRules(t, path)] = visits(func(_ *bench, image string) []string {
				return []string{path, "manifest", "inspect", "--insecure", image}
			})
		}
	}
	done := 0
	for _, c := range clients.All() {
		run := compared[c.Name+" "+c.Versions]
		if run == nil {
			continue
		}
		done++
		for _, s := range situations {
			env := b.lay(t, s)
			if c.Name == "oras" {
				delete(env, "HELM_REGISTRY_CONFIG")
			}
			image := s.image
			if image == "" {
				image = "HOST/team/app:1"
			}
			image = b.fill(image)
			parsed, err := reference.ParseImage(image)
			if err != nil {
				t.Fatal(err)
			}
			a := c.Resolve(parsed, world(env))
			var list []string
			for name, value := range env {
				list = append(list, name+"="+value)
			}
			if got, want := run(t, b, list, image), b.expected(t, a, env); got != want {
				t.Errorf("%s, %s: comes as %q, and the rules say %q: %s\n%s", c.Name, s.name, got, want, a.Text(), strings.Join(a.Steps, "\n"))
			}
		}
	}
	if done != len(compared) {
		t.Errorf("compared %d clients, want %d", done, len(compared))
	}
}

// dockerRules are those of the docker that is here.
func dockerRules(t *testing.T, docker string) string {
	t.Helper()
	out := output(t, os.Environ(), docker, "--version")
	var major, minor int
	if _, err := fmt.Sscanf(out, "Docker version %d.%d", &major, &minor); err != nil {
		t.Fatalf("docker --version: %q, %v", out, err)
	}
	switch {
	case major >= 29 || major == 28 && minor >= 3:
		return "28.3 to 29"
	case major >= 23:
		return "23 to 28.2"
	}
	return "20.10"
}

// Docker Hub has a name of its own in each configuration.
func TestDockerHub(t *testing.T) {
	b := newBench(t)
	image, err := reference.ParseImage("alpine:3")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{
		"https://index.docker.io/v1/": {"docker", "buildx", "gitlab-runner", "crane", "helm", "oras"},
		"docker.io":                   {"podman", "skopeo", "gitlab-runner"},
	} {
		env := b.lay(t, situation{files: map[string]string{".docker/config.json": `{"credHelpers":{"` + key + `":"one"}}`}})
		var used []string
		for _, c := range clients.All() {
			if a := c.Resolve(image, world(env)); a.Helper != "" && !slices.Contains(used, c.Name) {
				used = append(used, c.Name)
			}
		}
		slices.Sort(used)
		slices.Sort(want)
		if !slices.Equal(used, want) {
			t.Errorf("a helper for %s is used by %v, want %v", key, used, want)
		}
	}
}

// The kubelet reads logins alone, with patterns; the longest goes first.
func TestKubelet(t *testing.T) {
	b := newBench(t)
	kubelet := clients.All()[slices.IndexFunc(clients.All(), func(c clients.Client) bool { return c.Name == "kubelet" })]
	for _, test := range []struct{ image, keys, want string }{
		{"ghcr.io/acme/app:1", "ghcr.io", "ghcr.io"},
		{"ghcr.io/acme/app:1", "ghcr.io ghcr.io/acme", "ghcr.io/acme"},
		{"222222222222.dkr.ecr.eu-west-1.amazonaws.com/app:1", "*.dkr.ecr.*.amazonaws.com", "*.dkr.ecr.*.amazonaws.com"},
		{"ghcr.io/acme/app:1", "*.io", "*.io"},
		{"a.ghcr.io/acme/app:1", "*.io", ""},
		{"registry.example:5000/app:1", "registry.example", ""},
		{"registry.example:5000/app:1", "registry.example:5000", "registry.example:5000"},
		{"alpine:3", "https://index.docker.io/v1/", "https://index.docker.io/v1/"},
		{"ghcr.io/acme/app:1", "https://ghcr.io/v1/", "https://ghcr.io/v1/"},
	} {
		auths := map[string]any{}
		for key := range strings.FieldsSeq(test.keys) {
			auths[key] = map[string]string{"auth": "YTpi"}
		}
		text, err := json.Marshal(map[string]any{"auths": auths, "credsStore": "one"})
		if err != nil {
			t.Fatal(err)
		}
		env := b.lay(t, situation{files: map[string]string{".docker/config.json": string(text)}})
		image, err := reference.ParseImage(test.image)
		if err != nil {
			t.Fatal(err)
		}
		w := world(env)
		want := ""
		if test.want != "" {
			want = fmt.Sprintf("auths[%q]", test.want)
		}
		if a := kubelet.Resolve(image, w); a.Entry != want {
			t.Errorf("%s with %s: %q, want %q", test.image, test.keys, a.Entry, want)
		}
	}
}
