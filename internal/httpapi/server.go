package httpapi

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/reserve"
)

// Options of a server. Store, Issuer and Auditor are required.
type Options struct {
	Store   Store
	Issuer  Issuer
	Auditor Auditor
	// VerifyAudit serves GET /audit/verify; nil leaves the check to the operator.
	VerifyAudit VerifyAudit
	// Identity is the OIDC provider, Source finds out what a repository holds, and
	// Verifier checks the tokens of trusted issuers. Nil: no such thing here.
	Identity Identity
	Source   Source
	Verifier Verifier
	Prover   AWSProver        // nil: no runner proves its AWS identity here
	Tester   Tester           // nil: registries and integrations are not tried here
	Hosts    *reference.Hosts // nil: the grammar alone
	Metrics  *Metrics         // nil: measured, and not shown
	Logger   *slog.Logger     // nil: no log
	Now      func() time.Time // nil: time.Now
	Version  string           // told to callers, and in the OpenAPI document
	SignIn   SignIn           // nil: people use API tokens
	Hooks    WebhookSender    // nil: nobody carries audit records elsewhere
	// Repositories keeps projects' repositories in ECR; nil: none are kept here.
	Repositories Repositories
	// Pages makes the pages for people (/, /docs, /setup and what they use) from
	// the OpenAPI document: web.New. Nil: none.
	Pages func(document []byte) (http.Handler, error)
	// Dashboard writes the dashboard's pages: web.Dashboard. Nil: none.
	Dashboard RenderDashboard
	// Programs are binaries to give out; Downloads holds more, each at
	// <os>-<arch>/<name>, and those of the same path are not used.
	Programs  []Program
	Downloads fs.FS
	// URL is by which address people reach the server; https://… makes cookies
	// and links safe. Empty: that of SignIn.
	URL string
	// Proxies are believed when they say where a request came from.
	Proxies Proxies
	// MetricsToken is what /metrics asks for; without one it answers callers on this machine only.
	MetricsToken pullpass.Secret
	// Disk is where the database is; nil where it is not on this machine.
	Disk *reserve.Disk
}

// Server answers the API. It is an http.Handler.
type Server struct {
	store     Store
	issuer    Issuer
	auditor   Auditor
	verify    VerifyAudit
	identity  Identity
	source    Source
	verifier  Verifier
	tester    Tester
	testing   chan struct{} // has a place for each test under way
	hosts     *reference.Hosts
	version   string
	metrics   *Metrics
	log       *slog.Logger
	now       func() time.Time
	mux       *http.ServeMux
	api       huma.API
	document  document
	binaries  []binary
	readiness readiness
	prover    AWSProver
	proving   chan struct{} // has a place for each proof under way
	proofs    *limit

	signIn  SignIn
	signIns signInLimits
	hooks   WebhookSender

	dashboard RenderDashboard

	repositories Repositories

	// draining is closed when the server stops: long polls answer at once.
	draining chan struct{}
	drain    sync.Once

	url          string
	proxies      Proxies
	metricsToken pullpass.Secret
	disk         *reserve.Disk
}

// New makes a server of o.
func New(o Options) (*Server, error) {
	if o.Store == nil || o.Issuer == nil || o.Auditor == nil {
		return nil, errors.New("httpapi: a store, an issuer and an auditor are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.URL == "" && o.SignIn != nil {
		o.URL = o.SignIn.Server()
	}
	s := &Server{
		store: o.Store, issuer: o.Issuer, auditor: o.Metrics.Auditor(o.Auditor), verify: o.VerifyAudit,
		identity: o.Identity, source: o.Source, verifier: o.Verifier, tester: o.Tester, testing: make(chan struct{}, maxTests),
		prover: o.Prover, proving: make(chan struct{}, provesAtOnce), proofs: newProofLimit(),
		hosts: o.Hosts, metrics: o.Metrics, log: o.Logger, now: o.Now,
		signIn: o.SignIn, signIns: newSignInLimits(), hooks: o.Hooks,
		dashboard: o.Dashboard, repositories: o.Repositories,
		mux: http.NewServeMux(), draining: make(chan struct{}), url: o.URL, proxies: o.Proxies, metricsToken: o.MetricsToken, disk: o.Disk,
	}
	s.version = o.Version
	s.api = newAPI(s.mux, o.Version)
	s.routes()
	if err := s.describe(); err != nil {
		return nil, err
	}
	if err := s.offer(o.Programs, o.Downloads); err != nil {
		return nil, err
	}
	if err := s.pages(o.Pages); err != nil {
		return nil, err
	}
	s.operations()
	return s, nil
}

// routes registers the API, in the order in which the document shows it.
func (s *Server) routes() {
	s.setupRoutes()
	s.selfRoutes()
	s.projectRoutes()
	s.registryRoutes()
	s.integrationRoutes()
	s.repositoryRoutes()
	s.testRoutes()
	s.imageRoutes()
	s.runnerRoutes()
	s.environmentRoutes()
	s.credentialRoutes()
	s.identityRoutes()
	s.trustRoutes()
	s.exchangeRoutes()
	s.sessionRoutes()
	s.memberRoutes()
	s.tokenRoutes()
	s.quotaRoutes()
	s.auditRoutes()
	s.webhookRoutes()
	s.workRoutes()
	s.trialRoutes()
}

// operations registers what is not part of the API: health, metrics, documents,
// downloads and pages. All but the dashboard is public and holds nothing of a
// tenant; the dashboard's pages name their permissions as the API's routes do.
func (s *Server) operations() {
	s.healthRoutes()
	s.providerRoutes()
	s.signInPages()
	s.dashboardRoutes()
	s.documentRoutes()
	s.downloadRoutes()
	s.mux.HandleFunc("/", s.unknown)
}

func (s *Server) pages(render func([]byte) (http.Handler, error)) error {
	if render == nil {
		return nil
	}
	pages, err := render(s.document.json)
	if err != nil {
		return err
	}
	for _, path := range []string{"GET /{$}", "GET " + api.PathDocs, "GET " + api.PathSetupPage, "GET /static/{file}"} {
		s.mux.Handle(path, pages)
	}
	return nil
}

// Drain makes long polls answer at once and /readyz fail, so that the server can
// stop.
func (s *Server) Drain() { s.drain.Do(func() { close(s.draining) }) }
