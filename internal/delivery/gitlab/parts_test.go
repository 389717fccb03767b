package gitlab_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v4"

	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/delivery"
	"github.com/pullpass/pullpass/internal/delivery/gitlab"
)

const (
	host  = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"
	value = `{"credHelpers":{"` + host + `":"pullpass"}}`
)

func partsOf(executor string) map[string]gitlab.Part {
	named := map[string]gitlab.Part{}
	for _, p := range gitlab.Parts(gitlab.Options{
		Executor: executor, Server: "https://pullpass.example.com", Organization: "acme", AuthConfig: value, Hosts: []string{host},
	}) {
		named[p.Name] = p
	}
	return named
}

// The runner's part is TOML whose variable is what the runner parses; machines keep
// their identity from jobs.
func TestRunnerPartIsTOML(t *testing.T) {
	for _, executor := range gitlab.Executors() {
		text := partsOf(executor)[gitlab.PartRunner].Text
		var file struct {
			Runners []struct {
				Executor    string
				Environment []string
				Machine     struct{ MachineOptions []string }
				Kubernetes  struct {
					Secrets []string `toml:"image_pull_secrets"`
				}
			}
		}
		if err := toml.Unmarshal([]byte(text), &file); err != nil {
			t.Fatalf("%s: %v\n%s", executor, err, text)
		}
		r := file.Runners[0]
		if r.Executor != executor || len(r.Environment) != 1 || r.Environment[0] != "DOCKER_AUTH_CONFIG="+value {
			t.Errorf("%s: %+v", executor, r)
		}
		config, err := delivery.ParseConfig([]byte(strings.TrimPrefix(r.Environment[0], "DOCKER_AUTH_CONFIG=")))
		if err != nil {
			t.Fatal(err)
		}
		if helpers, err := config.Helpers(); err != nil || helpers[host] != "pullpass" {
			t.Errorf("%s: helpers %v, %v", executor, helpers, err)
		}
		if executor == gitlab.Machine && !strings.Contains(strings.Join(r.Machine.MachineOptions, " "), "amazonec2-metadata-token=required amazonec2-metadata-token-response-hop-limit=1") {
			t.Errorf("machine options %q do not keep the identity from jobs", r.Machine.MachineOptions)
		}
		if executor == gitlab.Kubernetes && len(r.Kubernetes.Secrets) != 1 {
			t.Errorf("kubernetes has no pull secret: %s", text)
		}
	}
}

// The recipe that gives jobs the host's engine names its risk, and gives them nothing to
// write to.
func TestVolumesNameTheirRisk(t *testing.T) {
	p := partsOf(gitlab.Docker)[gitlab.PartVolumes]
	var file struct {
		Runners []struct{ Docker struct{ Volumes []string } }
	}
	if err := toml.Unmarshal([]byte(p.Text), &file); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.Risk, "root on the job host") {
		t.Errorf("the risk is %q", p.Risk)
	}
	for _, v := range file.Runners[0].Docker.Volumes {
		if !strings.HasSuffix(v, ":ro") && v != "/cache" && !strings.Contains(v, "docker.sock") {
			t.Errorf("jobs can write to %s", v)
		}
	}
	if _, has := partsOf(gitlab.Kubernetes)[gitlab.PartVolumes]; has {
		t.Error("kubernetes has the recipe, and no job host")
	}
}

func TestJobPartIsYAML(t *testing.T) {
	var jobs map[string]any
	if err := yaml.Unmarshal([]byte(partsOf(gitlab.Docker)[gitlab.PartJob].Text), &jobs); err != nil || jobs["build"] == nil {
		t.Errorf("%v, %v", jobs, err)
	}
}

// TestUserdataFetchesAndChecks runs the userdata of a job host against a server that
// gives out programs: they are installed, docker is told of the helper, and a program
// that is not the one of the checksum is not installed.
func TestUserdataFetchesAndChecks(t *testing.T) {
	for _, tool := range []string{"curl", "sha256sum", "install"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is needed: %v", tool, err)
		}
	}
	const program = "#!/bin/sh\nprintf '%s ' \"$@\" > \"$INSTALL_DIR/ran\"\n"
	sent := program
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(sent)) }))
	t.Cleanup(server.Close)
	sum := sha256.Sum256([]byte(program))
	var programs []api.Download
	for _, name := range []string{"pullpass", "docker-credential-pullpass"} {
		programs = append(programs, api.Download{Name: name, OS: "linux", Arch: runtime.GOARCH, SHA256: hex.EncodeToString(sum[:])})
	}
	run := func() (string, string, error) {
		dir := t.TempDir()
		var text string
		for _, p := range gitlab.Parts(gitlab.Options{Executor: gitlab.Machine, Server: server.URL, Hosts: []string{host}, Programs: programs}) {
			if p.Name == gitlab.PartUserdata {
				text = p.Text
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", text)
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "INSTALL_DIR=" + dir, "DOCKER_CONFIG=" + filepath.Join(dir, "docker")}
		out, err := cmd.CombinedOutput()
		return dir, string(out), err
	}
	dir, out, err := run()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if ran, err := os.ReadFile(filepath.Join(dir, "ran")); err != nil || !strings.Contains(string(ran), "docker-config --file "+dir+"/docker/config.json --host="+host) {
		t.Errorf("it ran %q, %v; want the configuration written", ran, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "docker-credential-pullpass")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the helper is %v, %v", info, err)
	}
	sent = program + "# something else\n"
	dir, out, err = run()
	if err == nil {
		t.Errorf("a program that is another one was accepted:\n%s", out)
	}
	if left, readErr := os.ReadDir(dir); readErr != nil || len(left) != 0 {
		t.Errorf("of it is installed: %v, %v", left, readErr)
	}
}

