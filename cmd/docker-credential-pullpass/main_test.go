package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/helper"
	"github.com/pullpass/pullpass/internal/parts"
)

const password = "canary-password"

// The test binary is also the program pullpass, which the helper asks: it answers as
// the variables tell it to.
const (
	envRefusal = "TEST_REFUSAL"
	envAsked   = "TEST_ASKED"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "credential-issue" {
		err := helper.Serve(context.Background(), func(helper.Question) (helper.Issuer, error) { return told{}, nil }, os.Stdin, os.Stdout)
		if err != nil {
			log.Fatal(err)
		}
		return
	}
	os.Exit(m.Run())
}

// told is the server.
type told struct{}

func (told) Identity() string { return "test" }

func (told) Credential(_ context.Context, a helper.Ask) (pullpass.Credential, error) {
	f, err := os.OpenFile(os.Getenv(envAsked), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return pullpass.Credential{}, err
	}
	defer func() { _ = f.Close() }()
	if _, err := fmt.Fprintln(f, a.Host, a.Repository); err != nil {
		return pullpass.Credential{}, err
	}
	switch os.Getenv(envRefusal) {
	case "denied":
		return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.Denied, What: "no credential", Cause: "the runner is not among those of the registry", Hint: "pullpass registry update"}
	case "none":
		return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.NotFound, Code: pullpass.CodeNoRegistry, What: "no registry"}
	}
	return pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret(password), Expires: time.Now().Add(12 * time.Hour)}, nil
}

func (told) Hosts(context.Context) ([]string, error) { return []string{"registry.example"}, nil }

// person has a home, a login, and the helper and pullpass in one directory.
type person struct {
	t   *testing.T
	dir string
	env []string
}

func newPerson(t *testing.T) *person {
	t.Helper()
	p := &person{t: t, dir: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", p.in("bin/docker-credential-pullpass"), ".")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the helper: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Link(self, p.in("bin/pullpass")); err != nil {
		p.copy(self, p.in("bin/pullpass")) // another file system
	}
	p.env = []string{
		"PATH=" + p.in("bin") + ":" + os.Getenv("PATH"), "HOME=" + p.in("home"),
		"DOCKER_CONFIG=" + p.in("docker"), "REGISTRY_AUTH_FILE=" + p.in("auth.json"),
		helper.EnvServer + "=https://pullpass.example", helper.EnvToken + "=ppat_x", envAsked + "=" + p.in("asked"),
		"DOCKER_HOST=" + os.Getenv(parts.EnvDockerHost),
	}
	return p
}

func (p *person) in(path string) string { return filepath.Join(p.dir, path) }

func (p *person) copy(from, to string) {
	p.t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o700)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) write(path, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.in(path)), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.in(path), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// run returns what a command printed on both outputs.
