package broker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// pass lets time go by, on synctest's clock: no test waits for a real one.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the clock is a fake one

var away = &pullpass.Error{Kind: pullpass.Unavailable, What: "AWS does not answer"}

// TestOutagePassesUnnoticed lets the upstream fail for a while at every point
// of a credential's life, and asks every 20 seconds.
func TestOutagePassesUnnoticed(t *testing.T) {
	for _, test := range []struct{ life, outage time.Duration }{
		{12 * time.Hour, time.Hour},
		{3 * time.Hour, time.Hour},
		{time.Hour, 15 * time.Minute},
		{15 * time.Minute, 3 * time.Minute},
	} {
		t.Run(fmt.Sprint(test.life, test.outage), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, broker.Options{})
				s.upstream.life = test.life
				const step = 20 * time.Second
				rounds := 3 * int(test.life/step)
				down, up := 0, 0
				for i := range rounds {
					switch { // the outage comes around every 1.37 lives, and so at many ages
					case i == down+int(test.life/step*137/100):
						s.upstream.set(away)
						down = i
						up = i + int(test.outage/step)
					case i == up:
						s.upstream.set(nil)
					}
					got, err := s.ask(t, "team/app")
					if err != nil {
						t.Fatalf("after %v: %v", time.Duration(i)*step, err)
					}
					if !got.Credential.ValidFor(time.Minute, time.Now()) {
						t.Fatalf("after %v: the credential expires at %v, it is %v", time.Duration(i)*step, got.Credential.Expires, time.Now())
					}
					pass(step)
					synctest.Wait()
				}
				if down == 0 {
					t.Error("there was no outage: the test proves nothing")
				}
			})
		})
	}
}

// TestWorstOutage begins each outage in the very moment in which the refresh is
// tried, the worst that can happen.
func TestWorstOutage(t *testing.T) {
	for _, test := range []struct{ life, outage time.Duration }{
		{12 * time.Hour, time.Hour}, {3 * time.Hour, time.Hour}, {time.Hour, 15 * time.Minute},
	} {
		for range 8 { // the refresh's time is spread at random
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, broker.Options{})
				s.upstream.life = test.life
				if _, err := s.ask(t, "team/app"); err != nil {
					t.Fatal(err)
				}
				s.upstream.set(away)
				for s.upstream.calls.Load() == 1 { // until the refresh is tried, and fails
					pass(test.life / 1440)
					if _, err := s.ask(t, "team/app"); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				for begun := time.Now(); time.Since(begun) < test.outage; pass(5 * time.Second) {
					if _, err := s.ask(t, "team/app"); err != nil {
						t.Fatalf("life %v, %v into the outage: %v", test.life, time.Since(begun), err)
					}
				}
				s.upstream.set(nil)
				if _, err := s.ask(t, "team/app"); err != nil {
					t.Errorf("life %v, after the outage: %v", test.life, err)
				}
				synctest.Wait()
			})
		}
	}
}

// TestNothingExpiredInADay simulates 24 hours with our clock off by a minute
// either way, sessions of several lengths and an upstream that fails now and
// then: what is delivered is good by AWS's clock.
func TestNothingExpiredInADay(t *testing.T) {
	for _, skew := range []time.Duration{-time.Minute, 0, time.Minute} {
		for _, life := range []time.Duration{15 * time.Minute, time.Hour, 12 * time.Hour} {
			t.Run(fmt.Sprint(skew, life), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newScene(t, broker.Options{Now: func() time.Time { return time.Now().Add(skew) }})
					s.upstream.life = life
					delivered := 0
					for i := range 24 * 60 {
						if i%97 < 40 && i > 97 {
							s.upstream.set(away)
						} else {
							s.upstream.set(nil)
						}
						got, err := s.ask(t, "team/app")
						if err == nil {
							delivered++
							if !got.Credential.Expires.After(time.Now()) {
								t.Fatalf("minute %d: delivered a credential that expired at %v", i, got.Credential.Expires)
							}
						}
						pass(time.Minute)
						synctest.Wait()
					}
					if delivered < 24*60/2 {
						t.Errorf("%d of %d asks were served: the test proves little", delivered, 24*60)
					}
				})
			})
		}
	}
}

