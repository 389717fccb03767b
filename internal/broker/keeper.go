package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
)

// flightTime bounds one upstream call with its waiting and its retries: below the
// time that whoever asked has for the answer, so that they are told what failed.
const flightTime = 40 * time.Second

// Keeper holds what was minted while it is good, refreshes it before it ends, and
// makes one upstream call of those that are wanted at the same time. It decides
// nothing: whoever asks it has been authorized.
type Keeper struct {
	coordinator *coordinator // nil: no other server mints the same
	now         func() time.Time
	stats       struct{ hits, mints atomic.Int64 }

	life    context.Context // ends with Close: flights outlive those who asked
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	cache   *cache
	flights map[Key]*flight
}

// NewKeeper returns a keeper of at most entries credentials. Without handovers it
// is the only one that mints; Close ends what is done in the background.
func NewKeeper(shared Handovers, now func() time.Time, entries int) *Keeper {
	k := &Keeper{now: now, cache: newCache(entries), flights: make(map[Key]*flight)}
	if shared != nil {
		k.coordinator = &coordinator{shared: shared, now: now}
	}
	k.life, k.stop = context.WithCancel(context.Background())
	return k
}

// Close gives up what is under way and waits until it has ended.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.stop()
	k.running.Wait()
}

// Stats returns the counts since the keeper was made.
func (k *Keeper) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Stats{Hits: k.stats.hits.Load(), Mints: k.stats.mints.Load(), Entries: len(k.cache.entries)}
}

// Source is where a credential comes from that is not there yet.
type Source struct {
	Organization pullpass.OrganizationID // whose it is, where other servers are asked
	Mint         func(context.Context) (Minted, error)
	// Alone says that other servers are not asked: it costs nothing upstream.
	Alone bool
}

// outcome is what comes out of minting, here or on another server.
type outcome struct {
	minted  Minted
	life    lifetime
	version int64 // under which other servers know it; 0: they do not

	err     error
	refused time.Duration // how long err is the answer for everybody
}

func failed(err error) outcome { return outcome{err: err, refused: negativeLife(err)} }

// flight is one upstream call that everybody waits for who asks for the same.
type flight struct {
	done   chan struct{}
	minted Minted
	err    error
}

// Get answers from what is kept, or asks upstream.
func (k *Keeper) Get(ctx context.Context, key Key, from Source) (m Minted, cached bool, err error) {
	k.mu.Lock()
	now := k.now()
	if e := k.cache.get(key, now); e != nil {
		if e.err == nil && !now.Before(e.life.refresh) && k.flights[key] == nil {
			k.start(key, from)
		}
		m, err = e.minted, e.err
		k.mu.Unlock()
		k.stats.hits.Add(1)
		return m, true, err
	}
	f := k.flights[key]
	if f == nil {
		f = k.start(key, from)
	}
	k.mu.Unlock()
	select {
	case <-f.done:
		return f.minted, false, f.err
	case <-ctx.Done():
		return Minted{}, false, &pullpass.Error{Kind: pullpass.Unavailable, Code: "issue_abandoned", What: "cannot issue a credential",
			Cause: "the request ended before the answer came", Err: ctx.Err()}
	}
}

// start begins a flight. It belongs to the keeper, not to whoever asked first:
// that one may go away, and the others still get their answer. The lock is held.
func (k *Keeper) start(key Key, from Source) *flight {
	f := &flight{done: make(chan struct{})}
	if k.closed {
		f.err = &pullpass.Error{Kind: pullpass.Unavailable, Code: "stopping", What: "cannot issue a credential", Cause: "the server is stopping"}
		close(f.done)
		return f
	}
	standing := k.cache.get(key, k.now())
	if standing != nil && standing.err != nil {
		standing = nil
	}
	k.flights[key] = f
	k.running.Add(1)
	go func() {
		defer k.running.Done()
		ctx, cancel := context.WithTimeout(k.life, flightTime)
		defer cancel()
		out := k.upstream(ctx, key, from, standing)
		k.mu.Lock()
		k.cache.settle(key, out, k.now())
		f.minted, f.err = out.minted, out.err
		delete(k.flights, key)
		k.mu.Unlock()
		close(f.done)
	}()
	return f
}

func (k *Keeper) upstream(ctx context.Context, key Key, from Source, standing *entry) outcome {
	mint := func(ctx context.Context) outcome { return k.mint(ctx, from, standing == nil) }
	if k.coordinator == nil || from.Alone {
		return mint(ctx)
	}
	var have int64
	if standing != nil {
		have = standing.version
	}
	return k.coordinator.once(ctx, from.Organization, key, have, mint)
}

func (k *Keeper) mint(ctx context.Context, from Source, first bool) outcome {
	k.stats.mints.Add(1)
	m, err := from.Mint(ctx)
	if err != nil {
		return failed(err)
	}
	life, ok := lifetimeOf(m.Credential, k.now(), first)
	if !ok {
		return failed(&pullpass.Error{Kind: pullpass.Unavailable, Code: "credential_too_short", What: "cannot issue a credential",
			Cause: "what AWS gave is over already, or almost", Hint: "check this machine's clock, and the session length of the integration's roles"})
	}
	return outcome{minted: m, life: life}
}
