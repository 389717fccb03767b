package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
)

// clinic is a server beside the ward, and its owner's command line.
type clinic struct {
	*ward
	client  *client.Client
	data    string // the server's directory
	config  config.Server
	owner   pullpass.Secret
	running *runningServer
	log     io.Writer // of the server
}

// newClinic starts a server whose operator has mapped the sandbox, and what else
// the test names.
func newClinic(t *testing.T, mappings ...string) *clinic {
	t.Helper()
	c := &clinic{ward: newWard(t), data: filepath.Join(t.TempDir(), "data"), log: io.Discard}
	c.config = config.Server{Listen: "127.0.0.1:0", Data: c.data, AllowEgress: []string{"127.0.0.1"},
		Hosts: append(mappings, c.mapped(sickOwner, sickHome))}
	c.start()
	t.Cleanup(func() { c.running.stop() })
	first, err := client.New(c.running.url)
	if err != nil {
		t.Fatal(err)
	}
	if _, c.owner, err = first.Setup(t.Context(), c.running.setup, "acme", "ada"); err != nil {
		t.Fatal(err)
	}
	c.connect()
	return c
}

func (c *clinic) start() {
	c.t.Helper()
	config := c.config
	running, err := startServer(c.t.Context(), &config, slog.New(slog.NewTextHandler(c.log, nil)))
	if err != nil {
		c.t.Fatal(err)
	}
	c.running = running
}

func (c *clinic) connect() {
	c.t.Helper()
	c.t.Setenv("PULLPASS_SERVER", c.running.url)
	c.t.Setenv("PULLPASS_TOKEN", c.owner.Reveal())
	var err error
	if c.client, err = client.New(c.running.url, client.WithToken(c.owner)); err != nil {
		c.t.Fatal(err)
	}
}

// restart is the operator's: the server begins anew with other flags.
func (c *clinic) restart(change func(*config.Server)) {
	c.t.Helper()
	c.running.stop()
	change(&c.config)
	c.start()
	c.connect()
}

// pullpass runs a command and wants its exit code; it returns data and talk.
func (c *clinic) pullpass(want int, stdin string, args ...string) (data, talk string) {
	c.t.Helper()
	var out, said bytes.Buffer
	if code := run(c.t.Context(), args, strings.NewReader(stdin), &out, &said); code != want {
		c.t.Fatalf("pullpass %v: exit code %d, want %d\n%s%s", args, code, want, out.String(), said.String())
	}
	if strings.Contains(out.String()+said.String(), "canary") {
		c.t.Errorf("pullpass %v shows a secret\n%s%s", args, out.String(), said.String())
	}
	return out.String(), said.String()
}

