package httpapi_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/cgi" //nolint:gosec // Httpoxy was closed in Go 1.6.3
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/agent"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
	"github.com/pullpass/pullpass/internal/sandbox"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/source"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
)

// realWorld is a server over https on the real store, provider, broker and source,
// with a Git host (git's own http-backend) beside it. All certificates are of one
// authority, which only these parts know.
type realWorld struct {
	*world
	provider *identity.Provider
	git      string // https URL of the Git host
	repos    string // its repositories on disk
	roots    *x509.CertPool
	http     *http.Client
}

func newRealWorld(t *testing.T, schedule identity.Schedule) *realWorld {
	t.Helper()
	r := &realWorld{world: &world{t: t, log: &logbook{}, clock: &clock{}, dir: t.TempDir()}, repos: t.TempDir(), roots: x509.NewCertPool()}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.Server.ServeHTTP(w, req) }))
	gitHost := httptest.NewTLSServer(guardPrivate(&cgi.Handler{Path: "/usr/lib/git-core/git-http-backend", Env: []string{
		"GIT_PROJECT_ROOT=" + r.repos, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=http.receivepack", "GIT_CONFIG_VALUE_1=true"}}))
	t.Cleanup(gitHost.Close)
	r.git = gitHost.URL
	r.roots.AddCert(gitHost.Certificate()) // httptest has one certificate for all
	r.http = gitHost.Client()
	r.url = "https://" + server.Listener.Addr().String()

	keyFile, err := seal.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	r.db, err = sqlite.Open(t.Context(), filepath.Join(r.dir, "pullpass.db"), seal.NewKeyring(keyFile), store.Options{Now: r.clock.now})
	must(t, err)
	t.Cleanup(func() { must(t, r.db.Close()) })
	door := audit.NewDoor(r.db, audit.Options{})
	t.Cleanup(func() { must(t, door.Close()) })
	out, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, RootCAs: r.roots})
	must(t, err)
	t.Cleanup(out.Close)
	b, err := broker.New(broker.Options{Store: r.db, Auditor: door, Now: r.clock.now})
	must(t, err)
	t.Cleanup(b.Close)
	r.provider = identity.NewProvider(r.url, r.db, identity.Options{Schedule: schedule, Now: r.clock.now})
	r.Server, err = httpapi.New(httpapi.Options{
		Store: r.db, Issuer: b, Auditor: door, Now: r.clock.now,
		Identity: r.provider, Source: source.New(out), Verifier: identity.NewVerifier(&http.Client{Transport: out}, r.clock.now),
	})
	must(t, err)
	server.StartTLS()
	t.Cleanup(server.Close)
	r.setup, err = r.SetupToken(t.Context())
	must(t, err)
	return r
}

func (r *realWorld) client(token pullpass.Secret) *client.Client {
	r.t.Helper()
	c, err := client.New(r.url, client.WithToken(token), client.WithAttempts(1), client.WithTransport(r.http.Transport))
	must(r.t, err)
	return c
}

// tenants are the first organization and another.
func (r *realWorld) tenants() (ours, theirs *tenant) {
	r.t.Helper()
	org, token, err := r.client(pullpass.Secret{}).Setup(r.t.Context(), r.setup, "acme", "ada")
	must(r.t, err)
	ours = &tenant{Client: r.client(token), w: r.world, org: org.ID, token: token}
	other, err := r.db.CreateOrganization(r.t.Context(), pullpass.Organization{Name: "globex"})
	must(r.t, err)
	token = r.mint(pullpass.Token{Organization: other.ID, Kind: pullpass.TokenAPI, Name: "owner", Role: pullpass.RoleOwner})
	return ours, &tenant{Client: r.client(token), w: r.world, org: other.ID, token: token}
}

// repository makes a bare repository with one commit on main; files go into it.
func (r *realWorld) repository(path string, files map[string]string) (address string) {
	r.t.Helper()
	bare := filepath.Join(r.repos, path)
	r.sh(r.t.TempDir(), "git", "init", "-q", "--bare", "-b", "main", bare)
	r.sh(bare, "git", "config", "uploadpack.allowFilter", "true")
	r.push(path, files)
	return r.git + "/" + path
}

func (r *realWorld) push(path string, files map[string]string) {
	r.t.Helper()
	work := r.t.TempDir()
	r.sh(work, "git", "clone", "-q", filepath.Join(r.repos, path), work)
	r.sh(work, "git", "checkout", "-q", "-B", "main")
	must(r.t, os.WriteFile(filepath.Join(work, "README"), []byte(time.Now().String()), 0o600))
	for name, text := range files {
		must(r.t, os.WriteFile(filepath.Join(work, name), []byte(text), 0o600))
	}
	r.sh(work, "git", "add", "-A")
	r.sh(work, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "x")
	r.sh(work, "git", "push", "-q", "origin", "main")
}

func (r *realWorld) sh(dir, program string, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), parts.Command(r.t, program), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
	text, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, text)
	}
	return strings.TrimSpace(string(text))
}

