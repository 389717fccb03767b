package broker_test

import (
	"slices"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// The hosts that are listed are those for which Issue gives a credential, and no
// others: a client takes a listed host for one that it can log in to.
func TestHostsAreThoseThatOpen(t *testing.T) {
	s := newScene(t, broker.Options{})
	basic := func(host string, change func(*pullpass.Registry)) {
		r := pullpass.Registry{ID: pullpass.NewRegistryID(), Organization: s.org, Name: host, Host: host, Auth: pullpass.AuthBasic,
			Username: "ada", Inside: pullpass.InsideLogin, Generation: 1}
		change(&r)
		s.store.inForce = append(s.store.inForce, r)
	}
	basic("open.example.com", func(*pullpass.Registry) {})
	basic("open.example.com", func(r *pullpass.Registry) { r.PathPrefix = "team" })
	basic("project.example.com", func(r *pullpass.Registry) { r.Project = s.project })
	basic("other-project.example.com", func(r *pullpass.Registry) { r.Project = pullpass.NewProjectID() })
	basic("start-only.example.com", func(r *pullpass.Registry) { r.Inside = pullpass.InsideNever })
	basic("one-runner.example.com", func(r *pullpass.Registry) { r.Runners = []pullpass.RunnerID{s.runner} })
	basic("333333333333.dkr.ecr.eu-west-1.amazonaws.com", func(r *pullpass.Registry) { r.Auth, r.Username = pullpass.AuthRunnerNative, "" })
	limited := s.integration
	limited.ID, limited.Runners = pullpass.NewIntegrationID(), []pullpass.RunnerID{s.runner}
	s.store.integrations[limited.ID] = limited
	basic("444444444444.dkr.ecr.eu-west-1.amazonaws.com", func(r *pullpass.Registry) {
		r.Auth, r.Username, r.Integration = pullpass.AuthIntegration, "", limited.ID
	})

	got, err := s.broker.Hosts(t.Context(), s.asCI(), s.project)
	want := []string{ecrHost, "open.example.com", "project.example.com"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Hosts = %q, %v, want %q", got, err, want)
	}
	for _, r := range s.store.inForce {
		_, err := s.broker.Issue(t.Context(), s.asCI(), broker.Ask{Project: s.project, Host: r.Host})
		if listed := slices.Contains(got, r.Host); listed != (err == nil) {
			t.Errorf("%s is listed: %v; a credential for it: %v", r.Host, listed, err)
		}
	}
	if _, err := s.broker.Hosts(t.Context(), s.asCI(), pullpass.NewProjectID()); !pullpass.IsKind(err, pullpass.NotFound) {
		t.Errorf("Hosts of another project = %v, want not found", err)
	}
	auditor := s.asDeveloper()
	auditor.Role = pullpass.RoleAuditor
	if _, err := s.broker.Hosts(t.Context(), auditor, s.project); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("Hosts for an auditor = %v, want denied", err)
	}
	if n := s.upstream.calls.Load(); int(n) > len(s.store.inForce) {
		t.Errorf("AWS was asked %d times", n)
	}
}
