package broker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

func TestIssueForAnEnvironment(t *testing.T) {
	s := newScene(t, broker.Options{})
	e := s.environment(ecrHost+"/team/app:1", ecrHost+"/team/db@sha256:"+strings.Repeat("a", 64), ecrHost+"/team/app:2", "alpine", "not an image")
	got, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: "https://" + ecrHost, Repository: "team/app"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Credential.Host != ecrHost || got.Credential.Username != "AWS" || got.Credential.Unscoped || got.Registry != s.registry.ID || got.Cached {
		t.Errorf("Issue = %+v", got)
	}
	// One credential serves all the environment's services at this registry.
	want := []string{"team/app", "team/db"}
	if !cmp.Equal(got.Repositories, want) || !cmp.Equal(s.upstream.last.Repositories, want) {
		t.Errorf("narrowed to %v and %v, want %v", got.Repositories, s.upstream.last.Repositories, want)
	}
	if r := s.upstream.last; r.Action != pullpass.ActionPull || r.Host.ECR.Region != "eu-west-1" || r.Integration.ID != s.integration.ID || r.Secret.Empty() {
		t.Errorf("MintRequest = %+v", r)
	}
	again, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/db"})
	if err != nil || !again.Cached || !again.Credential.Secret.Equal(got.Credential.Secret) {
		t.Errorf("the second service: %+v, %v, want the same credential from the cache", again, err)
	}
	events := s.journal.all()
	if len(events) != 2 {
		t.Fatalf("%d events, want 2", len(events))
	}
	ev := events[0]
	if ev.Decision != pullpass.DecisionAllowed || ev.Action != "credential.issue" || ev.Environment != e.ID || ev.Project != s.project || ev.Runner != s.runner || ev.Registry != s.registry.ID || ev.Generation != 1 || ev.Integration != s.integration.ID {
		t.Errorf("event = %+v", ev)
	}
	for key, want := range map[string]string{"host": ecrHost, "repository": "team/app", "action": "pull", "repositories": "team/app team/db", "unscoped": "false", "cached": "false", "principal": "arn:aws:sts::111111111111:assumed-role/pull/pullpass", "session_policy": `{"Version":"2012-10-17"}`} {
		if ev.Detail[key] != want {
			t.Errorf("event detail %s = %q, want %q", key, ev.Detail[key], want)
		}
	}
}

