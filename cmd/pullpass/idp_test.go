package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/agent"
	"github.com/pullpass/pullpass/internal/config"
	realparts "github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// room is the inside of an environment: a server, a runner's agent socket, and an
// AWS whose role trusts the environment's project.
type room struct {
	t     *testing.T
	owner *client.Client
	org   pullpass.OrganizationID
	aws   *sandbox.Sandbox
	home  string
}

const roomRole = "arn:aws:iam::222222222222:role/developers"

func (r *room) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(pullpass.Explain(err))
	}
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, home: t.TempDir()}
	c := config.Server{Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), AllowEgress: []string{"127.0.0.1"}}
	running, err := startServer(t.Context(), &c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	r.must(err)
	t.Cleanup(running.stop)
	anyone, err := client.New(running.url)
	r.must(err)
	org, token, err := anyone.Setup(t.Context(), running.setup, "acme", "ada")
	r.must(err)
	r.org = org.ID
	r.owner, err = client.New(running.url, client.WithToken(token))
	r.must(err)
	t.Setenv("HOME", r.home)
	t.Setenv("PULLPASS_SERVER", running.url)
	t.Setenv("PULLPASS_TOKEN", token.Reveal())
	p, err := r.owner.CreateProject(t.Context(), pullpass.Project{Name: "app"})
	r.must(err)
	_, err = r.owner.SetSubject(t.Context(), "ids")
	r.must(err)
	r.environment(running.url, p.ID)
	r.rehearse(p.ID)
	return r
}

func (r *room) environment(server string, p pullpass.ProjectID) {
	r.t.Helper()
	_, oneTime, err := r.owner.CreateRunner(r.t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker})
	r.must(err)
	identity := joinForTest(r.t, server, oneTime)
	e, err := r.owner.CreateEnvironment(r.t.Context(), pullpass.Environment{Project: p, Runner: identity.Runner, Name: "dev", Services: []pullpass.Service{{Name: "web", Image: "alpine"}}})
	r.must(err)
	own, err := client.New(server, client.WithToken(identity.Token.Secret()))
	r.must(err)
	dir, err := os.MkdirTemp("", "idp")
	r.must(err)
	r.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	sockets, err := agent.New(agent.Options{Dir: filepath.Join(dir, "a"), RunnerName: "one", Server: insidePort{serverPort{c: own}}})
	r.must(err)
	r.t.Cleanup(func() { r.must(sockets.Shutdown(context.Background())) })
	mounts, err := sockets.Open(r.t.Context(), e)
	r.must(err)
	r.t.Setenv("PULLPASS_SOCKET", filepath.Join(mounts[0].Source, agent.Socket))
}

