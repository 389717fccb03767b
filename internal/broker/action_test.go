package broker_test

import (
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// A CI job gets what its token is for: pull, or push and pull; of one project.
func TestCIJobsAreLimited(t *testing.T) {
	for _, c := range []struct {
		has, wants pullpass.Action
		foreign    bool
		kind       pullpass.Kind
	}{
		{pullpass.ActionPull, "", false, ""},
		{pullpass.ActionPull, pullpass.ActionPull, false, ""},
		{pullpass.ActionPull, pullpass.ActionPush, false, pullpass.Denied},
		{pullpass.ActionPush, pullpass.ActionPush, false, ""},
		{pullpass.ActionPush, pullpass.ActionPull, false, ""},
		{"", pullpass.ActionPush, false, pullpass.Denied}, // a token that does not say
		{"", pullpass.ActionPull, false, ""},
		{pullpass.ActionPush, pullpass.ActionPull, true, pullpass.NotFound},
	} {
		s := newScene(t, broker.Options{})
		caller := pullpass.Caller{Kind: pullpass.CallerCI, Organization: s.org, ID: "tok_1", Project: s.project, Action: c.has}
		if c.foreign {
			caller.Project = pullpass.NewProjectID()
		}
		got, err := s.broker.Issue(t.Context(), caller, broker.Ask{Project: s.project, Host: ecrHost, Repository: "team/app", Action: c.wants})
		if pullpass.KindOf(err) != c.kind || got.Credential.Secret.Empty() == (err == nil) {
			t.Errorf("a job for %q asks for %q: %v, want kind %q", c.has, c.wants, err, c.kind)
		}
		if wanted := max(c.wants, pullpass.ActionPull); err == nil && s.upstream.last.Action != wanted {
			t.Errorf("a job for %q asks for %q: AWS was asked for %q", c.has, c.wants, s.upstream.last.Action)
		}
		if events := s.journal.all(); len(events) != 1 || (events[0].Decision == pullpass.DecisionAllowed) != (err == nil) {
			t.Errorf("a job for %q asks for %q: records %+v, want the decision", c.has, c.wants, events)
		}
	}
}