func TestRefusals(t *testing.T) {
	other := pullpass.NewRunnerID()
	for _, test := range []struct {
		name   string
		change func(*scene, *pullpass.Environment, *pullpass.Caller, *broker.Ask)
		kind   pullpass.Kind
		code   string
	}{
		{"another host", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) { a.Host = "ghcr.io" }, pullpass.NotFound, "no_registry"},
		{"a host that resembles", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) {
			a.Host = ecrHost + ".evil.example"
		}, pullpass.Invalid, ""},
		{"a bad repository", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) { a.Repository = "../x" }, pullpass.Invalid, ""},
		{"a bad action", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) { a.Action = "delete" }, pullpass.Invalid, ""},
		{"a bad identifier", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) {
			a.Environment = "env_1\x1b[31m"
		}, pullpass.Invalid, ""},
		{"no environment", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) {
			a.Environment = pullpass.NewEnvironmentID()
		}, pullpass.NotFound, ""},
		{"a runner without an environment", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) { a.Environment = "" }, pullpass.Denied, ""},
		{"another runner", func(_ *scene, _ *pullpass.Environment, c *pullpass.Caller, _ *broker.Ask) {
			c.Runner, c.ID = other, string(other)
		}, pullpass.NotFound, ""},
		{"in another runner's name", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) { a.Runner = other }, pullpass.Denied, ""},
		{"another project", func(_ *scene, _ *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) {
			a.Project = pullpass.NewProjectID()
		}, pullpass.Denied, ""},
		{"an auditor", func(_ *scene, _ *pullpass.Environment, c *pullpass.Caller, _ *broker.Ask) {
			*c = pullpass.Caller{Kind: pullpass.CallerToken, Organization: c.Organization, Role: pullpass.RoleAuditor}
		}, pullpass.Denied, ""},
		{"another organization", func(_ *scene, _ *pullpass.Environment, c *pullpass.Caller, _ *broker.Ask) {
			c.Organization = pullpass.NewOrganizationID()
		}, pullpass.NotFound, ""},
		{"a stopped environment", func(s *scene, e *pullpass.Environment, _ *pullpass.Caller, _ *broker.Ask) {
			e.Wanted = pullpass.WantedStopped
			s.store.environments[e.ID] = *e
		}, pullpass.Conflict, "environment_not_running"},
		{"the start's credential from inside", func(s *scene, e *pullpass.Environment, c *pullpass.Caller, _ *broker.Ask) { *c = s.asEnvironment(*e) }, pullpass.Denied, ""},
		{"closed to people inside", func(s *scene, e *pullpass.Environment, c *pullpass.Caller, a *broker.Ask) {
			*c, a.Inside = s.asEnvironment(*e), true
			s.store.registries[e.ID][0].Inside = pullpass.InsideNever
		}, pullpass.Denied, ""},
		{"pushing from inside", func(s *scene, e *pullpass.Environment, c *pullpass.Caller, a *broker.Ask) {
			*c, a.Inside, a.Action = s.asEnvironment(*e), true, pullpass.ActionPush
		}, pullpass.Denied, ""},
		{"a neighbour environment", func(s *scene, _ *pullpass.Environment, c *pullpass.Caller, a *broker.Ask) {
			*c, a.Inside = s.asEnvironment(s.environment()), true
		}, pullpass.NotFound, ""},
		{"a registry of other runners", func(s *scene, e *pullpass.Environment, _ *pullpass.Caller, _ *broker.Ask) {
			s.store.registries[e.ID][0].Runners = []pullpass.RunnerID{other}
		}, pullpass.Denied, ""},
		{"an integration of other runners", func(s *scene, _ *pullpass.Environment, _ *pullpass.Caller, _ *broker.Ask) {
			i := s.integration
			i.Runners = []pullpass.RunnerID{other}
			s.store.integrations[i.ID] = i
		}, pullpass.Denied, ""},
		{"AWS for a host that is not ECR", func(s *scene, e *pullpass.Environment, _ *pullpass.Caller, a *broker.Ask) {
			s.store.registries[e.ID][0].Host, a.Host = "ghcr.io", "ghcr.io"
		}, pullpass.Invalid, "registry_not_ecr"},
		{"AWS says no", func(s *scene, _ *pullpass.Environment, _ *pullpass.Caller, _ *broker.Ask) {
			s.upstream.set(&pullpass.Error{Kind: pullpass.Denied, What: "cannot assume", Cause: "trust"})
		}, pullpass.Denied, ""},
		{"AWS is away", func(s *scene, _ *pullpass.Environment, _ *pullpass.Caller, _ *broker.Ask) {
			s.upstream.set(&pullpass.Error{Kind: pullpass.Unavailable, What: "no answer"})
		}, pullpass.Unavailable, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, broker.Options{})
			e := s.environment(ecrHost + "/team/app:1")
			caller, ask := s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"}
			// The same ask was answered before: authorization comes before the cache.
			if _, err := s.broker.Issue(t.Context(), caller, ask); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			if strings.HasPrefix(test.name, "AWS ") { // these need an upstream call
				ask.Repository = "team/other"
			}
			test.change(s, &e, &caller, &ask)
			got, err := s.broker.Issue(t.Context(), caller, ask)
			var pe *pullpass.Error
			if !errors.As(err, &pe) || pe.Kind != test.kind || (test.code != "" && pe.Code != test.code) {
				t.Errorf("Issue = %+v, %v, want %s %s", got, err, test.kind, test.code)
			}
			if !got.Credential.Secret.Empty() {
				t.Error("a refusal came with a credential")
			}
			events := s.journal.all()
			last := events[len(events)-1]
			if len(events) != 2 || last.Decision == pullpass.DecisionAllowed || last.Reason == "" || last.Caller.Kind != caller.Kind {
				t.Errorf("%d events, the last %+v, want the refusal on record", len(events), last)
			}
			if text := fmt.Sprint(events); strings.ContainsAny(text, "\x1b") {
				t.Errorf("what the parser refused is on record: %s", text)
			}
		})
	}
}

