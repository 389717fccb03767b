package broker_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ecrHost = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"
	canary  = "canary-7f3a-secret"
)

// memory is a store in memory; tests fill its maps before they ask.
type memory struct {
	environments map[pullpass.EnvironmentID]pullpass.Environment
	registries   map[pullpass.EnvironmentID][]pullpass.Registry // pinned
	inForce      []pullpass.Registry
	integrations map[pullpass.IntegrationID]pullpass.Integration
	repositories []pullpass.Repository
	secretErr    error
}

func newMemory() *memory {
	return &memory{
		environments: map[pullpass.EnvironmentID]pullpass.Environment{},
		registries:   map[pullpass.EnvironmentID][]pullpass.Registry{},
		integrations: map[pullpass.IntegrationID]pullpass.Integration{},
	}
}

func missing(what string) error {
	return &pullpass.Error{Kind: pullpass.NotFound, What: "there is no such " + what}
}

func (m *memory) Environment(_ context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	e, ok := m.environments[id]
	if !ok || e.Organization != org {
		return pullpass.Environment{}, missing("environment")
	}
	return e, nil
}

func (m *memory) PinnedRegistries(_ context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID) ([]pullpass.Registry, error) {
	return ofOrganization(m.registries[id], org), nil
}

func (m *memory) RegistriesInForce(_ context.Context, org pullpass.OrganizationID, project pullpass.ProjectID) ([]pullpass.Registry, error) {
	var out []pullpass.Registry
	for _, r := range ofOrganization(m.inForce, org) {
		if r.Project == "" || r.Project == project {
			out = append(out, r)
		}
	}
	return out, nil
}

func ofOrganization(list []pullpass.Registry, org pullpass.OrganizationID) []pullpass.Registry {
	var out []pullpass.Registry
	for _, r := range list {
		if r.Organization == org {
			out = append(out, r)
		}
	}
	return out
}

func (m *memory) RegistrySecret(_ context.Context, org pullpass.OrganizationID, r pullpass.Registry) (pullpass.Secret, error) {
	return pullpass.NewSecret(fmt.Sprintf("%s of %s %s %d", canary, org, r.ID, r.Generation)), m.secretErr
}

func (m *memory) Integration(_ context.Context, org pullpass.OrganizationID, id pullpass.IntegrationID) (pullpass.Integration, error) {
	i, ok := m.integrations[id]
	if !ok || i.Organization != org {
		return pullpass.Integration{}, missing("integration")
	}
	return i, nil
}

func (m *memory) IntegrationSecret(_ context.Context, org pullpass.OrganizationID, id pullpass.IntegrationID, generation int64) (pullpass.Secret, error) {
	return pullpass.NewSecret(fmt.Sprintf("%s of %s %s %d", canary, org, id, generation)), nil
}

func (m *memory) RepositoryOfOthers(_ context.Context, _ pullpass.OrganizationID, project pullpass.ProjectID, account, region, pattern string) (string, error) {
	for _, r := range m.repositories {
		covered := pattern == "*" || pattern == r.Name
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			covered = strings.HasPrefix(r.Name, prefix)
		}
		if r.Project != project && r.Account == account && r.Region == region && covered {
			return r.Name, nil
		}
	}
	return "", nil
}

// journal keeps events, or refuses to.
type journal struct {
	mu     sync.Mutex
	events []pullpass.Event
	err    error
}

func (j *journal) Record(_ context.Context, e pullpass.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	j.events = append(j.events, e)
	return nil
}

func (j *journal) all() []pullpass.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]pullpass.Event(nil), j.events...)
}

// upstream is an AWS whose answers a test sets.
type upstream struct {
	mu      sync.Mutex
	life    time.Duration
	err     error
	calls   atomic.Int64
	gate    chan struct{} // if not nil, Mint waits for it
	entered chan struct{} // if not nil, Mint says that it waits
	last    broker.MintRequest
	now     func() time.Time
}

