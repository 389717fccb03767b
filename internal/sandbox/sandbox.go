package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// Options are what a sandbox takes from its surroundings. The zero value works.
type Options struct {
	Logger *slog.Logger     // default: silent
	Clock  func() time.Time // default: time.Now
	// Client fetches the keys of OIDC providers. Default: a client with a
	// timeout that follows no redirects.
	Client *http.Client
}

// Sandbox is one AWS. Create it with New.
type Sandbox struct {
	cfg    Config
	log    *slog.Logger
	now    func() time.Time
	client *http.Client
	state  *state
	sts    *service
	iam    *service
	ecr    *service
	public *publicRegistry
	layers *layerStore
	quota  *quota
	faults *faultList
	ca     *authority

	layersAddress string
	listening     sync.Mutex // guards what follows
	listeners     []*listener
	phase         phase
	serving       sync.WaitGroup
}

// phase is how far a sandbox's life has come.
type phase int

const (
	made phase = iota
	started
	closed
)

// RegistryEndpoint says where the registry of one account and region listens,
// and which real host it stands for. A client maps Host to Address in its
// ordinary configuration.
type RegistryEndpoint struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Host    string `json:"host"`
	Address string `json:"address"`
}

// Mapping is the registry in the form of pullpass server's and runner's --host:
// which account and region answers at the address. endpoint is the AWS API's.
func (r RegistryEndpoint) Mapping(endpoint string) string {
	return fmt.Sprintf("host=%s,account=%s,region=%s,api=%s,sts=%s,registry=http://%s",
		r.Address, r.Account, r.Region, endpoint, endpoint, r.Address)
}