// imds is instance metadata with a hop limit: beyond it, the answer to a token's request
// does not come.
type imds struct {
	v1, near bool
	role     string
	keys     bool // somebody asked for keys
}

func (i *imds) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	const roles = "/latest/meta-data/iam/security-credentials/"
	switch {
	case req.Method == http.MethodPut && !i.near:
		<-req.Context().Done()
	case req.Method == http.MethodPut:
		_, _ = w.Write([]byte("token"))
	case req.Header.Get("X-aws-ec2-metadata-token") != "token" && !i.v1:
		w.WriteHeader(http.StatusUnauthorized)
	case req.URL.Path == roles && i.role != "":
		_, _ = w.Write([]byte(i.role))
	case strings.HasPrefix(req.URL.Path, roles) && req.URL.Path != roles:
		i.keys = true
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestMetadataIsFoundOut: version 1, version 2 within and beyond the hop limit, and
// nobody; each says what it is in the job container and on the host, and nobody asks for
// keys.
func TestMetadataIsFoundOut(t *testing.T) {
	for _, test := range []struct {
		name              string
		there             *imds
		inContainer, host gitlab.State
		cause             string
	}{
		{"version 1", &imds{v1: true, near: true, role: "job-host"}, gitlab.Risky, gitlab.Risky, "role job-host"},
		{"version 1 beyond the hop limit", &imds{v1: true, role: "job-host"}, gitlab.Risky, gitlab.Risky, "version 1"},
		{"version 1 without a role", &imds{v1: true, near: true}, gitlab.Risky, gitlab.Risky, "the instance's identity"},
		{"version 2, hop limit 2", &imds{near: true, role: "job-host"}, gitlab.Risky, gitlab.Unknown, "the hop limit is 2 or more"},
		{"version 2, hop limit 1", &imds{role: "job-host"}, gitlab.OK, gitlab.OK, "the hop limit keeps the token"},
		{"nobody", nil, gitlab.OK, gitlab.OK, "does not answer"},
	} {
		endpoint := "http://127.0.0.1:1"
		if test.there != nil {
			server := httptest.NewServer(test.there)
			t.Cleanup(server.Close)
			endpoint = server.URL
		}
		for where, want := range map[gitlab.Context]gitlab.State{gitlab.JobContainer: test.inContainer, gitlab.JobHost: test.host} {
			w := emptyWorld()
			w.Metadata = endpoint
			found := gitlab.Check(t.Context(), where, w)
			last := found[len(found)-1]
			if last.State != want || (where == gitlab.JobContainer && !strings.Contains(last.Cause, test.cause)) {
				t.Errorf("%s, %s: %+v, want %s because of %q", test.name, where, last, want, test.cause)
			}
			if last.State == gitlab.Risky && !strings.Contains(last.Fix, "--http-put-response-hop-limit 1") {
				t.Errorf("%s, %s: the fix is %q", test.name, where, last.Fix)
			}
		}
		if test.there != nil && test.there.keys {
			t.Errorf("%s: keys were asked for", test.name)
		}
	}
}

func emptyWorld() gitlab.World {
	return gitlab.World{
		Getenv:   func(string) string { return "" },
		ReadFile: func(string) ([]byte, error) { return nil, os.ErrNotExist },
		LookPath: func(string) (string, error) { return "", exec.ErrNotFound },
		Run: func(context.Context, string, string, ...string) (string, string, error) {
			return "", "", exec.ErrNotFound
		},
		Engine:   func(context.Context, string) error { return os.ErrNotExist },
		Metadata: "http://127.0.0.1:1", TOML: "config.toml",
	}
}

// TestRunnerContext: what is missing in the runner is said, with what the helper itself
// says, and one that fails is named as the one that loses its source.
func TestRunnerContext(t *testing.T) {
	w := emptyWorld()
	states := func() map[string]gitlab.Finding {
		all := map[string]gitlab.Finding{}
		for _, f := range gitlab.Check(t.Context(), gitlab.Runner, w) {
			all[f.What] = f
		}
		return all
	}
	got := states()
	if f := got["a source of credentials for the runner"]; f.State != gitlab.Missing || f.Fix == "" {
		t.Errorf("with nothing at all: %+v", got)
	}
	if f := got["docker-credential-pullpass in the PATH of gitlab-runner"]; f.State != gitlab.Missing {
		t.Errorf("with nothing at all: %+v", got)
	}
	variable, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"config.toml":         "[[runners]]\nname = \"one\"\nexecutor = \"docker\"\nenvironment = [" + strings.Replace(string(variable), `"`, `"DOCKER_AUTH_CONFIG=`, 1) + "]\n[runners.docker]\nvolumes = [\"/var/run/docker.sock:/var/run/docker.sock\"]\n",
		".docker/config.json": `{"credsStore":"pullpass"}`,
	}
	w.ReadFile = func(path string) ([]byte, error) {
		if text, ok := files[strings.TrimPrefix(path, "/")]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}
	w.LookPath = func(name string) (string, error) { return "/usr/local/bin/" + name, nil }
	fails := false
	w.Run = func(_ context.Context, name, input string, args ...string) (string, string, error) {
		switch {
		case args[0] == "version":
			return "docker-credential-pullpass 1", "", nil
		case args[0] == "list":
			return `{"` + host + `":"AWS","ghcr.io":"ada"}`, "", nil
		case fails && input == host:
			return "pullpass: refused\n", "error: refused\nhint:  ask an owner\n", &exec.ExitError{}
		case input == "ghcr.io":
			return "credentials not found in native keychain\n", "", &exec.ExitError{}
		}
		return `{"ServerURL":"` + input + `","Username":"AWS","Secret":"canary"}`, "", nil
	}
	got = states()
	if f := got["DOCKER_AUTH_CONFIG of the runner one: a credential for "+host]; f.State != gitlab.OK {
		t.Errorf("the variable: %+v", got)
	}
	if f := got["the runner one keeps the Docker Engine from jobs"]; f.State != gitlab.Risky || !strings.Contains(f.Cause, "root on the job host") {
		t.Errorf("the volume: %+v", f)
	}
	if f := got[".docker/config.json: a credential for ghcr.io"]; f.State != gitlab.Missing || !strings.Contains(f.Cause, "pulls without") {
		t.Errorf("what is not found: %+v", got)
	}
	fails = true
	f := states()["DOCKER_AUTH_CONFIG of the runner one: a credential for "+host]
	if f.State != gitlab.Missing || !strings.Contains(f.Cause, "loses the whole source") || !strings.Contains(f.Cause, "ask an owner") {
		t.Errorf("a helper that fails: %+v", f)
	}
	for what, f := range states() {
		if strings.Contains(what+f.Cause+f.Fix, "canary") {
			t.Errorf("the secret is shown: %+v", f)
		}
	}
}

