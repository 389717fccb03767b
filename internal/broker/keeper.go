package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
)

// flightTime bounds one upstream call with its waiting and its retries.
const flightTime = time.Minute

// Keeper holds what was minted while it is good, refreshes it before it ends, and
// makes one upstream call of those that are wanted at the same time. It decides
// nothing: whoever asks it has been authorized.
type Keeper struct {
	coordinator Coordinator
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

// NewKeeper returns a keeper of at most entries credentials. The coordinator may
// be nil; Close ends what is done in the background.
func NewKeeper(coordinator Coordinator, now func() time.Time, entries int) *Keeper {
	k := &Keeper{coordinator: coordinator, now: now, cache: newCache(entries), flights: make(map[Key]*flight)}
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
	Mint func(context.Context) (Minted, error)
	// Alone says that other servers are not asked: it costs nothing upstream.
	Alone bool
}

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
	k.flights[key] = f
	k.running.Add(1)
	go func() {
		defer k.running.Done()
		ctx, cancel := context.WithTimeout(k.life, flightTime)
		defer cancel()
		m, err := k.upstream(ctx, key, from)
		k.mu.Lock()
		f.err = k.cache.settle(key, m, err, k.now())
		if f.err == nil {
			f.minted = m
		}
		delete(k.flights, key)
		k.mu.Unlock()
		close(f.done)
	}()
	return f
}

func (k *Keeper) upstream(ctx context.Context, key Key, from Source) (Minted, error) {
	mint := func(ctx context.Context) (Minted, error) {
		k.stats.mints.Add(1)
		return from.Mint(ctx)
	}
	if k.coordinator == nil || from.Alone {
		return mint(ctx)
	}
	return k.coordinator.Once(ctx, key, mint)
}