// placed is a new environment on a new runner, and that runner's client.
func (r *realWorld) placed(o *tenant, p pullpass.ProjectID, name, ref string) (*client.Client, pullpass.Environment) {
	r.t.Helper()
	_, join, err := o.CreateRunner(r.t.Context(), pullpass.Runner{Name: name, Kind: pullpass.RunnerDocker})
	must(r.t, err)
	run, token, err := r.client(pullpass.Secret{}).Join(r.t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "1"})
	must(r.t, err)
	e, err := o.CreateEnvironment(r.t.Context(), pullpass.Environment{Project: p, Runner: run.ID, Name: name, Ref: ref,
		Services: []pullpass.Service{{Name: "web", Image: "alpine"}}})
	must(r.t, err)
	return r.client(token), e
}

// inside opens the agent sockets of a runner and returns a client inside an environment.
func (r *realWorld) inside(o *tenant, p pullpass.ProjectID, name, ref string) *client.Client {
	r.t.Helper()
	own, e := r.placed(o, p, name, ref)
	dir, err := os.MkdirTemp("", "idp")
	must(r.t, err)
	r.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	sockets, err := agent.New(agent.Options{Dir: filepath.Join(dir, "a"), RunnerName: name, Server: runnerPort{own}})
	must(r.t, err)
	r.t.Cleanup(func() { must(r.t, sockets.Shutdown(context.Background())) })
	mounts, err := sockets.Open(r.t.Context(), e)
	must(r.t, err)
	c, err := client.New("unix://"+filepath.Join(mounts[0].Source, agent.Socket), client.WithAttempts(1))
	must(r.t, err)
	return c
}

// runnerPort is what cmd/pullpass joins the agent with.
type runnerPort struct{ c *client.Client }

func (p runnerPort) Credential(context.Context, runner.CredentialRequest) (pullpass.Credential, error) {
	return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.NotFound, What: "none here"}
}

func (p runnerPort) IdentityToken(ctx context.Context, id pullpass.EnvironmentID, q api.IdentityTokenRequest) (api.IdentityToken, error) {
	return p.c.IdentityToken(ctx, id, q)
}

// awsBox is a sandbox that fetches keys over https, with a role that trusts one
// repository's tokens of one organization, in the form of the first seed.
type awsBox struct {
	*sandbox.Sandbox
	clock *clock
	http  *http.Client
}

const rehearsedRole = "arn:aws:iam::222222222222:role/developers"

func (r *realWorld) rehearse(org pullpass.OrganizationID, repository string) *awsBox {
	r.t.Helper()
	a := &awsBox{clock: &clock{}, http: &http.Client{Transport: &http.Transport{}}}
	var err error
	a.Sandbox, err = sandbox.New(sandbox.Default().OnFreePorts(), sandbox.Options{Clock: a.clock.now, Client: r.http})
	must(r.t, err)
	must(r.t, a.Start(context.Background()))
	r.t.Cleanup(func() { a.http.CloseIdleConnections(); must(r.t, a.Close()) })
	issuer := r.provider.Issuer(org)
	name := strings.TrimPrefix(issuer, "https://")
	admin := iam.NewFromConfig(a.config(credentials.NewStaticCredentialsProvider(sandbox.OwnerKeyID, "sandbox/222222222222/admin000/NotSecret2", "")))
	_, err = admin.CreateOpenIDConnectProvider(r.t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String(issuer), ClientIDList: []string{"sts.amazonaws.com"}})
	must(r.t, err)
	_, err = admin.CreateRole(r.t.Context(), &iam.CreateRoleInput{RoleName: aws.String("developers"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{
		"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/` + name + `"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"` + name + `:aud":"sts.amazonaws.com"},"StringLike":{"` + name + `:sub":["` + repository + `/tree/*","referrer:jetbrains-gateway:*/` + repository + `/tree/*"]}}}]}`)})
	must(r.t, err)
	return a
}

func (a *awsBox) config(c aws.CredentialsProvider) aws.Config {
	return aws.Config{Region: sandbox.DefaultRegion, BaseEndpoint: aws.String(a.Endpoint()), HTTPClient: a.http, Credentials: c,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}