// TestJobContainerContext: in the job, the runner's variable is not docker's.
func TestJobContainerContext(t *testing.T) {
	w := emptyWorld()
	env := map[string]string{"HOME": "/root"}
	w.Getenv = func(name string) string { return env[name] }
	find := func(what string) gitlab.Finding {
		for _, f := range gitlab.Check(t.Context(), gitlab.JobContainer, w) {
			if strings.Contains(f.What, what) {
				return f
			}
		}
		return gitlab.Finding{}
	}
	for _, what := range []string{"the docker command", "a Docker Engine", "docker-credential-pullpass", "a configuration that names the helper", "an identity"} {
		if f := find(what); f.State != gitlab.Missing || f.Fix == "" {
			t.Errorf("with nothing at all, %s: %+v", what, f)
		}
	}
	env["DOCKER_AUTH_CONFIG"] = value
	if f := find("DOCKER_AUTH_CONFIG in the job"); f.State != gitlab.OK || !strings.Contains(f.Cause, "ignores it") {
		t.Errorf("with helpers: %+v", f)
	}
	env["DOCKER_AUTH_CONFIG"] = `{"auths":{"ghcr.io":{"auth":"YTpi"}}}`
	if f := find("DOCKER_AUTH_CONFIG in the job"); f.State != gitlab.Risky || !strings.Contains(f.Cause, "before the job's own") {
		t.Errorf("with logins: %+v", f)
	}
	env["PULLPASS_ID_TOKEN"] = "x"
	if f := find("an identity"); f.State != gitlab.Missing || !strings.Contains(f.Fix, "token exchange") {
		t.Errorf("with an identity token: %+v", f)
	}
	env["PULLPASS_TOKEN"], env["PULLPASS_SERVER"] = "t", "https://pullpass.example.com"
	if f := find("an identity"); f.State != gitlab.OK {
		t.Errorf("with a token: %+v", f)
	}
}
