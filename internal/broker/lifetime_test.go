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

// fleets are the servers with which each of these simulations is run: how far off
// their clocks are. One alone coordinates with nobody.
var fleets = [][]time.Duration{{0}, {-time.Minute}, {time.Minute}, {-time.Minute, time.Minute}, {0, time.Minute, -time.Minute}}

// newFleet returns servers and how to ask one after the other.
func newFleet(t *testing.T, life time.Duration, clocks []time.Duration) (*servers, func(i int) (broker.Issued, error)) {
	t.Helper()
	s := newServers(t, nil)
	for _, off := range clocks {
		o := broker.Options{AWS: s.upstream, Auditor: discard{}, Now: func() time.Time { return time.Now().Add(off) }}
		if len(clocks) > 1 {
			o.Shared = s.board
		}
		s.add(t, o)
	}
	s.upstream.life = life
	return s, func(i int) (broker.Issued, error) { return s.at(t.Context(), i%len(s.all), "team/app") }
}

// TestOutagePassesUnnoticed lets the upstream fail for a while at every point of a
// credential's life, and asks every 20 seconds: no cached get fails.
func TestOutagePassesUnnoticed(t *testing.T) {
	for _, test := range []struct{ life, outage time.Duration }{
		{12 * time.Hour, time.Hour},
		{3 * time.Hour, time.Hour},
		{time.Hour, 15 * time.Minute},
		{15 * time.Minute, 3 * time.Minute},
	} {
		for _, clocks := range fleets {
			t.Run(fmt.Sprint(test.life, test.outage, clocks), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { outagePasses(t, test.life, test.outage, clocks) })
			})
		}
	}
}

func outagePasses(t *testing.T, life, outage time.Duration, clocks []time.Duration) {
	t.Helper()
	s, ask := newFleet(t, life, clocks)
	const step = 20 * time.Second
	rounds := 3 * int(life/step)
	down, up := 0, 0
	for i := range rounds {
		switch { // the outage comes around every 1.37 lives, and so at many ages
		case i == down+int(life/step*137/100):
			s.upstream.set(away)
			down = i
			up = i + int(outage/step)
		case i == up:
			s.upstream.set(nil)
		}
		for server := range clocks {
			got, err := ask(server)
			if err != nil {
				t.Fatalf("after %v, server %d: %v", time.Duration(i)*step, server, err)
			}
			if !got.Credential.ValidFor(time.Minute, time.Now()) {
				t.Fatalf("after %v: the credential expires at %v, it is %v", time.Duration(i)*step, got.Credential.Expires, time.Now())
			}
		}
		pass(step)
		synctest.Wait()
	}
	if down == 0 {
		t.Error("there was no outage: the test proves nothing")
	}
}

// TestWorstOutage begins each outage in the very moment in which the refresh is
// tried, the worst that can happen. It does so to a later credential, too: the
// first one's refresh may come early.
func TestWorstOutage(t *testing.T) {
	for _, test := range []struct{ life, outage time.Duration }{
		{12 * time.Hour, time.Hour}, {3 * time.Hour, time.Hour}, {time.Hour, 15 * time.Minute},
	} {
		for round := range 4 { // the refresh's time is spread at random
			for _, clocks := range fleets {
				synctest.Test(t, func(t *testing.T) { worstOutage(t, test.life, test.outage, clocks, int64(round%3)) })
			}
		}
	}
}

func worstOutage(t *testing.T, life, outage time.Duration, clocks []time.Duration, refreshes int64) {
	t.Helper()
	s, ask := newFleet(t, life, clocks)
	everywhere := func(when string) {
		t.Helper()
		for server := range clocks {
			if _, err := ask(server); err != nil {
				t.Fatalf("life %v, clocks %v, %s, server %d: %v", life, clocks, when, server, err)
			}
		}
	}
	everywhere("at first")
	until := func(calls int64) {
		for s.upstream.calls.Load() < calls {
			pass(life / 1440)
			everywhere("before the outage")
			synctest.Wait()
		}
	}
	until(1 + refreshes)
	s.upstream.set(away)
	until(2 + refreshes) // the refresh is tried, and fails
	for begun := time.Now(); time.Since(begun) < outage; pass(5 * time.Second) {
		everywhere(fmt.Sprint(time.Since(begun), " into the outage"))
	}
	s.upstream.set(nil)
	everywhere("after the outage")
	synctest.Wait()
}

