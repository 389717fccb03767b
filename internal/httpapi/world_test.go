package httpapi_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/provision"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/web"
	"github.com/pullpass/pullpass/internal/webhook"
)

var _ httpapi.Store = (*store.DB)(nil)

// world is a server on the real store and the real audit door, reached over real
// HTTP. Only the broker is played.
type world struct {
	*httpapi.Server
	t      *testing.T
	db     *store.DB
	url    string
	log    *logbook
	issuer *issuer
	door   *faultyDoor
	clock  *clock
	git    *gitHost
	tester *tester
	prover *prover
	reads  *countingStore
	dir    string          // of the database
	setup  pullpass.Secret // used by first
}

const (
	ecrHost   = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"
	otherHost = "registry.example.com"
	// canary is in every secret that the tests send; it may come back nowhere.
	canary = "canary-7f3a9c"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	keyFile, err := seal.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	w := &world{t: t, log: &logbook{}, issuer: &issuer{}, clock: &clock{}, git: &gitHost{}, tester: &tester{}, prover: &prover{is: role}, dir: t.TempDir()}
	w.db, err = sqlite.Open(t.Context(), filepath.Join(w.dir, "pullpass.db"), seal.NewKeyring(keyFile), store.Options{Now: w.clock.now})
	must(t, err)
	t.Cleanup(func() { must(t, w.db.Close()) })
	door := audit.NewDoor(w.db, audit.Options{})
	t.Cleanup(func() { must(t, door.Close()) })
	w.door = &faultyDoor{Auditor: door}
	hosts, err := reference.NewHosts(reference.Mapping{Host: "127.0.0.1:5001", Account: "222222222222", Region: "eu-west-1", RegistryURL: "http://127.0.0.1:5001"})
	must(t, err)
	w.git.db = w.db
	w.reads = &countingStore{Store: w.db}
	// Without AWS: what waits for its first push needs none.
	keeper, err := provision.New(provision.Options{Store: w.db, Auditor: w.door, Hosts: hosts, Now: w.clock.now})
	must(t, err)
	w.Server, err = httpapi.New(httpapi.Options{
		Repositories: keeper,
		Identity:     identity.NewProvider("https://pullpass.example", w.db, identity.Options{Now: w.clock.now}),
		Tester:       w.tester,
		Prover:       w.prover,
		Source:       w.git, Verifier: identity.NewVerifier(http.DefaultClient, w.clock.now),
		Store: w.reads, Issuer: w.issuer, Auditor: w.door, Hosts: hosts, Now: w.clock.now, Version: "test",
		Logger: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		VerifyAudit: func(ctx context.Context, org pullpass.OrganizationID, since audit.Head) (audit.Report, error) {
			return audit.Verify(ctx, w.db, org, since)
		},
		Pages: web.New, Hooks: webhook.Sender{HTTP: newEgress(t), Now: w.clock.now},
		Downloads: fstest.MapFS{
			"linux-amd64/pullpass":              {Data: []byte("a binary")},
			"linux-arm64/pullpass":              {Data: []byte("another binary")},
			"README.md":                         {Data: []byte("not offered")},
			"linux-amd64/deeper/not-offered":    {Data: []byte("no")},
			"linux-amd64/docker-credential-abc": {Data: []byte("helper")},
		},
	})
	must(t, err)
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.setup, err = w.SetupToken(t.Context())
	must(t, err)
	return w
}

// first sets the server up as a person does and returns the owner's client.
func (w *world) first() *tenant {
	w.t.Helper()
	org, token, err := w.anonymous().Setup(w.t.Context(), w.setup, "acme", "ada")
	must(w.t, err)
	return &tenant{Client: w.as(token), w: w, org: org.ID, token: token}
}

// second is another organization, as an operator of several has it.
func (w *world) second() *tenant {
	w.t.Helper()
	org, err := w.db.CreateOrganization(w.t.Context(), pullpass.Organization{Name: "globex"})
	must(w.t, err)
	token := w.mint(pullpass.Token{Organization: org.ID, Kind: pullpass.TokenAPI, Name: "owner", Role: pullpass.RoleOwner})
	return &tenant{Client: w.as(token), w: w, org: org.ID, token: token}
}

// mint makes a token directly in the store.
func (w *world) mint(t pullpass.Token) pullpass.Secret {
	w.t.Helper()
	text := pullpass.NewBearer(t.Kind)
	_, t.Hash, _ = pullpass.HashBearer(text.Reveal())
	_, err := w.db.CreateToken(w.t.Context(), t)
	must(w.t, err)
	return text
}

func (w *world) as(token pullpass.Secret) *client.Client {
	w.t.Helper()
	c, err := client.New(w.url, client.WithToken(token), client.WithAttempts(1))
	must(w.t, err)
	return c
}

func (w *world) anonymous() *client.Client { return w.as(pullpass.Secret{}) }