func (u *upstream) set(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

func (u *upstream) Mint(ctx context.Context, r broker.MintRequest) (broker.Minted, error) {
	n := u.calls.Add(1)
	if u.entered != nil {
		select {
		case u.entered <- struct{}{}:
		default:
		}
	}
	if u.gate != nil {
		select {
		case <-u.gate:
		case <-ctx.Done():
			return broker.Minted{}, ctx.Err()
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = r
	if u.err != nil {
		return broker.Minted{}, u.err
	}
	now := time.Now
	if u.now != nil {
		now = u.now
	}
	return broker.Minted{
		Credential:   pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret(fmt.Sprintf("%s %s %d", canary, r.Organization, n)), Expires: now().Add(u.life)},
		Principal:    "arn:aws:sts::111111111111:assumed-role/pull/pullpass",
		Repositories: r.Repositories, Policy: `{"Version":"2012-10-17"}`,
	}, nil
}

// scene is one organization with one project, one runner and an ECR registry.
type scene struct {
	store    *memory
	journal  *journal
	upstream *upstream
	broker   *broker.Broker

	org         pullpass.OrganizationID
	project     pullpass.ProjectID
	runner      pullpass.RunnerID
	registry    pullpass.Registry
	integration pullpass.Integration
}

func newScene(t testing.TB, o broker.Options) *scene {
	t.Helper()
	s := &scene{
		store: newMemory(), journal: &journal{}, upstream: &upstream{life: 12 * time.Hour},
		org: pullpass.NewOrganizationID(), project: pullpass.NewProjectID(), runner: pullpass.NewRunnerID(),
	}
	s.integration = pullpass.Integration{ID: pullpass.NewIntegrationID(), Organization: s.org, Name: "platform", Mode: pullpass.ModeAccessKey, Account: "111111111111", AccessKeyID: "AKIAEXAMPLE", Generation: 1}
	s.store.integrations[s.integration.ID] = s.integration
	s.registry = pullpass.Registry{ID: pullpass.NewRegistryID(), Organization: s.org, Name: "owner", Host: ecrHost, Auth: pullpass.AuthIntegration,
		Integration: s.integration.ID, Inside: pullpass.InsideLogin, Generation: 1}
	s.store.inForce = []pullpass.Registry{s.registry}
	if o.Store == nil {
		o.Store = s.store
	}
	if o.Auditor == nil {
		o.Auditor = s.journal
	}
	if o.AWS == nil {
		o.AWS = s.upstream
	}
	b, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.broker = b
	t.Cleanup(b.Close)
	return s
}

// environment adds one with the given images, and pins what is in force.
func (s *scene) environment(images ...string) pullpass.Environment {
	e := pullpass.Environment{ID: pullpass.NewEnvironmentID(), Organization: s.org, Project: s.project, Runner: s.runner, Wanted: pullpass.WantedRunning}
	for i, image := range images {
		e.Services = append(e.Services, pullpass.Service{Name: fmt.Sprint("s", i), Image: image})
	}
	s.store.environments[e.ID] = e
	s.store.registries[e.ID] = append([]pullpass.Registry(nil), s.store.inForce...)
	return e
}

func (s *scene) asRunner() pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerRunner, Organization: s.org, ID: string(s.runner), Runner: s.runner}
}

func (s *scene) asDeveloper() pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerToken, Organization: s.org, ID: "tok_1", Role: pullpass.RoleDeveloper}
}

func (s *scene) asEnvironment(e pullpass.Environment) pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerEnvironment, Organization: s.org, ID: string(e.ID), Environment: e.ID, Runner: e.Runner, Project: e.Project}
}

func (s *scene) ask(t testing.TB, repository string) (broker.Issued, error) {
	t.Helper()
	return s.broker.Issue(t.Context(), s.asDeveloper(), broker.Ask{Project: s.project, Host: ecrHost, Repository: repository})
}

// signer keeps the last grant instead of signing it.
type signer struct{ last pullpass.Grant }

func (s *signer) SignGrant(_ context.Context, g pullpass.Grant) (pullpass.Secret, string, error) {
	s.last = g
	return pullpass.NewSecret("signed"), "jti-1", nil
}
