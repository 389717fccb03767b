package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// servers are brokers that share a board, a store, an AWS and a journal.
type servers struct {
	*scene
	board *board
	all   []*broker.Broker
}

// newServers makes one broker for each clock, which differs from the true one by so
// much.
func newServers(t testing.TB, aws broker.Minter, clocks ...time.Duration) *servers {
	t.Helper()
	s := &servers{scene: newScene(t, broker.Options{}), board: newBoard()}
	if aws == nil {
		aws = s.upstream
	}
	for _, off := range clocks {
		s.add(t, broker.Options{AWS: aws, Shared: s.board, Auditor: discard{}, Now: func() time.Time { return time.Now().Add(off) }})
	}
	return s
}

func (s *servers) add(t testing.TB, o broker.Options) {
	t.Helper()
	o.Store = s.store
	b, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	s.all = append(s.all, b)
}

func (s *servers) at(ctx context.Context, server int, repository string) (broker.Issued, error) {
	return s.all[server].Issue(ctx, s.asDeveloper(), broker.Ask{Project: s.project, Host: ecrHost, Repository: repository})
}

// TestOneCallForAllServers: a herd on three servers, a refresh that all three want,
// a denial and throttling are one call upstream each, and a server that starts
// later takes what stands.
func TestOneCallForAllServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServers(t, nil, -time.Minute, 0, time.Minute)
		want := func(when string, n int64) {
			t.Helper()
			if got := s.upstream.calls.Load(); got != n {
				t.Fatalf("%s: %d upstream calls, want %d", when, got, n)
			}
		}
		all := func(kind pullpass.Kind) (secrets map[string]bool) {
			t.Helper()
			var wg sync.WaitGroup
			var mu sync.Mutex
			secrets = map[string]bool{}
			for i := range 60 {
				wg.Go(func() {
					got, err := s.at(t.Context(), i%len(s.all), "team/app")
					if pullpass.KindOf(err) != kind {
						t.Errorf("server %d: %v, want kind %q", i%len(s.all), err, kind)
					}
					mu.Lock()
					defer mu.Unlock()
					secrets[got.Credential.Secret.Reveal()] = true
				})
			}
			wg.Wait()
			synctest.Wait()
			return secrets
		}
		if got := all(""); len(got) != 1 {
			t.Errorf("three servers gave %d different credentials, want 1", len(got))
		}
		want("a herd", 1)
		s.add(t, broker.Options{AWS: s.upstream, Shared: s.board, Auditor: discard{}})
		all("")
		want("a server that starts later", 1)
		for round := int64(2); round < 6; round++ {
			for s.upstream.calls.Load() < round { // until the refresh is due on one of them
				pass(time.Minute)
				all("")
			}
			pass(5 * time.Minute) // and on all of them, whose clocks differ
			all("")
			pass(time.Minute)
			if got := all(""); len(got) != 1 {
				t.Errorf("after refresh %d: %d different credentials, want 1", round, len(got))
			}
			want("a refresh", round)
		}
		// Denied at the next refresh: all stop serving, and AWS is asked once in 5 s.
		s.upstream.set(&pullpass.Error{Kind: pullpass.Denied, What: "the role is gone"})
		pass(7 * time.Hour)
		for i := range s.all {
			_, _ = s.at(t.Context(), i, "team/app") // starts the refresh
		}
		synctest.Wait()
		all(pullpass.Denied)
		want("a denied refresh", 6)
		pass(4 * time.Second)
		all(pullpass.Denied)
		want("a moment after", 6)
		s.upstream.set(&pullpass.Error{Kind: pullpass.Limited, What: "slow down"})
		pass(2 * time.Second)
		all(pullpass.Limited)
		want("throttled", 7)
		s.upstream.set(nil)
		pass(6 * time.Second)
		all("")
		want("when AWS answers again", 8)
	})
}