// TestInsideIsIssuedAnew: a person inside gets neither the start's credential
// nor another environment's, though all ask for the same repository.
func TestInsideIsIssuedAnew(t *testing.T) {
	s := newScene(t, broker.Options{})
	one, two := s.environment(ecrHost+"/team/app:1"), s.environment(ecrHost+"/team/app:1")
	secrets := map[string]string{}
	for _, e := range []pullpass.Environment{one, two} {
		start, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"})
		if err != nil {
			t.Fatal(err)
		}
		secrets[start.Credential.Secret.Reveal()] += " start"
		outside, err := s.broker.Issue(t.Context(), s.asDeveloper(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"})
		if err != nil {
			t.Fatal(err)
		}
		secrets[outside.Credential.Secret.Reveal()] += " person"
		for range 2 {
			inside, err := s.broker.Issue(t.Context(), s.asEnvironment(e), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app", Inside: true})
			if err != nil {
				t.Fatal(err)
			}
			secrets[inside.Credential.Secret.Reveal()] += " inside " + string(e.ID)
			if s.upstream.last.Environment != e.ID {
				t.Errorf("minted for environment %q, want %q", s.upstream.last.Environment, e.ID)
			}
		}
	}
	if len(secrets) != 4 {
		t.Errorf("%d credentials, want 4: one of the starts, one of people outside, one inside each environment", len(secrets))
	}
	for _, holders := range secrets {
		if strings.Contains(holders, "start") && (strings.Contains(holders, "inside") || strings.Contains(holders, "person")) {
			t.Error("the start's credential was given to a person")
		}
	}
}

func TestNobodyGetsNothing(t *testing.T) {
	s := newScene(t, broker.Options{})
	if _, err := s.broker.Issue(t.Context(), pullpass.Caller{Kind: pullpass.CallerToken, Role: pullpass.RoleOwner}, broker.Ask{Host: ecrHost}); !pullpass.IsKind(err, pullpass.Unauthenticated) {
		t.Errorf("Issue without an organization = %v, want Unauthenticated", err)
	}
}

func TestPinnedGenerations(t *testing.T) {
	s := newScene(t, broker.Options{})
	s.store.inForce[0].Auth, s.store.inForce[0].Username, s.store.inForce[0].Host = pullpass.AuthBasic, "old", "ghcr.io"
	before := s.environment("ghcr.io/team/app:1")
	s.store.inForce[0].Username, s.store.inForce[0].Generation = "new", 2
	after := s.environment("ghcr.io/team/app:1")
	for _, test := range []struct {
		environment pullpass.EnvironmentID
		user        string
		generation  int64
	}{{before.ID, "old", 1}, {after.ID, "new", 2}, {before.ID, "old", 1}} {
		got, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: test.environment, Host: "ghcr.io", Repository: "team/app"})
		if err != nil || got.Credential.Username != test.user || got.Generation != test.generation || !strings.HasSuffix(got.Credential.Secret.Reveal(), fmt.Sprint(test.generation)) {
			t.Errorf("Issue for %s = %+v, %v, want user %s of generation %d", test.environment, got, err, test.user, test.generation)
		}
		if !got.Credential.Unscoped || !got.Credential.Expires.IsZero() {
			t.Errorf("a password = %+v, want unscoped and without end", got.Credential)
		}
	}
	if n := s.upstream.calls.Load(); n != 0 {
		t.Errorf("AWS was asked %d times for a password, want 0", n)
	}
}

func TestRunnerNativeGivesAGrant(t *testing.T) {
	signer := &signer{}
	s := newScene(t, broker.Options{Grants: signer})
	s.store.inForce[0].Auth, s.store.inForce[0].Integration = pullpass.AuthRunnerNative, ""
	e := s.environment(ecrHost + "/team/app:1")
	got, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"})
	if err != nil || got.Grant.Empty() || !got.Credential.Secret.Empty() {
		t.Fatalf("Issue = %+v, %v, want a grant alone", got, err)
	}
	g := signer.last
	want := pullpass.Grant{Organization: s.org, Runner: s.runner, Project: s.project, Environment: e.ID, Host: ecrHost, Repositories: []string{"team/app"},
		Action: pullpass.ActionPull, Registry: pullpass.RegistryGeneration{Registry: s.registry.ID, Generation: 1}, Expires: g.Expires}
	if !cmp.Equal(g, want) || time.Until(g.Expires) > 6*time.Minute || time.Until(g.Expires) < time.Minute {
		t.Errorf("Grant = %+v, want %+v", g, want)
	}
	if ev := s.journal.all()[0]; ev.Action != "credential.grant" || ev.Decision != pullpass.DecisionAllowed || ev.Detail["grant"] != "jti-1" || ev.Detail["repositories"] != "team/app" {
		t.Errorf("event = %+v, want credential.grant", ev)
	}
	s.store.inForce[0].Inside = pullpass.InsideLogin
	got, err = s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app", Inside: true})
	if err != nil || got.Grant.Empty() || !signer.last.Inside || signer.last.Environment != e.ID {
		t.Errorf("for a person inside: %+v, %v; the grant %+v", got, err, signer.last)
	}
	if n := s.upstream.calls.Load(); n != 0 {
		t.Errorf("AWS was asked %d times by the server, want 0", n)
	}
	if _, err := s.broker.Issue(t.Context(), s.asDeveloper(), broker.Ask{Environment: e.ID, Host: ecrHost}); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("a person asks for it: %v, want Denied", err)
	}
}

