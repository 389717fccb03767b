package broker_test

import (
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// ECR Public is open to everybody: where AWS gives no token the pull goes on
// without, and the record says why. A push does not, and no other registry's pull.
func TestPublicFailsSoftly(t *testing.T) {
	const public = "public.ecr.aws"
	s := newScene(t, broker.Options{})
	s.store.inForce[0].Host = public
	ask := func(a pullpass.Action, repository string) (broker.Issued, error) {
		return s.broker.Issue(t.Context(), s.asDeveloper(), broker.Ask{Host: public, Repository: repository, Action: a})
	}
	got, err := ask(pullpass.ActionPull, "nginx/nginx")
	if err != nil || got.Credential.Secret.Empty() || got.Credential.Host != public {
		t.Errorf("with a token: %+v, %v", got, err)
	}
	for _, failure := range []error{away, &pullpass.Error{Kind: pullpass.Denied, What: "cannot get a token", Cause: "ecr-public:GetAuthorizationToken"}} {
		s.upstream.set(failure)
		repository := "nginx/" + string(pullpass.KindOf(failure))
		got, err := ask(pullpass.ActionPull, repository)
		if err != nil || !got.Credential.Secret.Empty() || got.Credential.Host != public || got.Credential.Unscoped {
			t.Errorf("%v: %+v, %v, want to pull as anybody may", failure, got, err)
		}
		events := s.journal.all()
		if e := events[len(events)-1]; e.Decision != pullpass.DecisionAllowed || e.Detail["anonymous"] == "" || e.Detail["principal"] != "" {
			t.Errorf("%v: recorded %v", failure, e.Detail)
		}
		if _, err := ask(pullpass.ActionPush, repository); pullpass.KindOf(err) != pullpass.KindOf(failure) {
			t.Errorf("%v: a push: %v", failure, err)
		}
	}
	s.upstream.set(&pullpass.Error{Kind: pullpass.Invalid, What: "the integration has no access key"})
	if _, err := ask(pullpass.ActionPull, "nginx/broken"); !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("an integration that cannot work: %v, want Invalid", err)
	}
}

// Servers that share tell each other that there is no token, and why.
func TestPublicFailsSoftlyOnAllServers(t *testing.T) {
	s := newServers(t, nil, 0)
	s.add(t, broker.Options{AWS: s.upstream, Shared: s.board, Auditor: s.journal})
	s.store.inForce[0].Host = "public.ecr.aws"
	s.upstream.set(away)
	for n, b := range s.all {
		got, err := b.Issue(t.Context(), s.asDeveloper(), broker.Ask{Project: s.project, Host: "public.ecr.aws", Repository: "nginx/nginx"})
		if err != nil || !got.Credential.Secret.Empty() {
			t.Errorf("server %d: %+v, %v, want to pull as anybody may", n, got, err)
		}
	}
	events := s.journal.all()
	if n := s.upstream.calls.Load(); n != 1 || len(events) != 1 || events[0].Detail["anonymous"] == "" {
		t.Errorf("%d calls, recorded %+v, want one, and the second server's record to say why", n, events)
	}
}