// TestFirstWaiterOnAnotherServer: the one who asked first goes away, on the server
// that asks AWS; the other 999, on both servers, get their answer from that call.
func TestFirstWaiterOnAnotherServer(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newServers(t, nil, 0, 0)
			s.board.deaf = deaf // a lost notification costs a moment, nothing else
			s.upstream.gate = make(chan struct{})
			first, cancel := context.WithCancel(t.Context())
			gone := make(chan error, 1)
			go func() {
				_, err := s.at(first, 0, "team/app")
				gone <- err
			}()
			synctest.Wait()
			const herd = 999
			results := make(chan error, herd)
			for i := range herd {
				go func() {
					_, err := s.at(t.Context(), 1-i%2, "team/app")
					results <- err
				}()
			}
			synctest.Wait()
			cancel()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Errorf("the first = %v, want Canceled", err)
			}
			pass(20 * time.Second) // longer than a lease: it is renewed
			close(s.upstream.gate)
			for range herd {
				if err := <-results; err != nil {
					t.Errorf("a waiter = %v, want a credential", err)
				}
			}
			if n := s.upstream.calls.Load(); n != 1 {
				t.Errorf("%d upstream calls, want 1", n)
			}
			s.board.mu.Lock()
			defer s.board.mu.Unlock()
			if s.board.claims > 100 {
				t.Errorf("the database was asked %d times while %d waited, want a few", s.board.claims, herd)
			}
		})
	}
}

// TestServerKilledWhileMinting: its lease ends, and another server mints.
func TestServerKilledWhileMinting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServers(t, nil, 0)
		s.upstream.gate = make(chan struct{})
		s.add(t, broker.Options{AWS: s.upstream, Shared: killed{s.board}, Auditor: discard{}})
		go func() { _, _ = s.at(t.Context(), 1, "team/app") }()
		synctest.Wait()
		begun := time.Now()
		served := make(chan error, 1)
		go func() {
			_, err := s.at(t.Context(), 0, "team/app")
			served <- err
		}()
		pass(time.Second)
		close(s.upstream.gate)
		if err := <-served; err != nil {
			t.Errorf("after the other server was killed: %v", err)
		}
		if d := time.Since(begun); d > 15*time.Second {
			t.Errorf("it took %v, want about the length of a lease", d)
		}
		if n := s.upstream.calls.Load(); n != 2 {
			t.Errorf("%d upstream calls, want the killed server's and one more", n)
		}
	})
}

// TestServerStops: what it has not minted yet another server mints at once.
func TestServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServers(t, nil, 0, 0)
		s.upstream.gate = make(chan struct{})
		results := make(chan error, 2)
		ask := func(server int) {
			go func() {
				_, err := s.at(t.Context(), server, "team/app")
				results <- err
			}()
			synctest.Wait()
		}
		ask(0)
		ask(1)
		begun := time.Now()
		s.all[0].Close()
		if err := <-results; err == nil {
			t.Error("the server that stopped served")
		}
		close(s.upstream.gate)
		if err := <-results; err != nil {
			t.Errorf("the other server = %v, want a credential", err)
		}
		if d := time.Since(begun); d > time.Second {
			t.Errorf("it took %v, want to be told at once", d)
		}
	})
}

// TestSharedBuckets: 1,000 keys of one account asked of three servers at once. In
// any second there are no more calls than the rate and one burst; who cannot be
// served in time is told to come back, and nobody fails otherwise.
func TestSharedBuckets(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared=", shared), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				paced := &pacing{upstream: &upstream{life: 12 * time.Hour}}
				s := newServers(t, paced, 0, 0, 0)
				if !shared {
					s.all = nil
					s.add(t, broker.Options{AWS: paced, Auditor: discard{}})
				}
				var wg sync.WaitGroup
				var mu sync.Mutex
				outcomes := map[pullpass.Kind]int{}
				for i := range 1000 {
					wg.Go(func() {
						got, err := s.at(t.Context(), i%len(s.all), fmt.Sprintf("team/app%d", i))
						mu.Lock()
						defer mu.Unlock()
						outcomes[pullpass.KindOf(err)]++
						if err == nil && got.Credential.Secret.Empty() {
							t.Error("an answer without a credential")
						}
					})
				}
				begun := time.Now()
				wg.Wait()
				if d := time.Since(begun); d > time.Minute {
					t.Errorf("the last one was answered after %v, want within a flight's minute", d)
				}
				if outcomes[""] < 80 || outcomes[""]+outcomes[pullpass.Limited] != 1000 {
					t.Errorf("answers = %v, want four a second for 20 s served and the rest limited", outcomes)
				}
				paced.check(t)
			})
		})
	}
}