func wantAll(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

const pullRole = "arn:aws:iam::111111111111:role/pull"

// An integration says who it is as soon as it is added; a test names the role at
// which its chain breaks.
func TestIntegrationSaysWhoItIs(t *testing.T) {
	c := newClinic(t)
	c.pullpass(0, keyText("well"), "integration", "add", "good", "--region", sickHome, "--access-key-id", keyID("well"), "--role", pullRole, "--external-id", "org-1")
	shown, _ := c.pullpass(0, "", "integration", "show", "good")
	wantAll(t, "integration show", shown, "principal:", pullRole, "region:", sickHome)
	tested, _ := c.pullpass(0, "", "integration", "test", "good")
	wantAll(t, "integration test", tested, pullRole, "111111111111", "user/well", "ok       role")

	c.pullpass(0, keyText("well"), "integration", "add", "bad", "--region", sickHome, "--access-key-id", keyID("well"), "--role", pullRole)
	shown, _ = c.pullpass(0, "", "integration", "show", "bad")
	if strings.Contains(shown, "principal:") {
		t.Errorf("an integration whose chain breaks shows a principal:\n%s", shown)
	}
	tested, _ = c.pullpass(1, "", "integration", "test", "bad")
	wantAll(t, "integration test", tested, "ok       identity", "user/well", "failed   role", "external id")

	c.pullpass(0, keyText("elsewhere"), "integration", "add", "wrong", "--region", sickHome, "--access-key-id", keyID("well"))
	tested, _ = c.pullpass(1, "", "integration", "test", "wrong")
	wantAll(t, "integration test", tested, "failed   identity", "does not belong to the access key")

	c.pullpass(0, "", "integration", "add", "ambient", "--region", sickHome, "--ambient")
	tested, _ = c.pullpass(1, "", "integration", "test", "ambient")
	wantAll(t, "integration test", tested, "does not lend it", "--lend-identity")
}

// What fails its test is not saved; what passes is.
func TestRegistryIsTriedBeforeItIsSaved(t *testing.T) {
	c := newClinic(t)
	c.pullpass(0, keyText("well"), "integration", "add", "aws", "--region", sickHome, "--access-key-id", keyID("well"), "--role", pullRole, "--external-id", "org-1")
	add := []string{"registry", "add", "ecr", "--host", c.host, "--integration", "aws", "--test", "--repository", "team/closed", "--tag", "1"}
	found, talk := c.pullpass(1, "", add...)
	wantAll(t, "registry add --test", found, "from the Pullpass server", "narrowed by a session policy", "failed   manifest", "does not allow ecr:BatchGetImage to "+pullRole, "pullpass policy repository")
	wantAll(t, "registry add --test", talk, "Nothing was saved")
	list, _ := c.pullpass(0, "", "--json", "registry", "list")
	if strings.TrimSpace(list) != "[]" {
		t.Errorf("after a failed test there is a registry: %s", list)
	}
	command := found[strings.LastIndex(found, "fix:   ")+len("fix:   "):]
	c.repositoryPolicy("team/closed", c.obey(command))
	_, talk = c.pullpass(0, "", add...)
	wantAll(t, "registry add --test", talk, "healthy", "Added registry ecr")

	tested, _ := c.pullpass(0, "", "registry", "test", "ecr", "--repository", "team/closed", "--tag", "1")
	wantAll(t, "registry test", tested, "by the registry ecr", "digest verified", "healthy")
	tested, _ = c.pullpass(1, "", "doctor", "ecr", "--repository", "team/none")
	wantAll(t, "doctor REGISTRY", tested, "failed   manifest", "does not exist")
	tested, _ = c.pullpass(0, "", "registry", "test", "ecr")
	wantAll(t, "registry test without a repository", tested, "only the login was tried")

	// An identity that cannot be narrowed opens more than was asked for: a warning,
	// and the registry is healthy all the same.
	c.pullpass(0, keyText("well"), "integration", "add", "wide", "--region", sickHome, "--access-key-id", keyID("well"))
	_, talk = c.pullpass(0, "", "registry", "add", "wide", "--host", c.host, "--path-prefix", "team", "--integration", "wide", "--test", "--repository", "team/app", "--tag", "1")
	wantAll(t, "registry add --test", talk, "warning  scope", "cannot be narrowed", "sts:GetFederationToken", "Added registry wide")
}

func TestRegistryWithAPasswordIsTried(t *testing.T) {
	at := basicRegistry(t)
	c := newClinic(t, "host="+at+",registry=http://"+at)
	add := []string{"--json", "registry", "add", "plain", "--host", at, "--username", "ada", "--test", "--repository", "team/app", "--tag", "1"}
	found, _ := c.pullpass(1, "canary-wrong", add...)
	wantAll(t, "registry add --test", found, `"symptom": "login_refused"`, `"where": "server"`)
	list, _ := c.pullpass(0, "", "--json", "registry", "list")
	if strings.TrimSpace(list) != "[]" {
		t.Errorf("after a failed test there is a registry: %s", list)
	}
	c.pullpass(0, "canary-right", add...)
	tested, _ := c.pullpass(0, "", "registry", "test", "plain", "--repository", "team/app", "--tag", "1")
	wantAll(t, "registry test", tested, "user name ada", "digest verified", "healthy")
}

// The server's egress rules hold for tests, too, and what a name resolves to
// inside its network is not told.
func TestTestsObeyTheEgressRules(t *testing.T) {
	c := newClinic(t)
	found, _ := c.pullpass(1, "canary-right", "--json", "registry", "add", "inner", "--host", "10.1.2.3:5000", "--username", "ada", "--test")
	wantAll(t, "registry add --test", found, `"symptom": "egress_forbidden"`, `"name": "tcp"`)
	found, _ = c.pullpass(1, "canary-right", "--json", "registry", "add", "local", "--host", "localhost:1", "--username", "ada", "--test")
	if strings.Contains(found, "127.0.0.1") || strings.Contains(found, "::1") {
		t.Errorf("the server tells what a name resolves to: %s", found)
	}
}

// The doctor with the credential that the server issues, and an environment's
// conditions with its images.
func TestDoctorWithTheServersCredential(t *testing.T) {
	c := newClinic(t)
	c.t.Setenv("AWS_ACCESS_KEY_ID", "") // nothing of this machine's own helps
	c.t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	c.pullpass(0, "", "project", "create", "payments")
	image := c.host + "/team/app:1"
	d, _ := c.examine("", image, "--project", "payments")
	if d.Healthy || d.Symptom != "no_credential" {
		t.Errorf("without a registry: %+v, want no_credential", d)
	}
	c.pullpass(0, keyText("well"), "integration", "add", "aws", "--region", sickHome, "--access-key-id", keyID("well"), "--role", pullRole, "--external-id", "org-1")
	c.pullpass(0, "", "registry", "add", "ecr", "--host", c.host, "--integration", "aws", "--inside", "login")
	if d, text := c.examine("", image, "--project", "payments"); !d.Healthy {
		t.Errorf("with a registry: %s\n%s", d.Cause, text)
	}

	runner, join, err := c.client.CreateRunner(t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker})
	if err != nil {
		t.Fatal(err)
	}
	c.pullpass(0, "", "env", "create", "ada", "--no-wait", "--project", "payments", "--runner", runner.Name, "--image", image)
	// The image can be pulled, and nobody is there who would: the last line says what
	// the exit code does.
	found, _ := c.pullpass(1, "", "doctor", "ada")
	wantAll(t, "doctor ENVIRONMENT without its runner", found, "digest verified", "healthy: every step of the pull works",
		"no machine has joined as the runner one yet")
	wantLast(t, found, "environment ada: not healthy: the environment waits for its runner")
	if _, _, err := c.client.Join(t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "1.2.3"}); err != nil {
		t.Fatal(err)
	}
	found, talk := c.pullpass(0, "", "doctor", "ada")
	wantAll(t, "doctor ENVIRONMENT", found, "environment ada", "issued by http://127.0.0.1", "digest verified", "healthy")
	wantLast(t, found, "environment ada: healthy")
	wantAll(t, "doctor ENVIRONMENT", talk, "made from this machine")
	found, _ = c.pullpass(0, "", "--json", "doctor", "ada", "--project", "payments")
	wantAll(t, "its JSON", found, `"environment": "env_`, `"images": [`, `"healthy": true`)
	// What nobody but its runner may have is not tried from here, and not called broken.
	c.pullpass(0, "", "registry", "update", "ecr", "--inside", "never")
	found, talk = c.pullpass(exitUnknown, "", "doctor", "ada")
	wantAll(t, "doctor ENVIRONMENT", talk, "only the runner of ada can try it")
	if strings.Contains(found, "not healthy") {
		t.Errorf("doctor ENVIRONMENT calls broken what it could not try: %s", found)
	}
	c.pullpass(0, "", "registry", "update", "ecr", "--inside", "login")
	c.repositoryPolicy("team/app", document(`{"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage"},`+strings.Trim(ownPolicy, "\n")))
	found, _ = c.pullpass(1, "", "doctor", "ada")
	wantAll(t, "doctor ENVIRONMENT", found, "failed   manifest", "not healthy")
}

