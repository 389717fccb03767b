package broker_test

import (
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// A credential that the registry no longer takes is minted once more for whoever
// proves to hold it, and at most once a minute.
func TestRefusedCredentialIsMintedOnceMore(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	s := newScene(t, broker.Options{Now: clock})
	s.upstream.now = clock
	e := s.environment(ecrHost + "/team/app:1")
	ask := func(refused string) (broker.Issued, error) {
		return s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app", Refused: refused})
	}
	check := func(what, refused string, calls int64) broker.Issued {
		t.Helper()
		got, err := ask(refused)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n := s.upstream.calls.Load(); n != calls {
			t.Errorf("%s: AWS was asked %d times in all, want %d", what, n, calls)
		}
		return got
	}
	first := check("at first", "", 1)
	if s.upstream.last.Fresh {
		t.Error("at first nothing is refused, and sessions may be used again")
	}
	check("with a fingerprint of nothing", pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret("guess")}.Fingerprint(), 1)
	second := check("refused", first.Credential.Fingerprint(), 2)
	if second.Credential.Fingerprint() == first.Credential.Fingerprint() || second.Cached {
		t.Errorf("the refused credential is given once more")
	}
	if !s.upstream.last.Fresh {
		t.Error("the new credential may be built upon the old sessions")
	}
	if again := check("what was refused before", first.Credential.Fingerprint(), 2); again.Credential.Fingerprint() != second.Credential.Fingerprint() {
		t.Error("a third credential came from nowhere")
	}
	check("refused again at once: the policy is at fault", second.Credential.Fingerprint(), 2)
	pass(2 * time.Minute)
	s.upstream.set(&pullpass.Error{Kind: pullpass.Unavailable, What: "AWS is away"})
	if _, err := ask(second.Credential.Fingerprint()); err == nil {
		t.Error("while AWS is away the refused credential is given once more")
	}
	if others := check("others while AWS is away", "", 3); others.Credential.Fingerprint() != second.Credential.Fingerprint() {
		t.Error("a refusal has taken the credential from others")
	}
	s.upstream.set(nil)
	pass(2 * time.Minute)
	check("refused, and AWS is back", second.Credential.Fingerprint(), 4)
	if n := len(s.journal.all()); n != 8 {
		t.Errorf("%d records of 8 asks", n)
	}
}