// TestNothingExpiredInADay simulates 24 hours with our clocks off by a minute
// either way, sessions of several lengths and an upstream that fails now and
// then: what is delivered is good by AWS's clock.
func TestNothingExpiredInADay(t *testing.T) {
	for _, clocks := range fleets {
		for _, life := range []time.Duration{15 * time.Minute, time.Hour, 12 * time.Hour} {
			t.Run(fmt.Sprint(clocks, life), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { nothingExpired(t, life, clocks) })
			})
		}
	}
}

func nothingExpired(t *testing.T, life time.Duration, clocks []time.Duration) {
	t.Helper()
	s, ask := newFleet(t, life, clocks)
	delivered := 0
	for i := range 24 * 60 {
		if i%97 < 40 && i > 97 {
			s.upstream.set(away)
		} else {
			s.upstream.set(nil)
		}
		for server := range clocks {
			got, err := ask(server)
			if err != nil {
				continue
			}
			delivered++
			if !got.Credential.Expires.After(time.Now()) {
				t.Fatalf("minute %d: delivered a credential that expired at %v", i, got.Credential.Expires)
			}
		}
		pass(time.Minute)
		synctest.Wait()
	}
	if delivered < len(clocks)*24*60/2 {
		t.Errorf("%d of %d asks were served: the test proves little", delivered, len(clocks)*24*60)
	}
}

// TestRefreshesAreSpread issues 1,000 keys in one moment, on one server and on
// three, and looks at 24 hours: the busiest half hour sees at most twice the mean.
func TestRefreshesAreSpread(t *testing.T) {
	for _, clocks := range [][]time.Duration{{0}, {0, 0, 0}} {
		t.Run(fmt.Sprint(len(clocks)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refreshesAreSpread(t, clocks) })
		})
	}
}

func refreshesAreSpread(t *testing.T, clocks []time.Duration) {
	t.Helper()
	s, _ := newFleet(t, 12*time.Hour, clocks)
	const keys, steps, perBin = 1000, 24 * 6, 3
	ask := func(step int) {
		for k := range keys {
			if _, err := s.at(t.Context(), (k+step)%len(s.all), fmt.Sprintf("team/app%d", k)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
	}
	for i := range clocks { // each server has them all
		ask(i)
	}
	if n := s.upstream.calls.Load(); n != keys {
		t.Fatalf("%d calls for the first time, want %d", n, keys)
	}
	bins := make([]int, steps/perBin)
	before := s.upstream.calls.Load()
	for i := range steps {
		pass(10 * time.Minute)
		ask(i)
		now := s.upstream.calls.Load()
		bins[i/perBin] += int(now - before)
		before = now
	}
	most, total := 0, 0
	for _, n := range bins {
		most, total = max(most, n), total+n
	}
	if mean := float64(total) / float64(len(bins)); float64(most) > 2*mean || total < 3*keys || total > 6*keys {
		t.Errorf("%d refreshes in 24 h, %d in the busiest half hour, want 3 to 6 a key and at most twice the mean, %.0f: %v", total, most, mean, bins)
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
		if issued < 80 || limited == 0 {
			t.Errorf("%d issued and %d told to come back, want 4 a second for 20 s and the rest told", issued, limited)
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

// BenchmarkIssueCached is the hit path, alone and as one of several servers.
func BenchmarkIssueCached(b *testing.B) {
	for name, shared := range map[string]broker.Shared{"alone": nil, "shared": newBoard()} {
		b.Run(name, func(b *testing.B) {
			s := newScene(b, broker.Options{Auditor: discard{}, Shared: shared})
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
		})
	}
}

type discard struct{}

func (discard) Record(context.Context, pullpass.Event) error { return nil }