// check looks at every window of a second: the rate and one burst of it.
func (p *pacing) check(t *testing.T) {
	t.Helper()
	for service, perSecond := range map[broker.Service]int{broker.ServiceSTS: 4, broker.ServiceECR: 10} {
		calls := p.calls(service)
		from := 0
		for i, at := range calls {
			for at.Sub(calls[from]) >= time.Second {
				from++
			}
			if n := i - from + 1; n > 2*perSecond {
				t.Fatalf("%s was called %d times within a second, want at most %d", service, n, 2*perSecond)
			}
		}
		if len(calls) == 0 {
			t.Errorf("%s was not called: the test proves nothing", service)
		}
	}
}

// TestReturnedTurn: who gives up makes room for the next.
func TestReturnedTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, pacer := range map[string]*broker.Pacer{"local": broker.NewPacer(time.Now), "shared": broker.SharedPacer(newBoard())} {
			wait := pacer.For("org_x", pullpass.Integration{Account: "111111111111"}, "eu-west-1")
			for range 4 { // a burst
				if err := wait(t.Context(), broker.ServiceSTS); err != nil {
					t.Fatal(err)
				}
			}
			leaving, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if err := wait(leaving, broker.ServiceSTS); !pullpass.IsKind(err, pullpass.Limited) {
				t.Errorf("%s: a turn that comes too late = %v, want Limited", name, err)
			}
			cancel()
			leaving, cancel = context.WithCancel(t.Context())
			gone := make(chan error, 1)
			go func() { gone <- wait(leaving, broker.ServiceSTS) }()
			synctest.Wait()
			cancel()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: the one that left = %v, want Canceled", name, err)
			}
			begun := time.Now()
			if err := wait(t.Context(), broker.ServiceSTS); err != nil || time.Since(begun) > 250*time.Millisecond {
				t.Errorf("%s: the next = %v after %v, want the turn that was given back", name, err, time.Since(begun))
			}
		}
	})
}

// TestHandedOverShowsNothing: what is told of a failure is our own words.
func TestHandedOverShowsNothing(t *testing.T) {
	s := newServers(t, nil, 0)
	s.upstream.set(fmt.Errorf("a library that tells all: %s", canary))
	if _, err := s.at(t.Context(), 0, "team/app"); err == nil {
		t.Fatal("want an error")
	}
	for _, row := range s.board.rows {
		if row.reason == "" || strings.Contains(row.reason, canary) {
			t.Errorf("the board says %q, want a reason without the secret", row.reason)
		}
	}
}

// TestCachedPathAsksNobody: what is in memory is served without a look at what the
// servers share.
func TestCachedPathAsksNobody(t *testing.T) {
	s := newServers(t, nil, 0, 0)
	for i := range 2 {
		if _, err := s.at(t.Context(), i, "team/app"); err != nil {
			t.Fatal(err)
		}
	}
	before := s.board.claims
	for i := range 1000 {
		if got, err := s.at(t.Context(), i%2, "team/app"); err != nil || !got.Cached {
			t.Fatalf("Issue = %+v, %v, want a hit", got, err)
		}
	}
	if n := s.board.claims - before; before == 0 || n != 0 {
		t.Errorf("%d claims before and %d during 1,000 hits, want some and none", before, n)
	}
}
