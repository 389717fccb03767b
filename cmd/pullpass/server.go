package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/reserve"
	"github.com/pullpass/pullpass/internal/retention"
	"github.com/pullpass/pullpass/internal/source"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/web"
	"github.com/pullpass/pullpass/internal/webhook"
)

type serverCommand struct {
	Run     serverRun     `cmd:"" default:"withargs" help:"Run the server (the default)."`
	Backup  serverBackup  `cmd:"" help:"Copy the server's data while it runs; the key is not part of the copy."`
	Restore serverRestore `cmd:"" help:"Put a backup in place, after it has proved itself; --check only tries it."`
	Recover serverRecover `cmd:"" help:"Make an owner's token on the server's machine, where the last one is lost."`
}

type serverRun struct{ config.Server }

func (s *serverRun) Run(ctx context.Context, t *terminal, read reread) error {
	if err := s.Check(); err != nil {
		return misuseError{err}
	}
	// A server keeps little and makes much: fewer collections for more memory,
	// unless its operator says otherwise.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if limit, ok := memoryLimit(os.DirFS("/")); ok && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	log, level := newLeveledLogger(t.talk, s.Log)
	running, err := startServer(ctx, &s.Server, log)
	if err != nil {
		return err
	}
	defer running.stop()
	onHangup(ctx, log, func() error {
		cli, err := read()
		if err != nil {
			return err
		}
		now := cli.Server.Run
		setLevel(level, now.Log)
		warnUnread(log, s.Server, now.Server)
		return running.reload()
	})
	if err := running.announce(t); err != nil {
		return err
	}
	return running.wait(ctx)
}

// runningServer is a server that answers.
type runningServer struct {
	url    string
	setup  pullpass.Secret // one-time token; empty once the server is set up
	failed chan error
	reload func() error // reads what can change while it runs
	stop   func()
}

// announce says where the server is. The setup token is printed once, here, and
// is not logged.
func (r *runningServer) announce(t *terminal) error {
	type started struct {
		URL   string     `json:"url"`
		Setup api.Secret `json:"setup,omitzero"`
	}
	return t.show(started{r.url, api.NewSecret(r.setup)}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Pullpass answers at %s   (API documentation: %s%s)\n", r.url, r.url, api.PathDocs)
		if !r.setup.Empty() {
			_, _ = fmt.Fprintf(w, "\nFirst start. Make the organization and its owner, within 24 hours and once:\n  in a browser: %s%s#%s\n  or here:      pullpass login --setup %s   and give it the token %s\n",
				r.url, api.PathSetupPage, r.setup.Reveal(), r.url, r.setup.Reveal())
		}
	})
}

func (r *runningServer) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-r.failed:
		return err
	}
}

// startServer joins the server's parts and begins to answer.
func startServer(ctx context.Context, c *config.Server, log *slog.Logger) (*runningServer, error) {
	listener, reload, err := listen(ctx, c)
	if err != nil {
		return nil, err
	}
	// Connections wait until the parts are there: tokens name the address as their
	// issuer, and with port 0 it is known only now.
	p, err := newParts(ctx, c, publicURL(c, listener.Addr()), log)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	setup, err := p.api.SetupToken(ctx)
	if err != nil {
		_ = listener.Close()
		p.close()
		return nil, err
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	running := &runningServer{url: publicURL(c, listener.Addr()), setup: setup, failed: make(chan error, 1), reload: reload}
	done := make(chan struct{})
	go func() {
		defer close(done)
		running.failed <- httpapi.Serve(serving, listener, p.api)
	}()
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		keepKeys(serving, p, log)
	}()
	carried := make(chan struct{})
	go func() {
		defer close(carried)
		carryAudit(serving, p, log)
	}()
	pruned := make(chan struct{})
	go func() {
		defer close(pruned)
		if c.AuditRetention != 0 {
			audit.Retention{Store: p.db, Door: p.door, Keep: time.Duration(c.AuditRetention), Now: time.Now, Logger: log}.Run(serving)
		}
	}()
	purged := make(chan struct{})
	go func() {
		defer close(purged)
		if c.KeepDeleted != 0 {
			retention.Purger{Store: p.db, Keep: time.Duration(c.KeepDeleted), Now: time.Now, Logger: log, Count: p.metrics.Purged}.Run(serving)
		}
	}()
	running.stop = func() {
		cancel()
		<-done
		<-purged
		<-kept
		<-pruned
		<-carried
		p.close()
	}
	warnOpen(c, listener.Addr(), log)
	log.Info("server started", "url", running.url)
	return running, nil
}