func TestTooShortToServe(t *testing.T) {
	for _, life := range []time.Duration{-time.Hour, 0, time.Minute} {
		s := newScene(t, broker.Options{})
		s.upstream.life = life
		if got, err := s.ask(t, "team/app"); !pullpass.IsKind(err, pullpass.Unavailable) || !got.Credential.Secret.Empty() {
			t.Errorf("a credential of %v: %+v, %v, want Unavailable", life, got, err)
		}
	}
}

func TestFailuresAreRememberedForAMoment(t *testing.T) {
	for _, test := range []struct {
		kind        pullpass.Kind
		least, most time.Duration // how long nobody asks again
	}{
		{pullpass.Denied, 5 * time.Second, 5 * time.Second},
		{pullpass.Limited, time.Second, 5 * time.Second},
		{pullpass.Unavailable, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, broker.Options{})
			s.upstream.set(&pullpass.Error{Kind: test.kind, What: "no"})
			begun := time.Now()
			for s.upstream.calls.Load() < 2 {
				if _, err := s.ask(t, "team/app"); !pullpass.IsKind(err, test.kind) {
					t.Fatalf("ask = %v, want %s", err, test.kind)
				}
				if s.upstream.calls.Load() < 2 {
					pass(10 * time.Millisecond)
				}
			}
			if d := time.Since(begun); d < test.least || d > test.most+20*time.Millisecond {
				t.Errorf("%s was asked again after %v, want %v to %v", test.kind, d, test.least, test.most)
			}
			s.upstream.set(nil)
			pass(6 * time.Second)
			if _, err := s.ask(t, "team/app"); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestRevokedUpstream: what AWS takes away is gone at the next refresh, though
// the credential in the cache would be good for longer.
func TestRevokedUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, broker.Options{})
		if _, err := s.ask(t, "team/app"); err != nil {
			t.Fatal(err)
		}
		s.upstream.set(&pullpass.Error{Kind: pullpass.Denied, What: "the role is gone"})
		pass(7 * time.Hour)
		_, _ = s.ask(t, "team/app") // starts the refresh
		synctest.Wait()
		if _, err := s.ask(t, "team/app"); !pullpass.IsKind(err, pullpass.Denied) {
			t.Errorf("after a denied refresh = %v, want Denied", err)
		}
	})
}

func TestHerdIsOneCall(t *testing.T) {
	s := newScene(t, broker.Options{})
	s.upstream.gate, s.upstream.entered = make(chan struct{}), make(chan struct{}, 1)
	const herd = 1000
	first, cancelFirst := context.WithCancel(t.Context())
	results := make(chan error, herd)
	ask := func(ctx context.Context) {
		_, err := s.broker.Issue(ctx, s.asDeveloper(), broker.Ask{Host: ecrHost, Repository: "team/app"})
		results <- err
	}
	go ask(first)
	<-s.upstream.entered // the first one's call is on its way
	for range herd - 1 {
		go ask(t.Context())
	}
	cancelFirst()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("the first = %v, want Canceled", err)
	}
	close(s.upstream.gate)
	for range herd - 1 {
		if err := <-results; err != nil {
			t.Errorf("a waiter = %v, want a credential", err)
		}
	}
	if n := s.upstream.calls.Load(); n != 1 {
		t.Errorf("%d upstream calls for %d asks, want 1", n, herd)
	}
	if n := len(s.journal.all()); n != herd {
		t.Errorf("%d events, want %d", n, herd)
	}
}

func TestManyAsksFewKeys(t *testing.T) {
	s := newScene(t, broker.Options{})
	const asks, keys, workers = 10_000, 50, 256
	var wg sync.WaitGroup
	next := make(chan int)
	for range workers {
		wg.Go(func() {
			for i := range next {
				if _, err := s.ask(t, fmt.Sprintf("team/app%d", i%keys)); err != nil {
					t.Errorf("ask %d: %v", i, err)
				}
			}
		})
	}
	for i := range asks {
		next <- i
	}
	close(next)
	wg.Wait()
	if n := s.upstream.calls.Load(); n != keys {
		t.Errorf("%d upstream calls, want %d", n, keys)
	}
	if st := s.broker.Stats(); st.Mints != keys || st.Entries != keys {
		t.Errorf("Stats = %+v, want %d mints and entries", st, keys)
	}
}

