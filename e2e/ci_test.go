package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

const ciPassword = "canary-of-the-registry"

// ciServer is a server that trusts the jobs of an issuer, for a project with a registry.
func ciServer(t *testing.T) (*process.Server, *jobIssuer, string) {
	t.Helper()
	ctx, issuer := within(t, 3*time.Minute), newJobIssuer(t)
	s := startServer(t, ctx, "--ca-file="+issuer.ca, "--allow-egress=127.0.0.1")
	p, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: "payments"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Owner.CreateRegistry(ctx, pullpass.Registry{
		Project: p.ID, Name: "hub", Host: "registry.example.com", Auth: pullpass.AuthBasic, Username: "ada", Inside: pullpass.InsideWhole,
	}, pullpass.NewSecret(ciPassword))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Owner.CreateTrust(ctx, api.NewTrust{
		Name: "ci", Issuer: issuer.URL, Audience: s.URL, Project: p.ID, Action: pullpass.ActionPull, Conditions: []string{"project_path=acme/app"},
	})
	if err != nil {
		t.Fatal(err)
	}
	self, err := s.Owner.Self(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s, issuer, self.Organization.Name
}

// component reads the component as GitLab does: its inputs, and the jobs with the
// inputs filled in.
func component(t *testing.T, inputs map[string]string) map[string]componentJob {
	t.Helper()
	text, err := os.ReadFile("../templates/registries.yml")
	if err != nil {
		t.Fatal(err)
	}
	head, body, found := strings.Cut(string(text), "\n---\n")
	var spec struct {
		Spec struct {
			Inputs map[string]struct {
				Default     *string  `yaml:"default"`
				Description string   `yaml:"description"`
				Options     []string `yaml:"options"`
			} `yaml:"inputs"`
		} `yaml:"spec"`
	}
	if err := yaml.Unmarshal([]byte(head), &spec); err != nil || !found {
		t.Fatalf("the component has no header: %v", err)
	}
	body = regexp.MustCompile(`\$\[\[ inputs\.([a-z]+) \]\]`).ReplaceAllStringFunc(body, func(s string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(s, "$[[ inputs."), " ]]")
		declared, ok := spec.Spec.Inputs[name]
		value, given := inputs[name]
		switch {
		case !ok || declared.Description == "":
			t.Errorf("the input %q is not declared, or not described", name)
		case given:
			return value
		case declared.Default == nil:
			t.Errorf("the input %q is required, and not given", name)
		default:
			return *declared.Default
		}
		return ""
	})
	var jobs map[string]componentJob
	if err := yaml.Unmarshal([]byte(body), &jobs); err != nil {
		t.Fatal(err)
	}
	return jobs
}

type componentJob struct {
	Tokens map[string]struct {
		Audience string `yaml:"aud"`
	} `yaml:"id_tokens"`
	Variables map[string]string `yaml:"variables"`
	Before    []string          `yaml:"before_script"`
	After     []string          `yaml:"after_script"`
}