func (r *room) rehearse(p pullpass.ProjectID) {
	r.t.Helper()
	var err error
	r.aws, err = sandbox.New(sandbox.Default().OnFreePorts(), sandbox.Options{})
	r.must(err)
	r.must(r.aws.Start(context.Background()))
	r.t.Cleanup(func() { r.must(r.aws.Close()) })
	id, err := r.owner.Identity(r.t.Context())
	r.must(err)
	name := strings.TrimPrefix(id.Issuer, "http://")
	admin := iam.NewFromConfig(aws.Config{Region: sandbox.DefaultRegion, BaseEndpoint: aws.String(r.aws.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(sandbox.OwnerKeyID, "sandbox/222222222222/admin000/NotSecret2", "")})
	_, err = admin.CreateOpenIDConnectProvider(r.t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String(id.Issuer), ClientIDList: []string{awsAudience}})
	r.must(err)
	_, err = admin.CreateRole(r.t.Context(), &iam.CreateRoleInput{RoleName: aws.String("developers"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{
		"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/` + name + `"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"` + name + `:aud":"sts.amazonaws.com"},"StringLike":{"` + name + `:sub":"organization:` + string(r.org) + `:project:` + string(p) + `:environment:*"}}}]}`)})
	r.must(err)
	r.t.Setenv("AWS_ENDPOINT_URL_STS", r.aws.Endpoint())
	r.t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// pullpass runs the command line and returns its exit code and what it printed.
func (r *room) pullpass(args ...string) (code int, out, talk string) {
	r.t.Helper()
	var o, e bytes.Buffer
	code = run(r.t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestInsideAnEnvironment(t *testing.T) {
	r := newRoom(t)
	code, out, talk := r.pullpass("idp", "token", "--audience", "a.example", "--audience", "b.example", "--decode")
	var decoded struct {
		Header map[string]any `json:"header"`
		Claims map[string]any `json:"claims"`
	}
	if code != 0 || json.Unmarshal([]byte(out), &decoded) != nil || decoded.Header["alg"] != "RS256" || len(decoded.Claims["aud"].([]any)) != 2 || decoded.Claims["organization"] != string(r.org) {
		t.Errorf("idp token --decode = %d %s %s", code, out, talk)
	}
	if code, out, _ := r.pullpass("idp", "token", "--audience", "a.example", "--es256"); code != 0 || strings.Count(out, ".") != 2 {
		t.Errorf("idp token = %d %q, want a JWT", code, out)
	}

	t.Setenv("IDP_AWS_ROLE_ARN", roomRole)
	code, out, talk = r.pullpass("idp", "login", "aws", "--profile", "dev")
	config, err := os.ReadFile(filepath.Join(r.home, ".aws", "config"))
	if code != 0 || out != "" || err != nil || !strings.Contains(string(config), "[profile dev]\ncredential_process = ") || !strings.Contains(string(config), "idp credentials aws --role-arn "+roomRole) {
		t.Fatalf("idp login aws = %d %s %s, wrote %s (%v)", code, out, talk, config, err)
	}
	// The profile names this test's own binary; the AWS CLI gets it under its own name.
	self, err := os.Executable()
	r.must(err)
	program, err := exec.LookPath("pullpass") // testscript puts it into PATH
	if err != nil {
		program = filepath.Join(t.TempDir(), "pullpass")
		r.must(os.Symlink(self, program))
	}
	r.must(os.WriteFile(filepath.Join(r.home, ".aws", "config"), []byte(strings.Replace(string(config), self, program, 1)), 0o600))
	if text, err := r.cli("--profile", "dev"); err != nil || !strings.Contains(text, "assumed-role/developers/pullpass") {
		t.Errorf("aws with the profile: %v: %s", err, text)
	}
	if code, _, talk := r.pullpass("idp", "login", "aws", "--write-keys", "--duration-seconds", "900"); code != 0 {
		t.Errorf("idp login aws --write-keys = %d %s", code, talk)
	}
	if text, err := r.cli(); err != nil || !strings.Contains(text, "assumed-role/developers/pullpass") {
		t.Errorf("aws with the keys: %v: %s", err, text)
	}

	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a role that trusts others", []string{"--role-arn", "arn:aws:iam::222222222222:role/others"}, exitFailed, "AccessDenied"},
		{"an audience that AWS does not know", []string{"--audience", "other"}, exitFailed, "InvalidIdentityToken"},
		{"no role", []string{"--role-arn", "developers"}, exitMisuse, "not the ARN of a role"},
		{"too short", []string{"--duration-seconds", "10"}, exitMisuse, "900"},
	} {
		code, _, talk := r.pullpass(append([]string{"idp", "login", "aws"}, c.args...)...)
		if code != c.code || !strings.Contains(talk, c.want) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, code, talk, c.code, c.want)
		}
	}
	t.Setenv("PULLPASS_SOCKET", filepath.Join(r.home, "nothing"))
	if code, _, talk := r.pullpass("idp", "token", "--audience", "x"); code != exitFailed || !strings.Contains(talk, "inside an environment") {
		t.Errorf("outside: %d %s", code, talk)
	}
}

// cli asks who it is, with the AWS CLI and the files in HOME.
func (r *room) cli(args ...string) (string, error) {
	cmd := exec.CommandContext(r.t.Context(), realparts.AWS(r.t), append([]string{"--endpoint-url", r.aws.Endpoint(), "--region", "eu-west-1", "sts", "get-caller-identity"}, args...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "AWS_ENDPOINT_URL") || strings.HasPrefix(v, "AWS_EC2") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	text, err := cmd.CombinedOutput()
	return string(text), err
}

func TestTrustAndCheckFromTheCommandLine(t *testing.T) {
	r := newRoom(t)
	if code, _, talk := r.pullpass("trust", "add", "gl", "--preset", "gitlab", "--claim", "project_path=acme/app", "--project", "app", "--action", "push"); code != 0 || !strings.Contains(talk, "https://gitlab.com") {
		t.Errorf("trust add = %d %s", code, talk)
	}
	if code, out, _ := r.pullpass("trust", "list"); code != 0 || !strings.Contains(out, "project_path=acme/app") {
		t.Errorf("trust list = %d %s", code, out)
	}
	if code, _, talk := r.pullpass("trust", "add", "gh", "--preset", "github", "--claim", "ref=refs/heads/main", "--project", "app"); code != exitFailed || !strings.Contains(talk, "signs for everybody") {
		t.Errorf("trusting anybody on GitHub = %d %s", code, talk)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"trust", "test", "--token", "-"}, strings.NewReader("not.a.token\n"), &out, io.Discard); code != exitFailed || !strings.Contains(out.String(), "not accepted") {
		t.Errorf("trust test = %d %s", code, out.String())
	}
	if code, _, talk := r.pullpass("trust", "delete", "gl"); code != 0 {
		t.Errorf("trust delete = %d %s", code, talk)
	}
	code, text, _ := r.pullpass("idp", "check")
	if code != exitFailed || !strings.Contains(text, "AWS speaks https only") {
		t.Errorf("idp check of a server on loopback = %d %s", code, text)
	}
	dir := t.TempDir()
	if code, _, talk := r.pullpass("idp", "check", "--export", dir); code != 0 {
		t.Fatalf("idp check --export = %d %s", code, talk)
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	data, err := os.ReadFile(filepath.Join(dir, ".well-known", "openid-configuration"))
	r.must(err)
	id, err := r.owner.Identity(t.Context())
	r.must(err)
	if json.Unmarshal(data, &document) != nil || document.Issuer != id.Issuer {
		t.Errorf("exported %s, want the issuer %s", data, id.Issuer)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "jwks.json")); err != nil || !strings.Contains(string(data), `"kty":"RSA"`) {
		t.Errorf("exported keys %s, %v", data, err)
	}
	if code, out, _ := r.pullpass("idp", "subject"); code != 0 || !strings.Contains(out, "ids") {
		t.Errorf("idp subject = %d %s", code, out)
	}
	if code, _, talk := r.pullpass("project", "prove", "app"); code != exitFailed || !strings.Contains(talk, "no repository") {
		t.Errorf("project prove without a repository = %d %s", code, talk)
	}
}

// The checks go in AWS's order, and each that fails says how to put it right.
func TestCheckIdentity(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/good/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"https://idp.example/good","jwks_uri":"https://idp.example/good/jwks.json"}`)
	})
	mux.HandleFunc("/good/jwks.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[{"kty":"RSA"}]}`) })
	mux.HandleFunc("/other/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"https://idp.example/other/","jwks_uri":"http://idp.example/jwks.json"}`)
	})
	mux.HandleFunc("/empty/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"https://idp.example/empty","jwks_uri":"https://idp.example/none.json"}`)
	})
	mux.HandleFunc("/none.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) })
	mux.HandleFunc("/html/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>`) })
	server := httptest.NewServer(mux)
	defer server.Close()
	here := &http.Client{Transport: towards{server.Listener.Addr().String()}}
	for issuer, want := range map[string]string{
		"https://idp.example/good":      "",
		"http://idp.example/good":       "https only",
		"https://idp.example:8443/good": "no port",
		"https://192.0.2.1/good":        "not an IP address",
		"https://idp.example/other":     "another issuer",
		"https://idp.example/empty":     "empty",
		"https://idp.example/html":      "not JSON",
		"https://idp.example/missing":   "404",
	} {
		var causes []string
		for _, f := range checkIdentity(t.Context(), here, api.Identity{Issuer: issuer, Discovery: issuer + "/.well-known/openid-configuration"}) {
			if f.OK != (f.Cause == "") || f.OK != (f.Fix == "") {
				t.Errorf("%s: %+v, want a cause and a fix exactly where it fails", issuer, f)
			}
			causes = append(causes, f.Cause)
		}
		if got := strings.Join(causes, ""); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: causes %q, want %q", issuer, got, want)
		}
	}
}

// towards answers every request at one address.
type towards struct{ address string }

func (d towards) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host = "http", d.address
	return http.DefaultTransport.RoundTrip(out)
}
