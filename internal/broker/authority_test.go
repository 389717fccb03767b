package broker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

func (s *scene) asCI() pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerCI, Organization: s.org, ID: "tok_2", Project: s.project, Action: pullpass.ActionPush}
}

func (s *scene) asOwner() pullpass.Caller {
	return pullpass.Caller{Kind: pullpass.CallerUser, Organization: s.org, ID: "usr_1", Role: pullpass.RoleOwner}
}

// TestOnlyTheRunnerMeetsARunnerLimit: who names an environment on an allowed runner
// is not that runner, whatever their role.
func TestOnlyTheRunnerMeetsARunnerLimit(t *testing.T) {
	for _, limit := range []struct {
		what  string
		limit func(*scene, pullpass.Environment)
	}{
		{"the registry", func(s *scene, e pullpass.Environment) {
			s.store.registries[e.ID][0].Runners = []pullpass.RunnerID{s.runner}
			s.store.inForce[0].Runners = []pullpass.RunnerID{s.runner}
		}},
		{"the integration", func(s *scene, _ pullpass.Environment) {
			i := s.integration
			i.Runners = []pullpass.RunnerID{s.runner}
			s.store.integrations[i.ID] = i
		}},
	} {
		s := newScene(t, broker.Options{})
		e := s.environment(ecrHost + "/team/app:1")
		limit.limit(s, e)
		byEnvironment := broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"}
		inside := byEnvironment
		inside.Inside = true
		for _, test := range []struct {
			name   string
			caller pullpass.Caller
			ask    broker.Ask
			want   pullpass.Kind
		}{
			{"the runner", s.asRunner(), byEnvironment, ""},
			{"the runner, for a person inside", s.asRunner(), inside, ""},
			{"a developer names the environment", s.asDeveloper(), byEnvironment, pullpass.Denied},
			{"a developer says to be inside", s.asDeveloper(), inside, pullpass.Denied},
			{"a developer names the project", s.asDeveloper(), broker.Ask{Project: s.project, Host: ecrHost, Repository: "team/app"}, pullpass.Denied},
			{"an owner names the environment", s.asOwner(), byEnvironment, pullpass.Denied},
			{"a CI job names the environment", s.asCI(), byEnvironment, pullpass.Denied},
			{"an environment that names its runner", s.asEnvironment(e), inside, pullpass.Denied},
		} {
			if _, err := s.broker.Issue(t.Context(), test.caller, test.ask); pullpass.KindOf(err) != test.want {
				t.Errorf("%s limited to a runner, %s: Issue = %v, want %q", limit.what, test.name, err, test.want)
			}
		}
	}
}

// TestNobodyButTheRunnerGetsWhatNeverProtects, by whatever name they ask.
func TestNobodyButTheRunnerGetsWhatNeverProtects(t *testing.T) {
	for _, auth := range []pullpass.Auth{pullpass.AuthBasic, pullpass.AuthIntegration} {
		s := newScene(t, broker.Options{})
		s.store.inForce[0].Inside, s.store.inForce[0].Auth = pullpass.InsideNever, auth
		e := s.environment(ecrHost + "/team/app:1")
		byEnvironment := broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"}
		inside := byEnvironment
		inside.Inside = true
		byProject := broker.Ask{Project: s.project, Host: ecrHost, Repository: "team/app"}
		for _, test := range []struct {
			name   string
			caller pullpass.Caller
			ask    broker.Ask
			want   pullpass.Kind
		}{
			{"the runner, for the start", s.asRunner(), byEnvironment, ""},
			{"the runner, for a person inside", s.asRunner(), inside, pullpass.Denied},
			{"an environment", s.asEnvironment(e), inside, pullpass.Denied},
			{"a developer names the environment", s.asDeveloper(), byEnvironment, pullpass.Denied},
			{"a developer says to be inside", s.asDeveloper(), inside, pullpass.Denied},
			{"a developer names the project", s.asDeveloper(), byProject, pullpass.Denied},
			{"an owner names the project", s.asOwner(), byProject, pullpass.Denied},
			{"a CI job names the project", s.asCI(), byProject, pullpass.Denied},
		} {
			got, err := s.broker.Issue(t.Context(), test.caller, test.ask)
			if pullpass.KindOf(err) != test.want || (err != nil && !got.Credential.Secret.Empty()) {
				t.Errorf("%s, never, %s: Issue = %v, want %q", auth, test.name, err, test.want)
			}
		}
	}
}

// TestInsideOpensTheEnvironmentsOwnImages, unless the registry says whole.
func TestInsideOpensTheEnvironmentsOwnImages(t *testing.T) {
	for _, test := range []struct {
		name       string
		inside     pullpass.Inside
		repository string
		want       []string // nil: refused
	}{
		{"an image of its own", pullpass.InsideLogin, "team/app", []string{"team/app", "team/db"}},
		{"somebody else's image", pullpass.InsideLogin, "other/secret", nil},
		{"the host", pullpass.InsideLogin, "", []string{"team/app", "team/db"}},
		{"a part of a name", pullpass.InsideLogin, "team", nil},
		{"whole: somebody else's image", pullpass.InsideWhole, "other/secret", []string{"other/secret"}},
		{"whole: the host", pullpass.InsideWhole, "", []string{"*"}},
	} {
		s := newScene(t, broker.Options{})
		s.store.inForce[0].Inside = test.inside
		e := s.environment(ecrHost+"/team/app:1", ecrHost+"/team/db:1", "ghcr.io/other/secret:1")
		got, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: test.repository, Inside: true})
		if test.want == nil && !pullpass.IsKind(err, pullpass.Denied) || test.want != nil && (err != nil || !cmp.Equal(got.Repositories, test.want)) {
			t.Errorf("%s: Issue = %v, %v, want %v", test.name, got.Repositories, err, test.want)
		}
	}
	s := newScene(t, broker.Options{}) // an environment without an image there, and a password
	s.store.inForce[0].Auth = pullpass.AuthBasic
	e := s.environment("docker.io/library/alpine:3")
	if _, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Inside: true}); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("a password for a host that the environment has no image of: %v, want Denied", err)
	}
}