// An integration whose first rung is the runner's identity gives a grant with the
// roles that the runner then assumes.
func TestRunnerNativeIntegration(t *testing.T) {
	signer := &signer{}
	s := newScene(t, broker.Options{Grants: signer})
	i := s.integration
	i.Mode, i.AccessKeyID, i.Chain = pullpass.ModeRunnerNative, "", []pullpass.RoleHop{{RoleARN: "arn:aws:iam::222222222222:role/pull", ExternalID: "x1"}}
	s.store.integrations[i.ID] = i
	e := s.environment(ecrHost + "/team/app:1")
	got, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"})
	if err != nil || got.Grant.Empty() || signer.last.Integration != i.ID || signer.last.IntegrationGeneration != i.Generation || !cmp.Equal(signer.last.Chain, i.Chain) {
		t.Errorf("Issue = %+v, %v; the grant %+v", got, err, signer.last)
	}
	s = newScene(t, broker.Options{}) // nobody signs
	s.store.inForce[0].Auth, s.store.inForce[0].Integration = pullpass.AuthRunnerNative, ""
	e = s.environment(ecrHost + "/team/app:1")
	if _, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"}); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("without a signer: %v, want Unavailable", err)
	}
}

func TestNothingWithoutItsRecord(t *testing.T) {
	s := newScene(t, broker.Options{})
	if _, err := s.ask(t, "team/app"); err != nil {
		t.Fatal(err)
	}
	s.journal.err = &pullpass.Error{Kind: pullpass.Unavailable, What: "the disk is full"}
	for _, repository := range []string{"team/app", "team/new", "../x"} { // cached, new, refused
		got, err := s.ask(t, repository)
		if !pullpass.IsKind(err, pullpass.Unavailable) || !got.Credential.Secret.Empty() || got.Registry != "" {
			t.Errorf("ask(%q) with a broken journal = %+v, %v, want Unavailable and nothing", repository, got, err)
		}
	}
}

