package broker

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
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
		return Issued{}, &pullpass.Error{
			Kind:  pullpass.Unauthenticated,
			What:  "cannot issue a credential",
			Cause: "the caller is not authenticated",
		}
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
		return Issued{}, &pullpass.Error{
			Kind:  pullpass.Unavailable,
			What:  "cannot issue a credential",
			Cause: "it expired while it was being recorded",
			Hint:  "try again",
		}
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
	out := prepared{
		Issued: Issued{Registry: p.registry.ID, Generation: p.registry.Generation, Integration: p.integration.ID},
	}
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

// normalize checks an ask's shape and makes it canonical.
func (b *Broker) normalize(ask Ask) (Ask, reference.Host, error) {
	host, err := b.hosts.Parse(ask.Host)
	if err != nil {
		return ask, reference.Host{}, err
	}
	ask.Host = host.Name
	if ask.Action == "" {
		ask.Action = pullpass.ActionPull
	}
	bad := func(cause string) (Ask, reference.Host, error) {
		return ask, host, &pullpass.Error{
			Kind:  pullpass.Invalid,
			Code:  "ask_invalid",
			What:  "cannot issue a credential",
			Cause: cause,
		}
	}
	switch {
	case ask.Action != pullpass.ActionPull && ask.Action != pullpass.ActionPush:
		return bad("the action is neither pull nor push")
	case ask.Repository != "" && !reference.ValidRepository(ask.Repository):
		return bad("the repository is not made of lower-case words separated by . _ - and /")
	case ask.Environment != "" && !pullpass.ValidID("env", string(ask.Environment)),
		ask.Project != "" && !pullpass.ValidID("prj", string(ask.Project)):
		return bad("the environment or project is not a Pullpass ID")
	case ask.Environment == "" && ask.Inside:
		return bad("inside needs an environment")
	}
	return ask, host, nil
}

// grant lets a runner mint with its own identity. What it mints for a person
// inside is the environment's alone, and never what the start was given.
func (b *Broker) grant(ctx context.Context, caller pullpass.Caller, ask Ask, p *plan) (pullpass.Secret, string, error) {
	if caller.Kind != pullpass.CallerRunner || ask.Environment == "" {
		return pullpass.Secret{}, "", errNative(ask, p)
	}
	if b.grants == nil {
		return pullpass.Secret{}, "", &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "grants_disabled",
			What:  "cannot issue a credential",
			Cause: "this server signs no grants",
		}
	}
	return b.grants.SignGrant(ctx, pullpass.Grant{
		Organization: p.organization, Runner: p.runner, Environment: ask.Environment, Project: p.project,
		Registry: pullpass.RegistryGeneration{Registry: p.registry.ID, Generation: p.registry.Generation},
		Host:     p.host.Name, Repositories: p.repositories, Action: p.action, Inside: p.inside,
		Integration: p.integration.ID, IntegrationGeneration: p.integration.Generation, Chain: p.integration.Chain,
		Expires: b.now().Add(grantLife),
	})
}

// Hosts lists the hosts for which the caller would be given a credential in a project,
// by the rules of Issue. Nothing is issued and no cloud is asked, so nothing is recorded.
func (b *Broker) Hosts(ctx context.Context, caller pullpass.Caller, project pullpass.ProjectID) ([]string, error) {
	ask := Ask{Project: project, Action: pullpass.ActionPull}
	registries, _, err := b.registries(ctx, caller, ask, &plan{organization: caller.Organization, project: project})
	if err != nil {
		return nil, err
	}
	var hosts []string
	for _, r := range registries {
		if !slices.Contains(hosts, r.Host) {
			hosts = append(hosts, r.Host)
		}
	}
	slices.Sort(hosts)
	open := []string{}
	for _, host := range hosts {
		ask.Host = host
		err := b.opens(ctx, caller, ask)
		var refusal *pullpass.Error
		switch {
		case err == nil:
			open = append(open, host)
		case errors.As(err, &refusal) && slices.Contains([]pullpass.Kind{pullpass.Denied, pullpass.Invalid, pullpass.NotFound}, refusal.Kind):
		default:
			return nil, err
		}
	}
	return open, nil
}