// parts are what a server is made of, in the order in which they are made.
type parts struct {
	db       *store.DB
	door     *audit.Door
	out      *egress.Client
	broker   *broker.Broker
	identity *identity.Provider
	api      *httpapi.Server
	metrics  *httpapi.Metrics
	disk     *reserve.Disk // nil where the database is elsewhere
	closers  []func()
}

func newParts(ctx context.Context, c *config.Server, url string, log *slog.Logger) (*parts, error) {
	p := &parts{}
	if err := p.make(ctx, c, url, log); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *parts) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

func (p *parts) make(ctx context.Context, c *config.Server, url string, log *slog.Logger) error {
	hosts, err := newHosts(c.Hosts)
	if err != nil {
		return err
	}
	proxies, err := httpapi.ParseProxies(c.TrustedProxies)
	if err != nil {
		return err
	}
	if c.Database == "" {
		release, err := sqlite.Lock(databasePath(c))
		if err != nil {
			return err
		}
		p.closers = append(p.closers, release)
		if err := p.keepRoom(c, log); err != nil {
			return err
		}
	}
	if p.db, err = openStore(ctx, c, p.storeOptions(c, log)); err != nil {
		return err
	}
	p.closers = append(p.closers, func() { _ = p.db.Close() })
	if err := sealOld(ctx, p.db, log); err != nil {
		return err
	}
	p.door = audit.NewDoor(p.db, audit.Options{Room: p.disk.Room})
	p.closers = append(p.closers, func() { _ = p.door.Close() })
	refusals := audit.NewRefusals(p.door, 0, nil)
	p.closers = append(p.closers, refusals.Close)
	if p.out, err = newEgress(egress.Options{Allow: c.AllowEgress, HideNames: hideNames(log)}); err != nil {
		return err
	}
	p.closers = append(p.closers, p.out.Close)
	metrics := httpapi.NewMetrics()
	p.metrics = metrics
	metrics.Registry().MustRegister(newWebhookMetrics(p))
	if p.disk != nil {
		metrics.Registry().MustRegister(diskMetrics{p.disk})
	}
	p.identity = identity.NewProvider(cmp.Or(c.IssuerURL, url), p.db, identity.Options{})
	minter := aws.New(p.awsOptions(c, hosts))
	keeper, err := p.newKeeper(metrics.Auditor(refusals), minter, hosts)
	if err != nil {
		return err
	}
	p.broker, err = broker.New(broker.Options{
		Store: p.db, Auditor: metrics.Auditor(refusals), Hosts: hosts, AWS: minter, Grants: p.identity,
		Shared: p.share(ctx, log), Provisioner: keeper,
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, p.broker.Close)
	signIn, err := p.newSignIn(c, url)
	if err != nil {
		return err
	}
	offered, err := p.offeredPrograms(c, log)
	if err != nil {
		return err
	}
	metricsToken, err := secretIn(c.MetricsToken)
	if err != nil {
		return err
	}
	p.api, err = httpapi.New(httpapi.Options{
		MetricsToken: metricsToken, Disk: p.disk,
		Store: p.db, Issuer: p.broker, Auditor: refusals, Metrics: metrics, VerifyAudit: p.verifyAudit,
		Identity: p.identity, Source: source.New(p.out), Verifier: identity.NewVerifier(egressHTTP(p.out), nil), Repositories: keeper,
		Hosts: hosts, Logger: log, Version: version, Pages: web.New, Dashboard: web.Dashboard,
		Programs: offered, Downloads: operatorsPrograms(c), URL: url, Proxies: proxies,
		SignIn: signIn, Hooks: webhook.Sender{HTTP: p.out, Now: time.Now},
		Prover: &aws.Prover{HTTP: p.out, STSEndpoint: stsOfMappings(hosts)},
		Tester: &serverDoctor{store: p.db, hosts: hosts, allow: c.AllowEgress, minter: minter, log: log},
	})
	return err
}

// awsWithin bounds one call of AWS, which answers in well below a second: a call
// that hangs is tried again while there is time.
const awsWithin = 7 * time.Second

// awsOptions keeps the server's own AWS identity from integrations unless its
// operator lends it: whoever may add an integration could use it otherwise.
func (p *parts) awsOptions(c *config.Server, hosts *reference.Hosts) aws.Options {
	o := aws.Options{HTTP: p.out.With(egress.Limits{Total: awsWithin}), STSEndpoint: stsOfMappings(hosts), Tokens: webIdentities{p.identity}}
	if !c.LendIdentity {
		o.Ambient = func(context.Context) (awssdk.Config, error) {
			return awssdk.Config{}, &pullpass.Error{
				Kind: pullpass.Denied, Code: "ambient_not_lent", What: "cannot use the server's own AWS identity",
				Cause: "its operator does not lend it to integrations", Hint: "start the server with --lend-identity, or use an integration with its own identity",
			}
		}
	}
	return o
}

func (p *parts) verifyAudit(ctx context.Context, org pullpass.OrganizationID, since audit.Head) (audit.Report, error) {
	return audit.Verify(ctx, p.db, org, since)
}

// listen opens the address, and returns what reads its certificate again.
func listen(ctx context.Context, c *config.Server) (l net.Listener, reload func() error, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, nil, &pullpass.Error{
			Kind: pullpass.Unavailable, What: "cannot listen on " + c.Listen, Err: errors.Unwrap(err),
			Hint: "choose another address: --listen 127.0.0.1:0 picks a free port",
		}
	}
	proxies, err := httpapi.ParseProxies(c.TrustedProxies)
	if err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	listener = httpapi.Limit(listener, proxies)
	if c.TLSCert == "" {
		return listener, func() error { return nil }, nil
	}
	pair, err := loadCertificate(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	return tls.NewListener(listener, pair.config()), pair.reload, nil
}

// publicURL is what the operator says, or what the listener tells.
func publicURL(c *config.Server, address net.Addr) string {
	if c.URL != "" {
		return strings.TrimSuffix(c.URL, "/")
	}
	scheme := "http://"
	if c.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + reachable(address)
}

// reachable is an address that others can use: "all interfaces" is none, and the
// machine's name is the best guess where the operator gives no --url.
func reachable(address net.Addr) string {
	at, err := netip.ParseAddrPort(address.String())
	if err != nil || !at.Addr().IsUnspecified() {
		return address.String()
	}
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "127.0.0.1"
	}
	return net.JoinHostPort(name, strconv.Itoa(int(at.Port())))
}

// warnOpen tells an operator whose server others can reach without TLS, where tokens
// and credentials can be read on the way.
func warnOpen(c *config.Server, address net.Addr, log *slog.Logger) {
	at, err := netip.ParseAddrPort(address.String())
	if c.TLSCert != "" || err != nil || at.Addr().IsLoopback() || strings.HasPrefix(c.URL, "https://") {
		return
	}
	log.Warn("the server answers other machines over plain HTTP: tokens and credentials can be read on the way; "+
		"use --tls-cert and --tls-key, or name the https address of the proxy before it with --url", "address", address.String())
}

// secretIn reads a secret that the operator keeps in a file; "" is no secret.
func secretIn(path string) (pullpass.Secret, error) {
	if path == "" {
		return pullpass.Secret{}, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return pullpass.Secret{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the secret", Err: err}
	}
	return secretOf(text, path)
}