// TestGitLabComponent runs the component's scripts as a job of GitLab: with its identity
// token alone the helper has a credential, in a configuration of this job that keeps
// other logins; afterwards nothing is left.
func TestGitLabComponent(t *testing.T) {
	s, issuer, organization := ciServer(t)
	home := t.TempDir()
	project := filepath.Join(home, "builds", "app")
	for path, text := range map[string]string{
		"builds/app/README": "", ".docker/config.json": `{"auths":{"quay.example.com":{"auth":"YTpi"}}}`, ".docker/cli-plugins/docker-x": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(home, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(inputs map[string]string, script ...string) (string, error) {
		job := component(t, inputs)[".pullpass"]
		env := []string{"HOME=" + home, "PATH=/usr/bin:/bin", "CI_PROJECT_DIR=" + project, "CI_JOB_ID=4711"}
		for name, value := range job.Variables {
			env = append(env, name+"="+value)
		}
		for name, token := range job.Tokens {
			env = append(env, name+"="+issuer.token(t, token.Audience))
		}
		sh := func(lines []string) (string, error) {
			cmd := exec.CommandContext(within(t, time.Minute), "sh", "-c", "set -eu\n"+strings.Join(lines, "\n"))
			cmd.Dir, cmd.Env = project, env
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		out, err := sh(append(job.Before, script...))
		after, afterErr := sh(job.After)
		if afterErr != nil {
			t.Errorf("after_script: %v\n%s", afterErr, after)
		}
		if left, err := filepath.Glob(project + ".tmp/*"); err != nil || len(left) > 0 {
			t.Errorf("after the job there is %v, %v", left, err)
		}
		return out, err
	}
	inputs := map[string]string{"server": s.URL, "organization": organization}
	out, err := run(inputs, `echo "$DOCKER_CONFIG"`, `cat "$DOCKER_CONFIG/config.json"`, `ls "$DOCKER_CONFIG/cli-plugins"`,
		`ls -ld "$DOCKER_CONFIG" | cut -c1-10`, "echo registry.example.com | docker-credential-pullpass get")
	for _, want := range []string{`"registry.example.com": "pullpass"`, "quay.example.com", "docker-x", "drwx------", ciPassword} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("the job: %v, want %q in\n%s", err, want, out)
		}
	}
	if text, err := os.ReadFile(filepath.Join(home, ".docker", "config.json")); err != nil || strings.Contains(string(text), "pullpass") {
		t.Errorf("the runner's own configuration is now %s, %v", text, err)
	}
	inputs["checksums"] = strings.Repeat("0", 64) + "  pullpass"
	if out, err = run(inputs, "echo went on"); err == nil || !strings.Contains(out, "not the program of its checksum") || strings.Contains(out, "went on") {
		t.Errorf("with another checksum: %v\n%s", err, out)
	}
}

// githubFiles are what a step writes into, and reads back.
func githubFiles(t *testing.T, text string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for text != "" {
		head, rest, _ := strings.Cut(text, "\n")
		name, end, ok := strings.Cut(head, "<<")
		value, after, found := strings.Cut(rest, "\n"+end+"\n")
		if !ok || !found {
			t.Fatalf("%q is not what GitHub reads", text)
		}
		values[name], text = value, after
	}
	return values
}

// TestGitHubAction runs the action's scripts as a step of GitHub: no container, a
// configuration of this job alone, every secret masked before it could be logged, and
// nothing left afterwards.
func TestGitHubAction(t *testing.T) {
	node := parts.Command(t, "node")
	s, issuer, organization := ciServer(t)
	var asked []string
	idTokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer request-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		token := issuer.token(t, req.URL.Query().Get("audience"))
		asked = append(asked, token)
		_ = json.NewEncoder(w).Encode(map[string]any{"value": token})
	}))
	t.Cleanup(idTokens.Close)
	home := t.TempDir()
	base := []string{"HOME=" + home, "PATH=/usr/bin:/bin", "RUNNER_TEMP=" + home}
	for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE"} {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		base = append(base, name+"="+path)
	}
	step := func(script string, env ...string) (string, error) {
		cmd := exec.CommandContext(within(t, time.Minute), node, "../ci/github/"+script)
		cmd.Env = append(append([]string{}, base...), env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	inputs := []string{"INPUT_SERVER=" + s.URL, "INPUT_ORGANIZATION=" + organization, "INPUT_ACTION=pull"}
	if out, err := step("main.js", inputs...); err == nil || !strings.Contains(out, "id-token: write") {
		t.Errorf("without permission for tokens: %v\n%s", err, out)
	}
	allowed := append(inputs, "ACTIONS_ID_TOKEN_REQUEST_URL="+idTokens.URL+"/?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=request-token")
	out, err := step("main.js", append(allowed, "INPUT_CHECKSUMS="+strings.Repeat("0", 64)+"  pullpass")...)
	if err == nil || !strings.Contains(out, "not the program of its checksum") || len(asked) > 0 {
		t.Errorf("with another checksum: %v\n%s", err, out)
	}
	for _, name := range []string{"GITHUB_ENV", "GITHUB_STATE"} {
		if err := os.Truncate(filepath.Join(home, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	if out, err = step("main.js", allowed...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(home, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	job := githubFiles(t, read("GITHUB_ENV"))
	for _, secret := range []string{asked[0], job["PULLPASS_TOKEN"]} {
		if rest := strings.ReplaceAll(out, "::add-mask::"+secret+"\n", ""); secret == "" || strings.Contains(rest, secret) || rest == out {
			t.Errorf("a secret is logged, or not masked:\n%s", out)
		}
	}
	get := exec.CommandContext(within(t, time.Minute), "docker-credential-pullpass", "get")
	get.Path = filepath.Join(strings.TrimSpace(read("GITHUB_PATH")), "docker-credential-pullpass")
	get.Err, get.Env, get.Stdin = nil, append([]string{}, base...), strings.NewReader("registry.example.com")
	for name, value := range job {
		get.Env = append(get.Env, name+"="+value)
	}
	if answer, err := get.CombinedOutput(); err != nil || !strings.Contains(string(answer), ciPassword) {
		t.Errorf("the helper in a later step: %v\n%s", err, answer)
	}
	state := githubFiles(t, read("GITHUB_STATE"))
	if info, err := os.Stat(job["DOCKER_CONFIG"]); err != nil || info.Mode().Perm() != 0o700 || !strings.HasPrefix(job["DOCKER_CONFIG"], state["dir"]) {
		t.Errorf("DOCKER_CONFIG is %v, %v", info, err)
	}
	if out, err := step("post.js", "STATE_dir="+state["dir"]); err != nil {
		t.Errorf("post: %v\n%s", err, out)
	}
	if _, err := os.Stat(state["dir"]); !os.IsNotExist(err) {
		t.Errorf("after the job %s is there: %v", state["dir"], err)
	}
	// What a failed step leaves is cleaned up by its own state, and nothing else ever.
	if out, err := step("post.js", "STATE_dir="+home); err != nil || out != "" {
		t.Errorf("post with another directory: %v %s", err, out)
	}
	if _, err := os.Stat(home); err != nil {
		t.Error(err)
	}
}

// TestGitHubActionDescribesItself: what the action's file promises is what it does.
func TestGitHubActionDescribesItself(t *testing.T) {
	text, err := os.ReadFile("../ci/github/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		Inputs map[string]struct{ Description string }
		Runs   struct {
			Using, Main, Post string
			PostIf            string `yaml:"post-if"`
		}
	}
	if err := yaml.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(a.Runs.Using, "node") || a.Runs.PostIf != "always()" {
		t.Errorf("it runs %+v, want node, and post always", a.Runs)
	}
	script, err := os.ReadFile("../ci/github/" + a.Runs.Main)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`input\('(\w+)'\)`).FindAllStringSubmatch(string(script), -1) {
		if a.Inputs[m[1]].Description == "" {
			t.Errorf("the input %s is read and not described", m[1])
		}
	}
	for name := range a.Inputs {
		if !strings.Contains(string(script), fmt.Sprintf("input('%s')", name)) {
			t.Errorf("the input %s is described and not read", name)
		}
	}
}
