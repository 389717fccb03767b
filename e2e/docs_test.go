package e2e_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// TestDocumentedCommandsRun runs what README.md and docs/ tell their readers to run,
// page by page in one world. What cannot run here says why in the page's source.
func TestDocumentedCommandsRun(t *testing.T) {
	w := newDocumentedWorld(t)
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := blocksOf(t, "README.md")
	for _, page := range pages {
		all = append(all, blocksOf(t, filepath.Join("docs", filepath.Base(page)))...)
	}
	run, failed := 0, 0
	reasons := map[string]int{}
	for _, b := range all {
		if b.notRun != "" {
			reasons[b.notRun]++
			continue
		}
		run++
		if out, err := w.run(t, b); err != nil {
			failed++
			t.Errorf("%s: %v\n%s", b, err, out)
		}
	}
	t.Logf("%d blocks: %d run, %d failed, %d not run", len(all), run, failed, len(all)-run)
	for reason, n := range reasons {
		t.Logf("not run, %d: %s", n, reason)
	}
	if run < 30 {
		t.Errorf("%d blocks were run: the test would prove little", run)
	}
}

// documentedWorld is what the pages take for granted.
type documentedWorld struct {
	ctx    context.Context
	server *process.Server
	issuer *jobIssuer
	dir    string
	env    []string
	words  *strings.Replacer
	stdin  [][2]string // what a person types, by a part of the command
}

func newDocumentedWorld(t *testing.T) *documentedWorld {
	t.Helper()
	engine, registry := parts.Docker(t), parts.Registry(t)
	w := &documentedWorld{ctx: within(t, 3*time.Minute), dir: t.TempDir(), issuer: newJobIssuer(t)}
	config := sandbox.Default()
	config.Accounts[0].Roles[0].AttachedPolicies = []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
	box := startBox(t, w.ctx, config.OnFreePorts())
	args := plainHTTP(registry)
	for _, r := range box.Registries() {
		args = append(args, "--host="+r.Mapping(box.Endpoint()))
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	w.server = startServer(t, w.ctx, append([]string{"--ca-file=" + w.issuer.ca}, args...)...)
	runner, err := process.StartRunner(w.ctx, w.server, filepath.Join(shortDir(t), "build-1"), engine, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runner.Stop() })

	owner, platform := box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion), box.Registry(sandbox.PlatformAccount, sandbox.DefaultRegion)
	pushToOwner(t, w.ctx, box, "team/app", parts.BusyboxImage(t, stays...))
	setPolicy(t, w.ctx, box, "team/app", openToPlatform)
	w.words = strings.NewReplacer(
		"222222222222.dkr.ecr.eu-west-1.amazonaws.com", owner,
		"222222222222.dkr.ecr.eu-west-2.amazonaws.com", owner, // the sandbox's registries have one region
		"111111111111.dkr.ecr.eu-west-1.amazonaws.com", platform,
		"--region eu-west-2", "--region eu-west-1",
		"https://index.docker.io/v1/", registry.Host,
		"https://pullpass.example.com", w.server.URL,
		"--organization acme", "--organization "+w.organization(t),
		"PULLPASS_ORGANIZATION=acme", "PULLPASS_ORGANIZATION="+w.organization(t),
		"bin/pullpass ", "pullpass ",
		"AKIA…", sandbox.PlatformKeyID,
		"team/app:1.4", "team/app:1",
		"--after 4711 --follow", "--after 1", // it stays
		"4711:v1:9f86d081…", `"$(pullpass audit verify | sed 's/.*head //')"`,
	)
	w.stdin = [][2]string{
		{"integration add", sandbox.PlatformKey().Reveal()},
		{"registry add hub", registry.Password},
	}
	w.prepare(t, engine)
	return w
}

func (w *documentedWorld) organization(t *testing.T) string {
	t.Helper()
	self, err := w.server.Owner.Self(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return self.Organization.Name
}

// The files of a reader whose policies allow what the pages ask about.
const (
	trustFile = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"sts:AssumeRole"}]}`
	allowFile = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`
	ownerFile = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],
		"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}]}`
	requestFile = `{"request":{"action":"ecr:BatchGetImage","resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app",
		"principal":{"AWS":"arn:aws:iam::222222222222:role/pull","session":"build-7"},"resourceAccount":"222222222222"},"identityPolicies":[` + allowFile + `]}`
	policiesFile = `{"identity":{"arn:aws:iam::111111111111:role/pull":[` + allowFile + `]},
		"repository":{"arn:aws:ecr:eu-west-1:222222222222:repository/team/app":` + ownerFile + `}}`
)