// tenant is an organization, seen by its owner.
type tenant struct {
	*client.Client
	w     *world
	org   pullpass.OrganizationID
	token pullpass.Secret
}

func (o *tenant) project(name string) pullpass.Project {
	o.w.t.Helper()
	p, err := o.CreateProject(o.w.t.Context(), pullpass.Project{Name: name})
	must(o.w.t, err)
	return p
}

// joined adds a runner and joins as it.
func (o *tenant) joined(name string) (pullpass.Runner, pullpass.Secret) {
	o.w.t.Helper()
	_, join, err := o.CreateRunner(o.w.t.Context(), pullpass.Runner{Name: name, Kind: pullpass.RunnerDocker})
	must(o.w.t, err)
	r, token, err := o.w.anonymous().Join(o.w.t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "1"})
	must(o.w.t, err)
	return r, token
}

func (o *tenant) basic(p pullpass.ProjectID, name string) pullpass.Registry {
	o.w.t.Helper()
	r, err := o.CreateRegistry(o.w.t.Context(), pullpass.Registry{
		Project: p, Name: name, Host: name + ".example.com", Auth: pullpass.AuthBasic, Username: "robot",
	}, pullpass.NewSecret("password-"+canary))
	must(o.w.t, err)
	return r
}

func (o *tenant) accessKey(name string) pullpass.Integration {
	o.w.t.Helper()
	i, err := o.CreateIntegration(o.w.t.Context(), pullpass.Integration{
		Name: name, Mode: pullpass.ModeAccessKey, Account: "111111111111", Region: "eu-west-1", AccessKeyID: "AKIAIOSFODNN7EXAMPLE",
	}, pullpass.NewSecret("key-"+canary))
	must(o.w.t, err)
	return i
}

// accessKeyFor is an integration that a project's administrators may attach.
func (o *tenant) accessKeyFor(name string, p pullpass.ProjectID) pullpass.Integration {
	o.w.t.Helper()
	projects := []pullpass.ProjectID{p}
	i, err := o.UpdateIntegration(o.w.t.Context(), o.accessKey(name).ID, pullpass.IntegrationChange{Projects: &projects})
	must(o.w.t, err)
	return i
}

func (o *tenant) environment(p pullpass.ProjectID, r pullpass.RunnerID, name string) pullpass.Environment {
	o.w.t.Helper()
	e, err := o.CreateEnvironment(o.w.t.Context(), pullpass.Environment{
		Project: p, Runner: r, Name: name, Services: []pullpass.Service{{Name: "web", Image: ecrHost + "/team/app:1"}},
	})
	must(o.w.t, err)
	return e
}

func (o *tenant) withRole(role pullpass.Role, p pullpass.ProjectID) pullpass.Secret {
	o.w.t.Helper()
	return o.w.mint(pullpass.Token{Organization: o.org, Kind: pullpass.TokenAPI, Name: string(role), Role: role, Project: p})
}

// issuer plays the broker.
type issuer struct {
	mu     sync.Mutex
	asked  []broker.Ask
	err    error
	panics string
}

func (i *issuer) Issue(_ context.Context, _ pullpass.Caller, a broker.Ask) (broker.Issued, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, a)
	if i.panics != "" {
		panic(i.panics)
	}
	if i.err != nil {
		return broker.Issued{}, i.err
	}
	return broker.Issued{
		Credential: pullpass.Credential{Host: a.Host, Username: "AWS", Secret: pullpass.NewSecret("issued-" + canary), Expires: time.Unix(1_900_000_000, 0)},
		Registry:   "reg_0000000000000000000000000g",
	}, nil
}

func (i *issuer) Hosts(context.Context, pullpass.Caller, pullpass.ProjectID) ([]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return []string{otherHost}, i.err
}

// faultyDoor is the audit door until it is told to fail.
type faultyDoor struct {
	httpapi.Auditor
	mu  sync.Mutex
	err error
}

func (d *faultyDoor) Record(ctx context.Context, e pullpass.Event) error {
	d.mu.Lock()
	err := d.err
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return d.Auditor.Record(ctx, e)
}

func (d *faultyDoor) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// raw makes a request as no client would.
func (w *world) raw(method, path, token, body string, headers ...string) reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	must(w.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", api.ContentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(pullpass.Explain(err), err)
	}
}

func wantKind(t testing.TB, what string, err error, want pullpass.Kind) {
	t.Helper()
	if got := pullpass.KindOf(err); got != want {
		t.Errorf("%s: %v: kind %q, want %q", what, err, got, want)
	}
}

// prover plays AWS: the real one's part is in internal/aws and e2e. It keeps what it
// was given, and says that whoever signed is a role.
type prover struct {
	mu    sync.Mutex
	is    string
	err   error
	bound []string
}

func (p *prover) Principal(_ context.Context, _ pullpass.IdentityProof, bound string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bound = append(p.bound, bound)
	return p.is, p.err
}

func (p *prover) says(is string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is, p.err = is, err
}