// TestRepositoriesKeptForAnotherProject are not opened through any registry entry
// of this one, by whoever asks.
func TestRepositoriesKeptForAnotherProject(t *testing.T) {
	s := newScene(t, broker.Options{})
	victim := pullpass.NewProjectID()
	s.store.repositories = []pullpass.Repository{
		{Organization: s.org, Project: victim, Account: "222222222222", Region: "eu-west-1", Name: "victim/payments"},
		{Organization: s.org, Project: s.project, Account: "222222222222", Region: "eu-west-1", Name: "mine/app"},
		{Organization: s.org, Project: victim, Account: "333333333333", Region: "eu-west-1", Name: "elsewhere/app"},
		{Organization: s.org, Project: victim, Account: "222222222222", Region: "us-east-1", Name: "elsewhere/app"},
	}
	e := s.environment(ecrHost + "/victim/payments:1")
	ask := func(repository string, action pullpass.Action) broker.Ask {
		return broker.Ask{Project: s.project, Host: ecrHost, Repository: repository, Action: action}
	}
	for _, test := range []struct {
		name   string
		caller pullpass.Caller
		ask    broker.Ask
		want   pullpass.Kind
	}{
		{"to push", s.asDeveloper(), ask("victim/payments", pullpass.ActionPush), pullpass.Denied},
		{"to pull", s.asOwner(), ask("victim/payments", pullpass.ActionPull), pullpass.Denied},
		{"from CI", s.asCI(), ask("victim/payments", pullpass.ActionPush), pullpass.Denied},
		{"with the whole host", s.asDeveloper(), ask("", pullpass.ActionPull), pullpass.Denied},
		{"as an image of an environment", s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "victim/payments"}, pullpass.Denied},
		{"its own", s.asDeveloper(), ask("mine/app", pullpass.ActionPush), ""},
		{"one that nobody keeps", s.asDeveloper(), ask("free/app", pullpass.ActionPull), ""},
		{"one of the same name elsewhere", s.asDeveloper(), ask("elsewhere/app", pullpass.ActionPull), ""},
	} {
		if _, err := s.broker.Issue(t.Context(), test.caller, test.ask); pullpass.KindOf(err) != test.want {
			t.Errorf("%s: Issue = %v, want %q", test.name, err, test.want)
		}
	}
}

// TestTheProjectsRegistryGoesFirst, however long the organization's path is.
func TestTheProjectsRegistryGoesFirst(t *testing.T) {
	whole := pullpass.Registry{ID: "reg_a", Host: "ghcr.io", PathPrefix: "team/app"}
	mine := pullpass.Registry{ID: "reg_b", Host: "ghcr.io", Project: "prj_1"}
	for _, list := range [][]pullpass.Registry{{whole, mine}, {mine, whole}} {
		for _, repository := range []string{"team/app", ""} {
			if got, ok := broker.Choose(list, "ghcr.io", repository); !ok || got.ID != mine.ID {
				t.Errorf("Choose(%q) = %s, want the project's", repository, got.ID)
			}
		}
	}
}

// slow records an event while the clock goes on.
type slow struct {
	*journal
	then func()
}

func (s slow) Record(ctx context.Context, e pullpass.Event) error {
	s.then()
	return s.journal.Record(ctx, e)
}

// TestACredentialThatEndsWhileItIsRecorded is not handed out.
func TestACredentialThatEndsWhileItIsRecorded(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	delay := time.Duration(0)
	clock := func() time.Time { return now }
	s := newScene(t, broker.Options{Now: clock, Auditor: slow{&journal{}, func() { now = now.Add(delay) }}})
	s.upstream.now = clock
	if _, err := s.ask(t, "team/app"); err != nil {
		t.Fatal(err)
	}
	delay = 13 * time.Hour
	if got, err := s.ask(t, "team/app"); !pullpass.IsKind(err, pullpass.Unavailable) || !got.Credential.Secret.Empty() {
		t.Errorf("recorded for longer than it lives: %v, want Unavailable and nothing", err)
	}
}

// TestTheRecordHasOurWordsOnly: what a library says may hold anything.
func TestTheRecordHasOurWordsOnly(t *testing.T) {
	for _, err := range []error{
		errors.New(canary),
		&pullpass.Error{Kind: pullpass.Internal, What: canary, Cause: canary},
	} {
		s := newScene(t, broker.Options{})
		s.upstream.set(err)
		if _, err := s.ask(t, "team/app"); err == nil {
			t.Fatal("the failing upstream did not fail")
		}
		if events := s.journal.all(); len(events) != 1 || strings.Contains(events[0].Reason, canary) || events[0].Reason == "" {
			t.Errorf("recorded %+v, want a reason without the library's words", events)
		}
	}
}
