package aws

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/reference"
)

// NativeOptions are the parts of a Native. All are needed.
type NativeOptions struct {
	Minter *Minter
	Hosts  *reference.Hosts
	// Open verifies a grant: that the server signed it, for this runner, just now.
	Open func(context.Context, pullpass.Secret) (pullpass.Grant, error)
	Now  func() time.Time
}

// Native mints with a runner's own AWS identity what its server has granted. The
// server is asked for every grant; what was minted for one is kept like a
// credential on the server, and goes nowhere.
type Native struct {
	o      NativeOptions
	keeper *broker.Keeper
	pacer  *broker.Pacer

	mu       sync.Mutex
	identity string
	reason   error     // why there is none, or why AWS was not asked
	again    time.Time // when it is asked for again
}

const nativeEntries = 1000

// NewNative returns a Native; Close it.
func NewNative(o NativeOptions) *Native {
	return &Native{o: o, keeper: broker.NewKeeper(nil, o.Now, nativeEntries), pacer: broker.NewPacer(o.Now)}
}

// Close ends what is done in the background.
func (n *Native) Close() { n.keeper.Close() }

// Credential mints what a grant allows, if that is what was asked for.
func (n *Native) Credential(ctx context.Context, grant pullpass.Secret, ask broker.Ask) (pullpass.Credential, error) {
	g, err := n.o.Open(ctx, grant)
	if err != nil {
		return pullpass.Credential{}, err
	}
	host, err := n.o.Hosts.Parse(g.Host)
	if err != nil {
		return pullpass.Credential{}, err
	}
	asked, err := n.o.Hosts.Parse(ask.Host)
	if err != nil {
		return pullpass.Credential{}, err
	}
	if asked.Name != host.Name || g.Environment != ask.Environment || g.Inside != ask.Inside || g.Action != ask.Action ||
		!granted(g, ask.Repository) {
		return pullpass.Credential{}, &pullpass.Error{
			Kind:  pullpass.Denied,
			Code:  "grant_refused",
			What:  "cannot use the server's grant",
			Cause: "it is for something else than was asked for",
			Hint:  "check that this runner talks to its own server",
		}
	}
	if host.ECR == nil {
		return pullpass.Credential{}, &pullpass.Error{
			Kind:  pullpass.Invalid,
			Code:  "registry_not_ecr",
			What:  "cannot get a token for " + host.Name,
			Cause: "this runner does not know it as an ECR host",
			Hint:  "give the runner the server's host mappings: --host",
		}
	}
	m, err := n.get(ctx, g, host, ask.Refused)
	var e *pullpass.Error
	if errors.As(err, &e) && e.Code == broker.CodePolicyTooLarge && ask.Repository != "" && len(g.Repositories) > 1 {
		g.Repositories = []string{ask.Repository} // narrower than granted, never wider
		m, err = n.get(ctx, g, host, ask.Refused)
	}
	m.Credential.Native = true
	return m.Credential, err
}

func (n *Native) get(
	ctx context.Context,
	g pullpass.Grant,
	host reference.Host,
	refused string,
) (broker.Minted, error) {
	m, _, err := n.keeper.Get(
		ctx,
		broker.GrantKey(g, host),
		broker.Source{Alone: true, Refused: refused, Mint: func(ctx context.Context, fresh bool) (broker.Minted, error) {
			r := n.request(g, host)
			r.Fresh = fresh
			return n.o.Minter.Mint(ctx, r)
		}},
	)
	return m, err
}

// granted: a grant names repositories, or what all begin with.
func granted(g pullpass.Grant, repository string) bool {
	return repository == "" || slices.ContainsFunc(g.Repositories, func(name string) bool {
		prefix, wild := strings.CutSuffix(name, "*")
		return name == repository || (wild && strings.HasPrefix(repository, prefix))
	})
}

func (n *Native) request(g pullpass.Grant, host reference.Host) broker.MintRequest {
	i := pullpass.Integration{
		ID:           g.Integration,
		Generation:   g.IntegrationGeneration,
		Organization: g.Organization,
		Name:         "runner-native",
		Mode:         pullpass.ModeRunnerNative,
		Region:       host.ECR.Region,
		Chain:        g.Chain,
	}
	if i.ID == "" {
		i.ID = "runner"
	}
	r := broker.MintRequest{
		Organization: g.Organization,
		Integration:  i,
		Host:         host,
		Action:       g.Action,
		Repositories: g.Repositories,
		Wait:         n.pacer.For(g.Organization, i, host.ECR.Region),
	}
	if g.Inside {
		r.Project, r.Environment = g.Project, g.Environment
	}
	return r
}

const (
	identityFor  = 5 * time.Minute  // how long an answer of who the runner is holds
	identityMiss = 10 * time.Second // and one that there is none, or that AWS did not give
	identityTime = 10 * time.Second // whoever asks waits for the answer
)

// Identity is the runner's own AWS principal as policies name it, or why it has
// none. While AWS does not answer it is still who it was.
func (n *Native) Identity(ctx context.Context) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.o.Now().Before(n.again) {
		return n.identity, n.reason
	}
	principal, err := n.o.Minter.Own(ctx)
	if !passing(err) {
		n.identity = principal
	}
	n.reason = err
	n.again = n.o.Now().Add(identityMiss)
	if err == nil {
		n.again = n.o.Now().Add(identityFor)
	}
	return n.identity, n.reason
}

// Sign proves who this machine is: see Minter.Sign.
func (n *Native) Sign(ctx context.Context, challenge, bound string) (pullpass.IdentityProof, error) {
	return n.o.Minter.Sign(ctx, challenge, bound)
}

// passing reports whether a failure says nothing of whether there is an identity.
func passing(err error) bool {
	var e *pullpass.Error
	if errors.As(err, &e) && e.Code == awscall.ErrNoIdentity.Code {
		return false
	}
	return pullpass.IsKind(err, pullpass.Unavailable) || pullpass.IsKind(err, pullpass.Limited)
}