func (p *person) run(command string, args ...string) (string, error) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), command, args...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// asked returns how often the server was asked.
func (p *person) asked() int {
	b, err := os.ReadFile(p.in("asked"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	return bytes.Count(b, []byte("\n"))
}

// program runs the helper as docker's own client package wants it.
func (p *person) program() client.ProgramFunc {
	return func(args ...string) client.Program {
		cmd := exec.CommandContext(p.t.Context(), p.in("bin/docker-credential-pullpass"), args...)
		cmd.Env = p.env
		return &program{cmd}
	}
}

type program struct{ cmd *exec.Cmd }

func (p *program) Output() ([]byte, error) { return p.cmd.Output() }
func (p *program) Input(in io.Reader)      { p.cmd.Stdin = in }

func TestDockersOwnClientPackage(t *testing.T) {
	p := newPerson(t)
	for range 3 {
		got, err := client.Get(p.program(), "registry.example")
		if err != nil || got.Username != "AWS" || got.Secret != password {
			t.Fatalf("Get = %+v, %v", got, err)
		}
	}
	if n := p.asked(); n != 1 {
		t.Errorf("the server was asked %d times, want 1", n)
	}
	if err := client.Store(p.program(), &credentials.Credentials{ServerURL: "https://quay.example", Username: "ada", Secret: "s"}); err != nil {
		t.Errorf("Store: %v", err)
	}
	listed, err := client.List(p.program())
	if err != nil || listed["https://quay.example"] != "ada" || listed["registry.example"] == "" {
		t.Errorf("List = %v, %v", listed, err)
	}
	if err := client.Erase(p.program(), "https://quay.example"); err != nil {
		t.Errorf("Erase: %v", err)
	}
	if err := client.Erase(p.program(), "registry.example"); err != nil {
		t.Errorf("Erase: %v", err)
	}
	p.env = append(p.env, envRefusal+"=none")
	if _, err := client.Get(p.program(), "registry.example"); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("Get without a registry = %v, want docker's not found", err)
	}
	p.env = append(p.env, envRefusal+"=denied")
	_, err = client.Get(p.program(), "registry.example")
	if err == nil || credentials.IsErrCredentialsNotFound(err) || !strings.Contains(err.Error(), "not among those") {
		t.Errorf("Get that is refused = %v, want an error with its cause", err)
	}
	if _, err := client.Get(p.program(), ""); err == nil || !strings.Contains(err.Error(), "no credentials server URL") {
		t.Errorf("Get of nothing = %v", err)
	}
}

// basicRegistry holds a small image behind the password.
func basicRegistry(t *testing.T) (image string) {
	t.Helper()
	contents := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, got, _ := r.BasicAuth(); got != password {
			w.Header().Set("Www-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
			return
		}
		contents.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	err = remote.Write(tag, parts.BusyboxImage(t, "true", pullpass.NewBearer(pullpass.TokenAPI).Reveal()), remote.WithAuth(&authn.Basic{Username: "AWS", Password: password}))
	if err != nil {
		t.Fatalf("pushing: %v", err)
	}
	return tag.Name()
}

func config(t *testing.T, image string) string {
	t.Helper()
	host, _, _ := strings.Cut(image, "/")
	text, err := json.Marshal(map[string]any{"credHelpers": map[string]string{host: "pullpass"}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDockerPull(t *testing.T) {
	parts.Docker(t)
	docker, image := parts.Command(t, "docker"), basicRegistry(t)
	p := newPerson(t)
	p.write("docker/config.json", config(t, image))
	p.env = append(p.env, envRefusal+"=denied")
	if out, err := p.run(docker, "pull", image); err == nil || !strings.Contains(out, "not among those") {
		t.Errorf("docker pull that is refused: %v\n%s", err, out)
	}
	p.env = append(p.env, envRefusal+"=")
	if out, err := p.run(docker, "pull", image); err != nil {
		t.Errorf("docker pull: %v\n%s", err, out)
	}
	if out, err := p.run(docker, "rmi", image); err != nil {
		t.Errorf("docker rmi: %v\n%s", err, out)
	}
}

// `docker login` elsewhere keeps working with the helper as the store of everything.
func TestDockerLogin(t *testing.T) {
	parts.Docker(t)
	docker, image := parts.Command(t, "docker"), basicRegistry(t)
	host, _, _ := strings.Cut(image, "/")
	p := newPerson(t)
	p.env = append(p.env, envRefusal+"=none")
	p.write("docker/config.json", `{"credsStore": "pullpass"}`)
	login := exec.CommandContext(t.Context(), docker, "login", "--username", "ada", "--password-stdin", host)
	login.Env, login.Stdin = p.env, strings.NewReader(password)
	if out, err := login.CombinedOutput(); err != nil {
		t.Fatalf("docker login: %v\n%s", err, out)
	}
	if out, err := p.run(docker, "pull", image); err != nil {
		t.Errorf("docker pull: %v\n%s", err, out)
	}
	if out, err := p.run(docker, "rmi", image); err != nil {
		t.Errorf("docker rmi: %v\n%s", err, out)
	}
	if text, err := os.ReadFile(p.in("docker/config.json")); err != nil || strings.Contains(string(text), `"auth":`) {
		t.Errorf("docker's own file holds the login: %s (%v)", text, err)
	}
	if out, err := p.run(docker, "logout", host); err != nil {
		t.Errorf("docker logout: %v\n%s", err, out)
	}
	if _, err := client.Get(p.program(), host); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("after docker logout Get = %v", err)
	}
}

func TestSkopeo(t *testing.T) {
	skopeo, image := parts.Command(t, "skopeo"), basicRegistry(t)
	p := newPerson(t)
	p.write("auth.json", config(t, image))
	out, err := p.run(skopeo, "inspect", "--tls-verify=false", "--format", "{{.Architecture}}", "docker://"+image)
	if err != nil || strings.TrimSpace(out) == "" {
		t.Errorf("skopeo inspect: %v\n%s", err, out)
	}
	host, _, _ := strings.Cut(image, "/")
	if err := client.Erase(p.program(), host); err != nil {
		t.Errorf("Erase: %v", err)
	}
	p.env = append(p.env, envRefusal+"=denied")
	if out, err := p.run(skopeo, "inspect", "--tls-verify=false", "docker://"+image); err == nil || !strings.Contains(out, "not among those") {
		t.Errorf("skopeo inspect that is refused: %v\n%s", err, out)
	}
}

// Docker starts the helper for each image: it stays small.
func TestSize(t *testing.T) {
	p := newPerson(t)
	info, err := os.Stat(p.in("bin/docker-credential-pullpass"))
	if err != nil {
		t.Fatal(err)
	}
	const most = 4_000_000
	if info.Size() >= most {
		t.Errorf("the helper has %d bytes, want less than %d", info.Size(), most)
	}
}

// What is asked at the same time by many processes is asked once.
func TestManyProcesses(t *testing.T) {
	p := newPerson(t)
	results := make(chan error, 20)
	for range cap(results) {
		go func() {
			got, err := client.Get(p.program(), "registry.example")
			if err == nil && got.Secret != password {
				err = fmt.Errorf("got %+v", got)
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := p.asked(); n != 1 {
		t.Errorf("the server was asked %d times, want 1", n)
	}
}
