package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// Options are the broker's parts. AWS, Hosts, Grants and Shared may be nil.
type Options struct {
	Store       Store
	Auditor     Auditor
	Hosts       *reference.Hosts // nil: the grammar alone
	AWS         Minter           // nil: registries with a password only
	Grants      Signer           // nil: no registry is opened by a runner's own identity
	Shared      Shared           // nil: this is the only server
	Provisioner Provisioner      // nil: no registry entry waits for its repository
	Now         func() time.Time // nil: time.Now
	MaxEntries  int              // of the cache; 0: 10,000
}

const defaultEntries = 10_000

// Broker issues credentials.
type Broker struct {
	store   Store
	auditor Auditor
	hosts   *reference.Hosts
	aws     Minter
	now     func() time.Time
	keeper  *Keeper
	pacer   *Pacer
	grants  Signer
	// provisioner creates repositories on their first push.
	provisioner Provisioner

	mu   sync.Mutex
	pins pins
}

// New returns a broker. Close it to end what it does in the background.
func New(o Options) (*Broker, error) {
	if o.Store == nil || o.Auditor == nil {
		return nil, errors.New("broker: a store and an auditor are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = defaultEntries
	}
	b := &Broker{
		store: o.Store, auditor: o.Auditor, hosts: o.Hosts, aws: o.AWS, grants: o.Grants, provisioner: o.Provisioner, now: o.Now,
		pacer: NewPacer(o.Now),
		pins:  pins{limit: o.MaxEntries, list: make(map[pin][]pullpass.Registry)},
	}
	var handovers Handovers
	if o.Shared != nil {
		handovers, b.pacer = o.Shared, SharedPacer(o.Shared)
	}
	b.keeper = NewKeeper(handovers, o.Now, o.MaxEntries)
	return b, nil
}

// Close gives up what is under way and waits until it has ended.
func (b *Broker) Close() { b.keeper.Close() }

// Stats counts since the broker was made.
type Stats struct {
	Hits    int64 // answers from the cache, refusals included
	Mints   int64 // upstream calls and opened passwords
	Entries int
}

// Stats returns the counts.
func (b *Broker) Stats() Stats { return b.keeper.Stats() }

// Issue returns a credential that caller may have, valid for a while yet. Its
// record is on disk when it returns, and so is that of a refusal: where the
// record cannot be written, the answer is Unavailable, whatever it would have
// been.
func (b *Broker) Issue(ctx context.Context, caller pullpass.Caller, ask Ask) (Issued, error) {
	if caller.Organization == "" {
		return Issued{}, &pullpass.Error{Kind: pullpass.Unauthenticated, What: "cannot issue a credential", Cause: "it is not known who asks"}
	}
	byRunner := caller.Kind == pullpass.CallerRunner
	p := plan{organization: caller.Organization, runner: caller.Runner, byRunner: byRunner, start: byRunner && !ask.Inside}
	issued, err := b.prepare(ctx, caller, ask, &p)
	if err != nil {
		return Issued{}, b.refuse(ctx, caller, ask, &p, err)
	}
	if err := b.auditor.Record(ctx, b.event(caller, &p, ask, issued)); err != nil {
		return Issued{}, err
	}
	if !issued.Credential.ValidFor(time.Second, b.now()) && issued.Grant.Empty() {
		return Issued{}, &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot issue a credential", Cause: "it expired while it was being recorded", Hint: "try again"}
	}
	return issued.Issued, nil
}

// prepared is an answer that has not been recorded yet.
type prepared struct {
	Issued
	policy      string
	webIdentity string
	anonymous   string
	grantID     string
}

func (b *Broker) prepare(ctx context.Context, caller pullpass.Caller, ask Ask, p *plan) (prepared, error) {
	ask, host, err := b.normalize(ask)
	if err != nil {
		return prepared{}, err
	}
	p.host, p.action, p.environment, p.project, p.inside = host, ask.Action, ask.Environment, ask.Project, ask.Inside
	if err := b.decide(ctx, caller, ask, p); err != nil {
		return prepared{}, err
	}
	if err := b.provision(ctx, caller, ask, p); err != nil {
		return prepared{}, err
	}
	out := prepared{Issued: Issued{Registry: p.registry.ID, Generation: p.registry.Generation, Integration: p.integration.ID}}
	if p.native() {
		out.Grant, out.grantID, err = b.grant(ctx, caller, ask, p)
		return out, err
	}
	m, cached, err := b.obtain(ctx, p, ask.Repository, ask.Refused)
	if err != nil {
		return prepared{}, err
	}
	out.Credential, out.Principal, out.Repositories, out.Cached = m.Credential, m.Principal, m.Repositories, cached
	out.policy, out.webIdentity, out.anonymous = m.Policy, m.WebIdentity, m.Anonymous
	return out, nil
}