// opens decides an ask, as Issue would.
func (b *Broker) opens(ctx context.Context, caller pullpass.Caller, ask Ask) error {
	ask, host, err := b.normalize(ask)
	if err != nil {
		return err
	}
	p := &plan{organization: caller.Organization, project: ask.Project, host: host, action: ask.Action}
	if err := b.decide(ctx, caller, ask, p); err != nil {
		return err
	}
	if p.native() {
		return errNative(ask, p)
	}
	return nil
}

// obtain gets a credential for all repositories of the plan, so that it serves all
// services of an environment, or where that does not fit for the asked one alone.
// It is never widened.
func (b *Broker) obtain(ctx context.Context, p *plan, repository, refused string) (Minted, bool, error) {
	m, cached, err := b.get(ctx, *p, refused)
	if tooLarge(err) && repository != "" && len(p.repositories) > 1 {
		p.repositories = []string{repository}
		return b.get(ctx, *p, refused)
	}
	return m, cached, err
}

// get answers from the keeper or asks upstream.
func (b *Broker) get(ctx context.Context, p plan, refused string) (Minted, bool, error) {
	return b.keeper.Get(ctx, p.key(), Source{
		Organization: p.organization,
		Mint:         func(ctx context.Context, fresh bool) (Minted, error) { return b.mint(ctx, p, fresh) },
		Refused:      refused,
		Alone:        p.registry.Auth == pullpass.AuthBasic,
	})
}

// mint opens the stored password or asks AWS.
func (b *Broker) mint(ctx context.Context, p plan, fresh bool) (Minted, error) {
	if p.registry.Auth == pullpass.AuthBasic {
		secret, err := b.store.RegistrySecret(ctx, p.organization, p.registry)
		return Minted{Credential: pullpass.Credential{
			Host: p.registry.Host, Username: p.registry.Username, Secret: secret, Unscoped: true,
		}}, err
	}
	if b.aws == nil {
		return Minted{}, &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "aws_disabled",
			What:  "cannot issue a credential",
			Cause: "this server does not talk to AWS",
		}
	}
	req := MintRequest{
		Organization: p.organization, Integration: p.integration, Host: p.host,
		Action: p.action, Repositories: p.repositories, Fresh: fresh, Wait: b.pacer.For(p.organization, p.integration, p.region()),
	}
	if p.own() {
		req.Project, req.Environment = p.project, p.environment
	}
	if p.integration.Mode == pullpass.ModeAccessKey {
		var err error
		if req.Secret, err = b.store.IntegrationSecret(ctx, p.organization, p.integration.ID, p.integration.Generation); err != nil {
			return Minted{}, err
		}
	}
	m, err := b.aws.Mint(ctx, req)
	if err != nil && p.public() && p.action == pullpass.ActionPull && !pullpass.IsKind(err, pullpass.Invalid) {
		// Whoever has no token pulls as anybody may, more slowly.
		return Minted{Credential: pullpass.Credential{Host: p.registry.Host}, Anonymous: reason(err)}, nil
	}
	if err != nil {
		return Minted{}, err
	}
	m.Credential.Host = p.registry.Host
	m.Credential.Unscoped = len(m.Repositories) == 0
	return m, nil
}

// pinned returns the registries of an environment as it was started. The list is
// shared: nobody changes it.
func (b *Broker) pinned(ctx context.Context, env pullpass.Environment) ([]pullpass.Registry, error) {
	at := pin{env.Organization, env.ID, env.Start}
	b.mu.Lock()
	list, ok := b.pins.list[at]
	b.mu.Unlock()
	if ok {
		return list, nil
	}
	list, err := b.store.PinnedRegistries(ctx, env.Organization, env.ID)
	if err != nil || !sameGenerations(list, env.Registries) {
		return list, err // a restart came between the two reads: good for once
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pins.list) >= b.pins.limit {
		for one := range b.pins.list { // whichever comes first: it costs one read to have it again
			delete(b.pins.list, one)
			break
		}
	}
	b.pins.list[at] = list
	return list, nil
}

