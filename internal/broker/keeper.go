package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
)

// flightTime bounds one upstream call with its waiting and its retries: below the
// half minute for which our own client waits, so that whoever asked is told.
const flightTime = 25 * time.Second

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
	renewed map[Key]time.Time // when a refused credential was last asked for anew
}

// NewKeeper returns a keeper of at most entries credentials. Without handovers it
// is the only one that mints; Close ends what is done in the background.
func NewKeeper(shared Handovers, now func() time.Time, entries int) *Keeper {
	k := &Keeper{now: now, cache: newCache(entries), flights: make(map[Key]*flight), renewed: make(map[Key]time.Time)}
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
	Mint         func(ctx context.Context, fresh bool) (Minted, error)
	// Refused is the fingerprint of a credential that is not to be given once more.
	Refused string
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
	e := k.cache.get(key, now)
	fresh := e != nil && k.refused(key, e, from, now)
	if e != nil && !fresh {
		if e.err == nil && !now.Before(e.life.refresh) && k.flights[key] == nil {
			k.start(key, from, false)
		}
		m, err = e.minted, e.err
		k.mu.Unlock()
		k.stats.hits.Add(1)
		return m, true, err
	}
	f := k.flights[key]
	if f == nil {
		f = k.start(key, from, fresh)
	}
	k.mu.Unlock()
	select {
	case <-f.done:
		return f.minted, false, f.err
	case <-ctx.Done():
		return Minted{}, false, &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "issue_abandoned",
			What:  "cannot issue a credential",
			Cause: "the request ended before the answer came",
			Err:   ctx.Err(),
		}
	}
}

// renewEvery is how often a refused credential is asked for anew: where the policy is
// at fault, a new one is refused, too, and each pull would cost a call.
const renewEvery = time.Minute

// refused reports whether what is kept is what the caller's registry does not take,
// and notes that it is renewed. It goes on being served to others until there is a new
// one. The lock is held.
func (k *Keeper) refused(key Key, e *entry, from Source, now time.Time) bool {
	if from.Refused == "" || e.err != nil || e.minted.Credential.Fingerprint() != from.Refused {
		return false
	}
	if k.flights[key] == nil {
		if last, ok := k.renewed[key]; ok && now.Sub(last) < renewEvery {
			return false
		}
		for old, at := range k.renewed {
			if now.Sub(at) >= renewEvery {
				delete(k.renewed, old)
			}
		}
		k.renewed[key] = now
	}
	return true
}

// start begins a flight. It belongs to the keeper, not to whoever asked first:
// that one may go away, and the others still get their answer. The lock is held.
func (k *Keeper) start(key Key, from Source, fresh bool) *flight {
	f := &flight{done: make(chan struct{})}
	if k.closed {
		f.err = &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "stopping",
			What:  "cannot issue a credential",
			Cause: "the server is stopping",
		}
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
		out := k.upstream(ctx, key, from, standing, fresh)
		k.mu.Lock()
		k.cache.settle(key, out, k.now())
		f.minted, f.err = out.minted, out.err
		delete(k.flights, key)
		k.mu.Unlock()
		close(f.done)
	}()
	return f
}

func (k *Keeper) upstream(ctx context.Context, key Key, from Source, standing *entry, fresh bool) outcome {
	mint := func(ctx context.Context) outcome { return k.mint(ctx, from, standing == nil, fresh) }
	if k.coordinator == nil || from.Alone {
		return mint(ctx)
	}
	var have int64
	if standing != nil {
		have = standing.version
	}
	return k.coordinator.once(ctx, from.Organization, key, have, mint)
}

func (k *Keeper) mint(ctx context.Context, from Source, first, fresh bool) outcome {
	k.stats.mints.Add(1)
	m, err := from.Mint(ctx, fresh)
	if err != nil {
		return failed(err)
	}
	life, ok := lifetimeOf(m.Credential, k.now(), first)
	if !ok {
		return failed(
			&pullpass.Error{Kind: pullpass.Unavailable, Code: "credential_too_short", What: "cannot issue a credential",
				Cause: "the credential that AWS returned has expired or is about to", Hint: "check this machine's clock, and the session length of the integration's roles"},
		)
	}
	return outcome{minted: m, life: life}
}