// prepare makes the reader's machine: a home, the programs on the PATH, docker's
// configuration, and the files that pages speak of.
func (w *documentedWorld) prepare(t *testing.T, engine string) {
	t.Helper()
	files := map[string]string{
		".docker/config.json": `{"credsStore":"pullpass"}`, "new": "another-password\n",
		"error.txt": "no basic auth credentials\n", "trust.json": trustFile, "policies/trust.json": trustFile,
		"request.json": requestFile, "policies.json": policiesFile,
	}
	for name, text := range files {
		path := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{"HOME=" + w.dir, "PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH"), "DOCKER_HOST=" + engine}
}

// run runs a block: a shell's commands one after the other in one shell, each with
// what a person would type, and a job's script in the environment of a job.
func (w *documentedWorld) run(t *testing.T, b block) (string, error) {
	t.Helper()
	env := append(slices.Clone(w.env), "PULLPASS_SERVER="+w.server.URL, "PULLPASS_TOKEN="+w.server.Token.Reveal())
	commands := b.commands()
	if b.lang == "yaml" {
		j := b.job(t)
		env = slices.Clone(w.env)
		for name, token := range j.Tokens {
			env = append(env, name+"="+w.issuer.token(t, w.words.Replace(token.Audience)))
		}
		commands = j.Script
		w.trust(t)
	}
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for i, command := range commands {
		if !strings.Contains(command, "pullpass policy") { // it reads names, and asks nobody
			command = w.words.Replace(command)
		}
		command = strings.ReplaceAll(command, "bin/pullpass ", "pullpass ")
		typed := filepath.Join(t.TempDir(), fmt.Sprintf("typed-%d", i))
		if err := os.WriteFile(typed, []byte(w.typed(command)), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&script, "{ %s\n} < %s\n", command, typed)
	}
	cmd := exec.CommandContext(w.ctx, "bash", "-x", "-c", script.String())
	cmd.Dir, cmd.Env, cmd.WaitDelay = w.dir, env, 5*time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *documentedWorld) typed(command string) string {
	for _, s := range w.stdin {
		if strings.Contains(command, s[0]) {
			return s[1] + "\n"
		}
	}
	return ""
}

// trust is what the pages tell in words: the CI system's jobs may push for payments,
// whose repository waits for its first push.
func (w *documentedWorld) trust(t *testing.T) {
	t.Helper()
	p, err := w.server.Owner.ProjectByName(w.ctx, "payments")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.server.Owner.CreateTrust(w.ctx, api.NewTrust{Name: "gitlab", Issuer: w.issuer.URL, Audience: w.server.URL, Project: p.ID,
		Action: pullpass.ActionPush, Conditions: []string{"project_path=acme/app"}})
	if err != nil && !pullpass.IsKind(err, pullpass.Conflict) {
		t.Fatal(err)
	}
	integrations, err := w.server.Owner.Integrations(w.ctx, pullpass.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range integrations.Items {
		if i.Name == "platform" {
			_, err = w.server.Owner.CreateRepository(w.ctx, api.NewRepository{Project: p.ID, Integration: i.ID, Name: "payments", OnFirstPush: true})
		}
	}
	if err != nil && !pullpass.IsKind(err, pullpass.Conflict) {
		t.Fatal(err)
	}
}

// jobIssuer is the issuer of a CI system, with an authority of its own.
type jobIssuer struct {
	*httptest.Server
	key *rsa.PrivateKey
	ca  string
}

func newJobIssuer(t *testing.T) *jobIssuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &jobIssuer{key: key, ca: filepath.Join(t.TempDir(), "ca.pem")}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	})
	i.Server = httptest.NewTLSServer(mux)
	t.Cleanup(i.Close)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	if err := os.WriteFile(i.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// token is an id_token of a job of acme/app.
func (i *jobIssuer) token(t *testing.T, audience string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: i.key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "one"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text, err := jwt.Signed(signer).Claims(map[string]any{"iss": i.URL, "aud": audience, "sub": "project_path:acme/app:ref_type:branch:ref:main",
		"project_path": "acme/app", "ref": "main", "jti": fmt.Sprint("job-", now.UnixNano()), "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