// New builds the accounts that cfg describes. It listens nowhere yet; see Start.
func New(cfg Config, opts Options) (*Sandbox, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	b := &Sandbox{
		cfg: cfg, log: opts.Logger, now: opts.Clock, client: opts.Client,
		quota: newQuota(cfg.RateLimits), faults: newFaultList(cfg.Faults),
		state: newState(),
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.now == nil {
		b.now = time.Now
	}
	if b.client == nil {
		b.client = &http.Client{
			Timeout:       10 * time.Second,
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	b.sts, b.iam, b.ecr = b.stsService(), b.iamService(), b.ecrService()
	b.public = newPublicRegistry(b)
	b.layers = &layerStore{box: b, key: randomBytes(32)}
	if cfg.TLS != nil {
		ca, err := newAuthority(b.now())
		if err != nil {
			return nil, err
		}
		b.ca = ca
	}
	if err := b.seed(); err != nil {
		return nil, err
	}
	return b, nil
}

// listener is one open address and what answers there.
type listener struct {
	what    string
	net     net.Listener
	server  *http.Server
	account string // of a registry
	region  string
}

// Start opens every address. It returns when all of them accept connections;
// Close ends them. The context bounds the opening only.
func (b *Sandbox) Start(ctx context.Context) error {
	err := b.listenAll(ctx)
	if err != nil {
		return errors.Join(err, b.Close())
	}
	b.listening.Lock()
	defer b.listening.Unlock()
	for _, l := range b.listeners {
		b.serve(l)
	}
	b.phase = started
	return nil
}

// serve answers on a listener until it is closed. The caller holds the lock.
func (b *Sandbox) serve(l *listener) {
	b.serving.Go(func() {
		if err := l.server.Serve(l.net); err != nil && !errors.Is(err, http.ErrServerClosed) {
			b.log.Error("sandbox listener ended", "what", l.what, "error", err)
		}
	})
	b.log.Info("sandbox listens", "what", l.what, "address", l.net.Addr().String())
}

// openRegistry lets a registry that came into being while the sandbox runs listen.
// A sandbox that does not run yet opens it at its start.
func (b *Sandbox) openRegistry(reg *registry) error {
	b.listening.Lock()
	defer b.listening.Unlock()
	if b.phase != started {
		return nil
	}
	l, err := b.listenRegistry(context.Background(), reg)
	if err != nil {
		return err
	}
	b.serve(l)
	return nil
}

// listenRegistry opens a registry's address. The caller holds the lock.
func (b *Sandbox) listenRegistry(ctx context.Context, reg *registry) (*listener, error) {
	account, region := reg.account.id, reg.region
	l, err := b.listen(
		ctx,
		"registry "+registryHost(account, region),
		b.registryAddress(account, region),
		b.registryHandlerOf(account, region),
	)
	if err != nil {
		return nil, err
	}
	l.account, l.region = account, region
	reg.address, reg.local = l.net.Addr().String(), b.cfg.LocalAddresses
	return l, nil
}

func (b *Sandbox) listenAll(ctx context.Context) error {
	if err := b.clearBlobDirectory(); err != nil {
		return err
	}
	b.listening.Lock()
	defer b.listening.Unlock()
	if _, err := b.listen(ctx, "aws", b.cfg.Listen, b); err != nil {
		return err
	}
	layers, err := b.listen(ctx, "layers", b.cfg.Layers, b.layers)
	if err != nil {
		return err
	}
	b.layersAddress = layers.net.Addr().String()
	for _, a := range b.cfg.Accounts {
		registries := b.state.accounts[a.ID].registries
		for _, region := range slices.Sorted(maps.Keys(registries)) {
			if _, err := b.listenRegistry(ctx, registries[region]); err != nil {
				return err
			}
		}
	}
	for _, m := range b.cfg.InstanceMetadata {
		if _, err := b.listen(ctx, "instance metadata "+m.InstanceProfile, m.Listen, newMetadata(b, m)); err != nil {
			return err
		}
	}
	if b.cfg.TLS != nil {
		return b.listenTLS(ctx)
	}
	return nil
}

// listen opens one address. An empty one is a free loopback port. The caller holds
// the lock.
func (b *Sandbox) listen(ctx context.Context, what, address string, handler http.Handler) (*listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &pullpass.Error{
			Kind: pullpass.Unavailable, What: "cannot start the sandbox",
			Cause: fmt.Sprintf("opening %s on %s: %v", what, address, err), Err: err,
			Hint: "another sandbox may be running there; choose other ports, or port 0 for a free one",
		}
	}
	l := &listener{what: what, net: ln, server: &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(b.log.Handler(), slog.LevelDebug),
	}}
	b.listeners = append(b.listeners, l)
	return l, nil
}

func (b *Sandbox) registryAddress(account, region string) string {
	for _, r := range b.cfg.Registries {
		if r.Account == account && r.Region == region {
			return r.Listen
		}
	}
	return ""
}

// Close ends every listener and waits for them. It is safe to call twice.
func (b *Sandbox) Close() error {
	var errs []error
	b.listening.Lock()
	b.phase = closed
	for _, l := range b.listeners {
		errs = append(errs, l.server.Close())
		if err := l.net.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	b.listening.Unlock()
	b.serving.Wait()
	b.client.CloseIdleConnections()
	return errors.Join(errs...)
}

// Endpoint is the URL of the AWS API: for --endpoint-url and AWS_ENDPOINT_URL.
func (b *Sandbox) Endpoint() string {
	b.listening.Lock()
	defer b.listening.Unlock()
	for _, l := range b.listeners {
		if l.what == "aws" {
			return "http://" + l.net.Addr().String()
		}
	}
	return "http://" + b.cfg.Listen
}

// Registries lists where each account's registry listens.
func (b *Sandbox) Registries() []RegistryEndpoint {
	b.listening.Lock()
	defer b.listening.Unlock()
	list := []RegistryEndpoint{}
	for _, l := range b.listeners {
		if l.account != "" {
			list = append(list, RegistryEndpoint{
				Account: l.account, Region: l.region,
				Host: registryHost(l.account, l.region), Address: l.net.Addr().String(),
			})
		}
	}
	return list
}

// Registry returns the address of one account's registry, "" where there is none.
func (b *Sandbox) Registry(account, region string) string {
	list := b.Registries()
	i := slices.IndexFunc(list, func(r RegistryEndpoint) bool { return r.Account == account && r.Region == region })
	if i < 0 {
		return ""
	}
	return list[i].Address
}

// Env returns NAME=value settings that point an AWS client at the running
// sandbox as the first configured user.
func (b *Sandbox) Env() []string {
	c := b.cfg
	c.Listen = b.Endpoint()[len("http://"):]
	return c.Env()
}

// MetadataEndpoints lists the URLs of the instance metadata services, in the
// order of the configuration: for AWS_EC2_METADATA_SERVICE_ENDPOINT.
func (b *Sandbox) MetadataEndpoints() []string {
	b.listening.Lock()
	defer b.listening.Unlock()
	list := []string{}
	for _, l := range b.listeners {
		if _, ok := l.server.Handler.(*metadata); ok {
			list = append(list, "http://"+l.net.Addr().String()+"/") // the AWS CLI needs the slash
		}
	}
	return list
}

func (b *Sandbox) defaultRegion() string {
	if len(b.cfg.Regions) > 0 {
		return b.cfg.Regions[0]
	}
	return DefaultRegion
}