// ofTheProject refuses what is kept for another project: an integration opens an
// account, and a registry through it is no claim to everything there.
func (b *Broker) ofTheProject(ctx context.Context, ask Ask, p *plan) error {
	if p.host.ECR == nil {
		return nil
	}
	for _, pattern := range p.repositories {
		name, err := b.store.RepositoryOfOthers(
			ctx,
			p.organization,
			p.project,
			p.host.ECR.Account,
			p.host.ECR.Region,
			pattern,
		)
		switch {
		case err != nil:
			return err
		case name == "":
			continue
		case name == pattern:
			return refused(
				ask,
				"the repository is kept for another project",
				"ask for a repository of your own project: pullpass repository list",
			)
		}
		return refused(
			ask,
			"the registry "+p.registry.Name+" covers repositories that are kept for other projects, and the request names no repository",
			"name the repository, or use a registry with a path prefix: pullpass registry add NAME --host "+ask.Host+" --path-prefix PREFIX",
		)
	}
	return nil
}

func (b *Broker) provision(ctx context.Context, caller pullpass.Caller, ask Ask, p *plan) error {
	if b.provisioner == nil {
		return nil
	}
	return b.provisioner.Provision(ctx, caller, p.registry, ask.Repository, p.action)
}

// Wait returns when an integration's account in a region may be asked once more:
// whatever else asks AWS in an organization's name takes its turn here, too.
func (b *Broker) Wait(
	org pullpass.OrganizationID,
	i pullpass.Integration,
	region string,
) func(context.Context, Service) error {
	return b.pacer.For(org, i, region)
}

// refuse records why nothing is revealed. It takes its own time for it: the
// caller's may be over, which is one of the reasons.
func (b *Broker) refuse(ctx context.Context, caller pullpass.Caller, ask Ask, p *plan, err error) error {
	e := b.event(caller, p, ask, prepared{})
	e.Decision, e.Reason = pullpass.DecisionFailed, reason(err)
	switch pullpass.KindOf(err) {
	case pullpass.Denied, pullpass.NotFound, pullpass.Invalid, pullpass.Conflict:
		e.Decision = pullpass.DecisionDenied
	}
	if recordErr := b.auditor.Record(context.WithoutCancel(ctx), e); recordErr != nil {
		return recordErr
	}
	return err
}

// event tells of an answer: who asked for what, what was chosen, how narrow.
func (b *Broker) event(caller pullpass.Caller, p *plan, ask Ask, a prepared) pullpass.Event {
	e := pullpass.Event{
		Organization: p.organization, At: b.now(), Action: eventIssue, Decision: pullpass.DecisionAllowed, Caller: caller.Actor(),
		Project: p.project, Environment: p.environment, Runner: p.runner,
		Registry: p.registry.ID, Generation: p.registry.Generation, Integration: p.integration.ID,
		Detail: make(map[string]string, 8),
	}
	set := func(key, value string) {
		if value != "" {
			e.Detail[key] = printable.Truncate(value, maxDetail)
		}
	}
	// What was asked for is shown in its canonical form only: what the parser
	// refused may be anything.
	if p.host.Name != "" {
		set("host", p.host.Name)
		set("repository", ask.Repository)
		set("action", string(p.action))
	}
	if ask.Inside {
		set("inside", "true")
	}
	if a.Registry == "" {
		return e
	}
	if !a.Grant.Empty() {
		e.Action = eventGrant
		set("repositories", strings.Join(p.repositories, " "))
		set("grant", a.grantID)
		return e
	}
	set("principal", a.Principal)
	set("repositories", strings.Join(a.Repositories, " "))
	set("session_policy", a.policy)
	set("web_identity", a.webIdentity)
	set("anonymous", a.anonymous)
	set("unscoped", strconv.FormatBool(a.Credential.Unscoped))
	set("cached", strconv.FormatBool(a.Cached))
	if !a.Credential.Expires.IsZero() {
		set("expires", a.Credential.Expires.UTC().Format(time.RFC3339))
	}
	return e
}