func TestOrganizationsShareNothing(t *testing.T) {
	a, b := newScene(t, broker.Options{}), newScene(t, broker.Options{})
	// The worst case: everything but the organization is the same.
	rb := a.registry
	rb.Organization = b.org
	ib := a.integration
	ib.Organization = b.org
	mine, err := broker.New(broker.Options{Store: twoOrganizations{a.org: {a.registry, a.integration}, b.org: {rb, ib}}, Auditor: a.journal, AWS: a.upstream})
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	first, err := mine.Issue(t.Context(), a.asDeveloper(), broker.Ask{Host: ecrHost, Repository: "team/app"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := mine.Issue(t.Context(), b.asDeveloper(), broker.Ask{Host: ecrHost, Repository: "team/app"})
	if err != nil {
		t.Fatal(err)
	}
	if second.Cached || first.Credential.Secret.Equal(second.Credential.Secret) {
		t.Error("two organizations got one credential")
	}
	if !strings.Contains(second.Credential.Secret.Reveal(), string(b.org)) {
		t.Error("the second organization's credential was not minted for it")
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	s := newScene(t, broker.Options{})
	s.store.inForce = append(s.store.inForce, pullpass.Registry{ID: pullpass.NewRegistryID(), Organization: s.org, Name: "ghcr", Host: "ghcr.io", Auth: pullpass.AuthBasic, Username: "u", Inside: pullpass.InsideLogin, Generation: 1})
	var text strings.Builder
	for _, host := range []string{ecrHost, "ghcr.io"} {
		got, err := s.broker.Issue(t.Context(), s.asDeveloper(), broker.Ask{Host: host, Repository: "team/app"})
		if err != nil || !strings.Contains(got.Credential.Secret.Reveal(), canary) {
			t.Fatalf("Issue = %v: the test needs the canary in the credential", err)
		}
		_, _ = fmt.Fprintf(&text, "%v %+v %#v", got, got, got)
	}
	s.upstream.set(fmt.Errorf("wrapped: %w", errors.New(canary)))
	if _, err := s.ask(t, "team/other"); err == nil {
		t.Error("the failing upstream did not fail")
	}
	_, _ = fmt.Fprintf(&text, "%+v %#v %+v", s.journal.all(), s.journal.all(), s.upstream.last)
	if strings.Contains(text.String(), canary) {
		t.Errorf("the secret shows in %s", text.String())
	}
}

// TestWhatAStartLeftOut asks for registries that the environment was started
// without: the refusal is that of the registry, or says that a restart helps.
func TestWhatAStartLeftOut(t *testing.T) {
	for _, test := range []struct {
		name   string
		in     pullpass.Inside
		host   string
		inside bool
		code   string
		hint   string
	}{
		{"opened since", pullpass.InsideLogin, "late.example", true, "no_registry", "pullpass env restart dev"},
		{"added since, for the start", pullpass.InsideNever, "late.example", false, "no_registry", "pullpass env restart dev"},
		{"closed", pullpass.InsideNever, "late.example", true, "credential_denied", "pullpass registry update late --inside login"},
		{"not configured", pullpass.InsideLogin, "nowhere.example", true, "no_registry", "pullpass registry add NAME --host nowhere.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, broker.Options{})
			e := s.environment(ecrHost + "/team/app:1")
			e.Name = "dev"
			s.store.environments[e.ID] = e
			s.store.inForce = append(s.store.inForce, pullpass.Registry{ID: pullpass.NewRegistryID(), Organization: s.org, Name: "late",
				Host: "late.example", Auth: pullpass.AuthBasic, Inside: test.in, Generation: 1})
			caller := s.asRunner()
			if test.inside {
				caller = s.asEnvironment(e)
			}
			got, err := s.broker.Issue(t.Context(), caller, broker.Ask{Environment: e.ID, Host: test.host, Repository: "team/app", Inside: test.inside})
			if pullpass.CodeOf(err) != test.code || !strings.Contains(pullpass.HintOf(err), test.hint) || !got.Credential.Secret.Empty() {
				t.Errorf("Issue = %v (%s, hint %q), want %s and the hint %q", err, pullpass.CodeOf(err), pullpass.HintOf(err), test.code, test.hint)
			}
		})
	}
}