const ownPolicy = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`

// Whatever a registry sends back, in whatever form, a secret is not shown.
func TestDoctorShowsNoSecret(t *testing.T) {
	w := newWard(t)
	const password = "canary-echoed"
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			rw.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, sent, _ := r.BasicAuth()
		rw.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(rw, `{"errors":[{"code":"DENIED","message":"you sent `+sent+` as `+r.Header.Get("Authorization")+`"}]}`)
	}))
	t.Cleanup(server.Close)
	at := strings.TrimPrefix(server.URL, "http://")
	d, text := w.examine(password, at+"/team/app:1", "--username", "ada", "--host", "host="+at+",registry="+server.URL)
	if d.Healthy || !strings.Contains(d.Cause, "you sent [secret] as Basic [secret]") {
		t.Errorf("cause = %q, want the registry's message without the secret\n%s", d.Cause, text)
	}
	var out, talk bytes.Buffer
	run(t.Context(), []string{"doctor", at + "/team/app:1", "--username", "ada", "--host", "host=" + at + ",registry=" + server.URL}, strings.NewReader(password), &out, &talk)
	for _, shown := range []string{password, "YWRhOmNhbmFyeS1lY2hvZWQ="} {
		if strings.Contains(out.String()+talk.String()+text, shown) {
			t.Errorf("the secret is shown:\n%s%s", out.String(), talk.String())
		}
	}
}

// Where policies can be read, the evaluator names the statement that is missing on
// each side, and the doctor agrees with what happened.
func TestDoctorReadsPolicies(t *testing.T) {
	w := newWard(t)
	w.as("reading")
	profiles := filepath.Join(w.home, "credentials")
	if err := os.WriteFile(profiles, []byte("[owner]\naws_access_key_id = "+ownerAdminID+"\naws_secret_access_key = "+ownerAdminKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", profiles)
	ask := []string{w.host + "/team/closed:1", "--reader", "owner", "--endpoint-url", w.box.Endpoint()}
	d, text := w.examine("", ask...)
	var caller, owner bool
	for _, s := range d.Steps {
		if s.Name == "policy" && s.Result == "failed" && strings.HasPrefix(s.Detail, "ecr:BatchGetImage") {
			caller = strings.Contains(s.Fix, "arn:aws:ecr:eu-west-1:222222222222:repository/team/closed")
			owner = strings.Contains(s.Fix, "arn:aws:iam::111111111111:user/reading")
		}
	}
	if d.Healthy || !caller || !owner {
		t.Errorf("the evaluator's fix names the caller's side: %v, the owner's: %v, want both\n%s", caller, owner, text)
	}
	w.userPolicy("reading", pullStatements)
	w.repositoryPolicy("team/closed", document(ownPolicy))
	d, text = w.examine("", ask...)
	allowed := 0
	for _, s := range d.Steps {
		if s.Name == "policy" && s.Result == "ok" {
			allowed++
		}
	}
	if !d.Healthy || allowed < 3 {
		t.Errorf("with both statements: healthy %v, %d calls allowed, want the three of a pull\n%s", d.Healthy, allowed, text)
	}
}

// Other registries than ECR are asked as Docker would ask them.
func TestDoctorUsesDockersLogin(t *testing.T) {
	w := newWard(t)
	at := basicRegistry(t)
	ask := []string{at + "/team/app:1", "--host", "host=" + at + ",registry=http://" + at}
	if d, text := w.examine("", ask...); d.Symptom != "no_credential" {
		t.Errorf("without a login: %s, want no_credential\n%s", d.Symptom, text)
	}
	w.login(at, "ada", "canary-right")
	if d, text := w.examine("", ask...); !d.Healthy || !strings.Contains(text, "from Docker's configuration") {
		t.Errorf("with a login: %s %s\n%s", d.Symptom, d.Cause, text)
	}
	w.dockerConfig(`{"credHelpers":{"` + at + `":"does-not-exist"}}`)
	if d, text := w.examine("", ask...); d.Healthy || !strings.Contains(d.Cause, "credential helper") {
		t.Errorf("with a helper that is not there: %s %s\n%s", d.Symptom, d.Cause, text)
	}
}

// A limit to runners can be lifted again, and a runner that was deleted is told from
// one that is there.
func TestLimitToRunnersIsLifted(t *testing.T) {
	c := newClinic(t)
	c.pullpass(0, "", "runner", "add", "build-1")
	c.pullpass(0, "", "runner", "add", "build-2")
	c.pullpass(0, keyText("well"), "integration", "add", "key", "--region", sickHome, "--access-key-id", keyID("well"), "--runner", "build-1")
	c.pullpass(0, "password", "registry", "add", "hub", "--host", "hub.example.com", "--username", "ada", "--runner", "build-1", "--runner", "build-2")
	for _, noun := range []string{"integration", "registry"} {
		name := map[string]string{"integration": "key", "registry": "hub"}[noun]
		limited, _ := c.pullpass(0, "", noun, "show", name)
		wantAll(t, noun+" show", limited, "build-1")
		c.pullpass(2, "", noun, "update", name, "--runner", "all", "--runner", "build-1")
		c.pullpass(0, "", noun, "update", name, "--runner", "all")
		lifted, _ := c.pullpass(0, "", noun, "show", name)
		if strings.Contains(lifted, "build-1") {
			t.Errorf("%s update --runner all leaves the limit:\n%s", noun, lifted)
		}
		c.pullpass(0, "", noun, "update", name, "--runner", "build-2")
	}
	c.pullpass(0, "", "runner", "delete", "build-2")
	for noun, name := range map[string]string{"integration": "key", "registry": "hub"} {
		shown, _ := c.pullpass(0, "", noun, "show", name)
		wantAll(t, noun+" show", shown, "deleted runner run_")
	}
}

// wantLast wants text to end in a line.
func wantLast(t *testing.T, text, line string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if got := lines[len(lines)-1]; got != line {
		t.Errorf("the last line is %q, want %q", got, line)
	}
}
