package broker_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// packed is an AWS that finds every policy for more than one repository too large.
type packed struct {
	*upstream
	refusals *atomic.Int64
}

func (p packed) Mint(ctx context.Context, r broker.MintRequest) (broker.Minted, error) {
	if len(r.Repositories) > 1 {
		p.refusals.Add(1)
		return broker.Minted{}, &pullpass.Error{Kind: pullpass.Invalid, Code: broker.CodePolicyTooLarge, What: "cannot get a token"}
	}
	return p.upstream.Mint(ctx, r)
}

// Where AWS finds the policy for all of an environment's repositories too large,
// each gets a credential of its own, and none a wider one.
func TestPolicyTooLargeIsSplit(t *testing.T) {
	s := newScene(t, broker.Options{})
	var refusals atomic.Int64
	b, err := broker.New(broker.Options{Store: s.store, Auditor: s.journal, AWS: packed{s.upstream, &refusals}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	e := s.environment(ecrHost+"/team/app:1", ecrHost+"/team/db:1")
	secrets := map[string]bool{}
	for _, repository := range []string{"team/app", "team/db", "team/app"} {
		got, err := b.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: repository})
		if err != nil || !cmp.Equal(got.Repositories, []string{repository}) || got.Credential.Unscoped {
			t.Errorf("Issue(%s) = %+v, %v, want it for this one alone", repository, got, err)
		}
		secrets[got.Credential.Secret.Reveal()] = true
		events := s.journal.all()
		if at := slices.IndexFunc(events, func(e pullpass.Event) bool { return e.Detail["repositories"] == repository }); at < 0 {
			t.Errorf("Issue(%s): no record says that it is for this one alone", repository)
		}
	}
	// What AWS has found too large is not tried again at every pull, so that neither
	// quota nor an outage reaches those whose credential is there.
	s.upstream.set(away)
	if _, err := b.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/db"}); err != nil {
		t.Errorf("while AWS is away: %v, want what is kept", err)
	}
	if n := refusals.Load(); n != 1 {
		t.Errorf("%d calls for all repositories, want one", n)
	}
	if len(secrets) != 2 || s.upstream.calls.Load() != 2 {
		t.Errorf("%d credentials of %d calls, want one each", len(secrets), s.upstream.calls.Load())
	}
}
