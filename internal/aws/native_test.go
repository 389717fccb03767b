package aws_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// ownRunner is a runner's half: grants as the server gave them, its own AWS
// identity, and what it asks AWS.
type ownRunner struct {
	*aws.Native
	grant  pullpass.Grant
	opened atomic.Int64
	calls  atomic.Int64
	later  atomic.Int64 // how far its clock is ahead
}

// counting counts what goes to AWS.
func (r *ownRunner) counting(to aws.Options) aws.Options {
	below := to.HTTP
	to.HTTP = doer(func(req *http.Request) (*http.Response, error) {
		r.calls.Add(1)
		return below.Do(req)
	})
	return to
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func (s *stage) runner(t *testing.T, ambient func(context.Context) (sdk.Config, error)) *ownRunner {
	t.Helper()
	r := &ownRunner{grant: pullpass.Grant{
		Organization: "org_1", Runner: "run_1", Project: "prj_1", Environment: "env_1", Host: s.host.Name, Action: pullpass.ActionPull,
		Registry: pullpass.RegistryGeneration{Registry: "reg_1", Generation: 1}, Repositories: []string{"team/app"},
	}}
	r.Native = aws.NewNative(aws.NativeOptions{
		Minter: aws.New(r.counting(aws.Options{HTTP: s.http, Ambient: ambient, MaxBackoff: 10 * time.Millisecond,
			STSEndpoint: func(string) string { return s.box.Endpoint() }})),
		Hosts: s.hosts,
		Open: func(_ context.Context, text pullpass.Secret) (pullpass.Grant, error) {
			r.opened.Add(1)
			if text.Reveal() != "signed" {
				return pullpass.Grant{}, &pullpass.Error{Kind: pullpass.Denied, Code: "grant_refused", What: "cannot use the server's grant"}
			}
			return r.grant, nil
		},
		Now: func() time.Time { return time.Now().Add(time.Duration(r.later.Load())) },
	})
	t.Cleanup(r.Close)
	return r
}

// ask asks for what the grant is for, but for a change.
func (r *ownRunner) ask(t *testing.T, change func(*broker.Ask)) (pullpass.Credential, error) {
	t.Helper()
	ask := broker.Ask{Environment: r.grant.Environment, Host: r.grant.Host, Repository: "team/app", Action: r.grant.Action, Inside: r.grant.Inside}
	if change != nil {
		change(&ask)
	}
	return r.Credential(t.Context(), pullpass.NewSecret("signed"), ask)
}

// A grant is good for what was asked for and nothing else; AWS is not asked first.
func TestNativeMintsWhatWasGranted(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	for name, change := range map[string]func(*pullpass.Grant, *broker.Ask){
		"another host":              func(g *pullpass.Grant, _ *broker.Ask) { g.Host = "222222222222.dkr.ecr.eu-west-1.amazonaws.com" },
		"a host of another region":  func(_ *pullpass.Grant, a *broker.Ask) { a.Host = "222222222222.dkr.ecr.us-east-1.amazonaws.com" },
		"another repository":        func(g *pullpass.Grant, _ *broker.Ask) { g.Repositories = []string{"team/other"} },
		"a longer name":             func(_ *pullpass.Grant, a *broker.Ask) { a.Repository = "team/app/more" },
		"beside the prefix":         func(g *pullpass.Grant, _ *broker.Ask) { g.Repositories = []string{"team/apps/*"} },
		"another environment":       func(_ *pullpass.Grant, a *broker.Ask) { a.Environment = "env_2" },
		"no environment":            func(_ *pullpass.Grant, a *broker.Ask) { a.Environment = "" },
		"pull for push":             func(_ *pullpass.Grant, a *broker.Ask) { a.Action = pullpass.ActionPush },
		"a start for inside":        func(_ *pullpass.Grant, a *broker.Ask) { a.Inside = true },
		"inside for a start":        func(g *pullpass.Grant, a *broker.Ask) { g.Inside = true },
		"no repositories at all":    func(g *pullpass.Grant, _ *broker.Ask) { g.Repositories = nil },
		"a look-alike of the host":  func(g *pullpass.Grant, _ *broker.Ask) { g.Host += ".evil.example" },
		"a registry that is no ECR": func(g *pullpass.Grant, a *broker.Ask) { g.Host, a.Host = "registry.example", "registry.example" },
	} {
		r := s.runner(t, s.assumed(t, selfRole))
		ask := broker.Ask{Environment: "env_1", Host: s.host.Name, Repository: "team/app", Action: pullpass.ActionPull}
		change(&r.grant, &ask)
		got, err := r.Credential(t.Context(), pullpass.NewSecret("signed"), ask)
		if err == nil || !got.Secret.Empty() || r.calls.Load() != 0 {
			t.Errorf("%s: %v, %v, %d calls of AWS, want a refusal before any", name, got.Host, err, r.calls.Load())
		}
	}
	r := s.runner(t, s.assumed(t, selfRole))
	if got, err := r.Credential(t.Context(), pullpass.NewSecret("forged"), broker.Ask{Environment: "env_1", Host: s.host.Name, Repository: "team/app", Action: pullpass.ActionPull}); !pullpass.IsKind(err, pullpass.Denied) || !got.Secret.Empty() {
		t.Errorf("a grant that is not the server's: %v, want Denied", err)
	}
}

// A role that trusts itself is narrowed to what is granted. The credential is kept,
// and the grant is checked all the same; a person inside gets another one.
func TestNativeKeepsAndIssuesAnew(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	s.push(t)
	r := s.runner(t, s.assumed(t, selfRole))
	var first pullpass.Credential
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 20 { // at once: one of them mints
		wg.Go(func() {
			got, err := r.ask(t, nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || (!first.Secret.Empty() && got.Secret.Reveal() != first.Secret.Reveal()) {
				t.Errorf("Credential = %v, %v, want the same for all", got.Expires, err)
			}
			first = got
		})
	}
	wg.Wait()
	if first.Unscoped || first.Host != s.host.Name {
		t.Errorf("Credential = %+v, want it narrowed, for %s", first, s.host.Name)
	}
	if n := r.calls.Load(); n != 3 { // who it is, the narrow session, the token
		t.Errorf("%d calls of AWS for 20 starts, want 3", n)
	}
	if n := r.opened.Load(); n != 20 {
		t.Errorf("%d grants were checked for 20 starts, want each", n)
	}
	if err := s.pull(t, first, "team/app"); err != nil {
		t.Errorf("pulling what was granted: %v", err)
	}
	if err := s.pull(t, first, "team/other"); err == nil {
		t.Error("it opens another repository of the account, too")
	}

	seen := map[string]string{first.Secret.Reveal(): "the start's"}
	for _, environment := range []pullpass.EnvironmentID{"env_1", "env_2"} {
		r.grant.Inside, r.grant.Environment = true, environment
		got, err := r.ask(t, nil)
		if err != nil {
			t.Fatal(err)
		}
		if whose, known := seen[got.Secret.Reveal()]; known {
			t.Errorf("inside %s is %s", environment, whose)
		}
		seen[got.Secret.Reveal()] = "inside " + string(environment)
	}

	// What the server asks for anew is minted anew.
	r.grant.Inside, r.grant.Environment = false, "env_2"
	r.grant.Registry.Generation++
	if got, err := r.ask(t, nil); err != nil || seen[got.Secret.Reveal()] != "" {
		t.Errorf("after an update of the registry: %v, want another credential", err)
	}

	// And nothing that is over is handed out, though AWS gives no better.
	r.later.Store(int64(13 * time.Hour))
	if got, err := r.ask(t, nil); err == nil || !got.Secret.Empty() {
		t.Errorf("13 hours later: a credential until %s, %v, want none", got.Expires, err)
	}
}

// The roles are those of the grant, also when the integration was changed under
// the same id: what was kept of the old ones is not climbed from.
func TestNativeClimbsTheGrantsRoles(t *testing.T) {
	c := rehearsal("")
	c.Accounts[0].Roles[0].TrustPolicy = trust("arn:aws:iam::111111111111:role/middle", `{"StringEquals":{"sts:ExternalId":"org-1"}}`)
	s := newStage(t, c, sandbox.Options{})
	s.push(t)
	r := s.runner(t, static(plainKey, plainSecret))
	pull := pullpass.RoleHop{RoleARN: pullRole, ExternalID: "org-1"}
	r.grant.Integration, r.grant.IntegrationGeneration, r.grant.Chain = "int_1", 1, []pullpass.RoleHop{{RoleARN: middleRole}, pull}
	got, err := r.ask(t, nil)
	if err != nil || got.Unscoped {
		t.Fatalf("through two roles: %+v, %v", got, err)
	}
	if err := s.pull(t, got, "team/app"); err != nil {
		t.Errorf("pulling: %v", err)
	}
	r.grant.IntegrationGeneration, r.grant.Chain = 2, []pullpass.RoleHop{{RoleARN: selfRole}, pull}
	if got, err := r.ask(t, nil); !pullpass.IsKind(err, pullpass.Denied) || !strings.Contains(pullpass.Explain(err), pullRole) {
		t.Errorf("through a role that may not: %v, %v, want it refused at %s", got.Expires, err, pullRole)
	}
}

// Where AWS finds the policy for all repositories too large, it is the asked one.
func TestNativeAsksForOneRepository(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	s.push(t)
	r := s.runner(t, s.assumed(t, selfRole))
	r.grant.Repositories = []string{"team/app", "team/other"}
	s.box.Inject(sandbox.Fault{Action: "sts:AssumeRole", Times: 1, Status: http.StatusBadRequest, Code: "PackedPolicyTooLarge"})
	got, err := r.ask(t, nil)
	if err != nil || got.Unscoped {
		t.Fatalf("Credential = %+v, %v, want one that is narrowed", got, err)
	}
	if err := s.pull(t, got, "team/app"); err != nil {
		t.Errorf("pulling the asked one: %v", err)
	}
	if err := s.pull(t, got, "team/other"); err == nil {
		t.Error("it opens the other, too")
	}
}

// An instance role is reported as policies name it, looked for again where it is
// missing, and not forgotten because AWS does not answer.
func TestNativeIdentity(t *testing.T) {
	c := rehearsal("")
	c.InstanceMetadata = []sandbox.InstanceMetadata{{Listen: "127.0.0.1:0", Account: platform, Region: region, InstanceProfile: "server", HopLimit: 1}}
	s := newStage(t, c, sandbox.Options{})
	s.push(t)
	const role = "arn:aws:iam::111111111111:role/instance"
	onlyMetadata(t, s.box.MetadataEndpoints()[0])
	r := s.runner(t, nil)
	if got, _ := r.Identity(t.Context()); got != role {
		t.Errorf("Identity = %q, want %q", got, role)
	}
	if got, err := r.ask(t, nil); err != nil || !got.Unscoped {
		t.Errorf("Credential = %+v, %v, want one that says it is not narrowed", got, err)
	} else if err := s.pull(t, got, "team/app"); err != nil {
		t.Errorf("pulling with the instance role: %v", err)
	}
	s.box.Inject(sandbox.Fault{Action: "sts:GetCallerIdentity", Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable"})
	calls := r.calls.Load()
	r.later.Store(int64(6 * time.Minute))
	if got, _ := r.Identity(t.Context()); got != role || r.calls.Load() == calls {
		t.Errorf("while STS fails: %q after %d calls, want it asked and %q kept", got, r.calls.Load()-calls, role)
	}

	onlyMetadata(t, "http://127.0.0.1:1/")
	bare := s.runner(t, nil)
	if got, err := bare.Identity(t.Context()); got != "" || err == nil {
		t.Errorf("without an identity: %q, %v, want the reason", got, err)
	}
	var e *pullpass.Error
	if _, err := bare.ask(t, nil); !errors.As(err, &e) || e.Code != "aws_no_identity" || e.Hint == "" {
		t.Errorf("Credential = %v, want aws_no_identity with a hint", err)
	}
	s.box.ClearFaults()
	user := s.runner(t, static(plainKey, plainSecret))
	if got, _ := user.Identity(t.Context()); got != "arn:aws:iam::111111111111:user/plain" {
		t.Errorf("a user's identity = %q", got)
	}
}