func TestCacheIsBounded(t *testing.T) {
	s := newScene(t, broker.Options{MaxEntries: 10})
	for i := range 100 {
		if _, err := s.ask(t, fmt.Sprintf("team/app%d", i)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ask(t, "team/app0"); err != nil { // in use all the time
			t.Fatal(err)
		}
	}
	if n := s.broker.Stats().Entries; n != 10 {
		t.Errorf("%d entries, want 10", n)
	}
	if n := s.upstream.calls.Load(); n != 100 {
		t.Errorf("%d upstream calls, want 100: what is in use stays", n)
	}
}

func TestBucketsPaceEachAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, broker.Options{})
		paced := &pacing{upstream: s.upstream}
		b, err := broker.New(broker.Options{Store: s.store, Auditor: s.journal, AWS: paced})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				if _, err := b.Issue(t.Context(), s.asDeveloper(), broker.Ask{Host: ecrHost, Repository: fmt.Sprintf("team/app%d", i)}); err != nil {
					t.Errorf("ask %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		for service, perSecond := range map[broker.Service]int{broker.ServiceSTS: 4, broker.ServiceECR: 10} {
			calls := paced.calls(service)
			for i := range calls { // any second, wherever it begins: the rate and one burst of it
				n := 0
				for _, at := range calls[i:] {
					if at.Sub(calls[i]) < time.Second {
						n++
					}
				}
				if n > 2*perSecond {
					t.Errorf("%s was called %d times in one second, want at most %d", service, n, 2*perSecond)
				}
			}
			if span := calls[len(calls)-1].Sub(calls[0]); service == broker.ServiceSTS && span < 13*time.Second {
				t.Errorf("60 calls of STS took %v, at 4 a second they take 14 s", span)
			}
		}
	})
}

func TestTooLongAQueueIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, broker.Options{})
		b, err := broker.New(broker.Options{Store: s.store, Auditor: s.journal, AWS: &pacing{upstream: s.upstream}})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		var limited, issued int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				_, err := b.Issue(t.Context(), s.asDeveloper(), broker.Ask{Host: ecrHost, Repository: fmt.Sprintf("team/app%d", i)})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					issued++
				case pullpass.IsKind(err, pullpass.Limited):
					limited++
				default:
					t.Errorf("ask %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if issued < 100 || limited == 0 {
			t.Errorf("%d issued and %d told to come back, want 4 a second for 30 s and the rest told", issued, limited)
		}
	})
}

// pacing asks for its turn as the AWS minter does, and keeps the times.
type pacing struct {
	upstream *upstream
	mu       sync.Mutex
	times    map[broker.Service][]time.Time
}

func (p *pacing) Mint(ctx context.Context, r broker.MintRequest) (broker.Minted, error) {
	for _, s := range []broker.Service{broker.ServiceSTS, broker.ServiceECR} {
		if err := r.Wait(ctx, s); err != nil {
			return broker.Minted{}, err
		}
		p.mu.Lock()
		if p.times == nil {
			p.times = map[broker.Service][]time.Time{}
		}
		p.times[s] = append(p.times[s], time.Now())
		p.mu.Unlock()
	}
	return p.upstream.Mint(ctx, r)
}

func (p *pacing) calls(s broker.Service) []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times[s]
}

func BenchmarkIssueCached(b *testing.B) {
	s := newScene(b, broker.Options{Auditor: discard{}})
	e := s.environment(ecrHost+"/team/app:1", ecrHost+"/team/db:1")
	caller, ask := s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"}
	if _, err := s.broker.Issue(b.Context(), caller, ask); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if got, err := s.broker.Issue(b.Context(), caller, ask); err != nil || !got.Cached {
				b.Fatalf("Issue = %+v, %v, want a hit", got, err)
			}
		}
	})
}

type discard struct{}

func (discard) Record(context.Context, pullpass.Event) error { return nil }
