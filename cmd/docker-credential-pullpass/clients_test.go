package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
)

// newClients is somebody without a server whose registry is the sandbox's, under the
// address at which it listens: the configuration says which it is.
func newClients(t *testing.T) (s *stage, image string) {
	t.Helper()
	s = newAWS(t)
	s.configure(`{"registries": [{"host": "` + s.registry() + `", "ecr": {"region": "eu-west-1"}}]}`)
	return s, s.registry() + "/team/app"
}

// seed pushes an image that no engine has yet, as somebody else.
func (s *stage) seed(image string) {
	s.t.Helper()
	got := s.helper("get", s.registry())
	tag, err := name.NewTag(image)
	if err == nil {
		unique := pullpass.NewBearer(pullpass.TokenAPI)
		err = remote.Write(tag, parts.BusyboxImage(s.t, "true", unique.Reveal()), remote.WithAuth(&authn.Basic{Username: got.Username, Password: got.Secret}))
	}
	if err != nil {
		s.t.Fatalf("pushing: %v", err)
	}
}

func (s *stage) must(command string, args ...string) string {
	s.t.Helper()
	out, err := s.run(command, args...)
	if err != nil {
		s.t.Errorf("%s %s: %v\n%s", filepath.Base(command), strings.Join(args, " "), err, out)
	}
	return out
}

// forms are what a person writes into docker's or podman's file.
func forms(host string, store bool) map[string]string {
	all := map[string]string{"credHelpers": `{"credHelpers": {"` + host + `": "pullpass"}}`}
	if store {
		all["credsStore"] = `{"credsStore": "pullpass"}`
	}
	return all
}

// Docker pulls and pushes with nothing but an AWS identity.
func TestDockerWithoutServer(t *testing.T) {
	parts.Docker(t)
	docker := parts.Command(t, "docker")
	s, image := newClients(t)
	for form, text := range forms(s.registry(), true) {
		t.Run(form, func(t *testing.T) {
			s.person.t = t
			s.seed(image + ":" + strings.ToLower(form))
			s.write("docker/config.json", text)
			s.must(docker, "pull", image+":"+strings.ToLower(form))
			s.must(docker, "tag", image+":"+strings.ToLower(form), image+":pushed-"+strings.ToLower(form))
			s.must(docker, "push", image+":pushed-"+strings.ToLower(form))
			s.must(docker, "rmi", image+":"+strings.ToLower(form), image+":pushed-"+strings.ToLower(form))
			s.set("AWS_ACCESS_KEY_ID", bareKey)
			if out, err := s.run(docker, "pull", image+":"+strings.ToLower(form)); err == nil || !strings.Contains(out, "ecr:GetAuthorizationToken") {
				t.Errorf("docker pull of who may not: %v\n%s", err, out)
			}
			s.set("AWS_ACCESS_KEY_ID", userKey)
		})
	}
}

// skopeo, podman and buildah copy and pull through auth.json, without an engine.
func TestContainersToolsWithoutServer(t *testing.T) {
	s, image := newClients(t)
	s.seed(image + ":1")
	s.write("auth.json", forms(s.registry(), false)["credHelpers"])
	s.env = append(s.env, "XDG_RUNTIME_DIR="+s.in("run"), "STORAGE_DRIVER=vfs", "BUILDAH_ISOLATION=chroot")
	s.write("home/policy.json", `{"default": [{"type": "insecureAcceptAnything"}]}`)
	short, err := os.MkdirTemp("", "h") // podman wants no long path here
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	roots := []string{"--root", s.in("storage"), "--runroot", short}
	t.Run("skopeo", func(t *testing.T) {
		skopeo := parts.Command(t, "skopeo")
		s.person.t = t
		s.must(skopeo, "copy", "--policy", s.in("home/policy.json"), "--src-tls-verify=false", "--dest-tls-verify=false", "docker://"+image+":1", "docker://"+image+":skopeo")
	})
	for _, tool := range []string{"podman", "buildah"} {
		t.Run(tool, func(t *testing.T) {
			program := parts.Command(t, tool)
			s.person.t = t
			run := func(args ...string) { s.must(program, append(append([]string{}, roots...), args...)...) }
			run("pull", "--tls-verify=false", "--signature-policy", s.in("home/policy.json"), image+":1")
			run("push", "--tls-verify=false", "--signature-policy", s.in("home/policy.json"), image+":1", "docker://"+image+":"+tool)
			run("rmi", image+":1")
		})
	}
}

// What crane, ko and helm use to find a credential asks with the repository first.
func TestGoContainerRegistryWithoutServer(t *testing.T) {
	s, image := newClients(t)
	s.write("docker/config.json", forms(s.registry(), true)["credsStore"])
	for _, v := range s.env {
		key, value, _ := strings.Cut(v, "=")
		t.Setenv(key, value)
	}
	tag, err := name.NewTag(image + ":crane")
	if err != nil {
		t.Fatal(err)
	}
	made, err := random.Image(1024, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, made, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		t.Errorf("pushing: %v", err)
	}
	if _, err := remote.Image(tag, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		t.Errorf("pulling: %v", err)
	}
	if n := s.tokens.Load(); n != 1 {
		t.Errorf("ECR was asked %d times, want once for the repository and the host", n)
	}
}

// A registry with a password, as there are many: docker login, push, pull, logout.
func TestRegistryWithPassword(t *testing.T) {
	parts.Docker(t)
	docker, registry := parts.Command(t, "docker"), parts.Registry(t)
	s := newAWS(t)
	s.write("docker/config.json", `{"credsStore": "pullpass"}`)
	login := exec.CommandContext(t.Context(), docker, "login", "--username", registry.Username, "--password-stdin", registry.Host)
	login.Env, login.Stdin = s.env, strings.NewReader(registry.Password)
	if out, err := login.CombinedOutput(); err != nil {
		t.Fatalf("docker login: %v\n%s", err, out)
	}
	image := registry.Host + "/helper/" + strings.ToLower(pullpass.NewBearer(pullpass.TokenAPI).Reveal()[8:16]) + ":1"
	tag, err := name.NewTag(image)
	if err == nil {
		err = remote.Write(tag, parts.BusyboxImage(t, "true", image), remote.WithAuth(&authn.Basic{Username: registry.Username, Password: registry.Password}))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.must(docker, "pull", image)
	s.must(docker, "push", image)
	s.must(docker, "rmi", image)
	s.must(docker, "logout", registry.Host)
	if out, err := s.run(docker, "pull", image); err == nil {
		t.Errorf("after docker logout docker pull works: %s", out)
	}
	if text, err := os.ReadFile(s.in("docker/config.json")); err != nil || !json.Valid(text) || strings.Contains(string(text), `"auth":`) {
		t.Errorf("docker's file holds %s (%v)", text, err)
	}
}
