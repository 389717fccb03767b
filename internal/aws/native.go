package aws

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/iam"
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
	asked    time.Time
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
	if asked.Name != host.Name || g.Environment != ask.Environment || g.Inside != ask.Inside || g.Action != ask.Action || !granted(g, ask.Repository) {
		return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.Denied, Code: "grant_refused", What: "cannot use the server's grant",
			Cause: "it is for something else than was asked for", Hint: "check that this runner talks to its own server"}
	}
	if host.ECR == nil {
		return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "registry_not_ecr", What: "cannot get a token for " + host.Name,
			Cause: "this runner does not know it as an ECR host", Hint: "give the runner the server's host mappings: --host"}
	}
	m, _, err := n.keeper.Get(ctx, broker.GrantKey(g, host), broker.Source{Alone: true, Mint: func(ctx context.Context) (broker.Minted, error) {
		return n.o.Minter.Mint(ctx, n.request(g, host))
	}})
	return m.Credential, err
}

// granted: a grant names repositories, or what all begin with.
func granted(g pullpass.Grant, repository string) bool {
	return repository == "" || slices.ContainsFunc(g.Repositories, func(name string) bool {
		prefix, wild := strings.CutSuffix(name, "*")
		return name == repository || (wild && strings.HasPrefix(repository, prefix))
	})
}

func (n *Native) request(g pullpass.Grant, host reference.Host) broker.MintRequest {
	i := pullpass.Integration{ID: g.Integration, Organization: g.Organization, Name: "runner-native", Mode: pullpass.ModeRunnerNative, Region: host.ECR.Region, Chain: g.Chain}
	if i.ID == "" {
		i.ID = "runner"
	}
	r := broker.MintRequest{Organization: g.Organization, Integration: i, Host: host, Action: g.Action, Repositories: g.Repositories,
		Wait: n.pacer.For(g.Organization, i, host.ECR.Region)}
	if g.Inside {
		r.Project, r.Environment = g.Project, g.Environment
	}
	return r
}

// identityFor is how long an answer of who the runner is holds.
const identityFor = 5 * time.Minute

// Identity is the runner's own AWS principal as policies name it, or nothing where
// it has none. A role's path is not part of what AWS says of a session: for a role
// below one, the name alone is known.
func (n *Native) Identity(ctx context.Context) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := n.o.Now(); n.asked.IsZero() || now.Sub(n.asked) > identityFor {
		n.asked = now
		n.identity = n.find(ctx)
	}
	return n.identity
}

func (n *Native) find(ctx context.Context) string {
	c, err := n.o.Minter.ambientConfig(ctx)
	if err != nil {
		return ""
	}
	i := pullpass.Integration{ID: "runner", Name: "runner-native", Mode: pullpass.ModeRunnerNative, Region: c.Region}
	id, err := n.o.Minter.Identify(ctx, i, pullpass.Secret{})
	if err != nil {
		return ""
	}
	if role, ok := iam.RoleOfSession(id.Principal); ok {
		return role
	}
	return id.Principal
}
