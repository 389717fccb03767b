package broker_test

import (
	"context"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// board is what the store shares between servers, in memory and on the test's
// clock; storetest shows that both databases do the same.
type board struct {
	mu       sync.Mutex
	rows     map[boardKey]*boardRow
	emptyAt  map[broker.Bucket]time.Time
	watchers map[boardKey][]chan struct{}
	deaf     bool // nobody is told of a change
	claims   int
}

type boardKey struct {
	org pullpass.OrganizationID
	key string
}

type boardRow struct {
	lease, version, failed              int64
	leaseUntil, refresh, serve, failure time.Time
	outcome                             broker.Outcome
	reason                              string
}

func newBoard() *board {
	return &board{rows: map[boardKey]*boardRow{}, emptyAt: map[broker.Bucket]time.Time{}, watchers: map[boardKey][]chan struct{}{}}
}

func (b *board) Claim(_ context.Context, org pullpass.OrganizationID, key broker.Key, c broker.Claim) (broker.Claimed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claims++
	at, now := boardKey{org, key.String()}, time.Now()
	if b.rows[at] == nil {
		b.rows[at] = &boardRow{}
	}
	r := b.rows[at]
	switch {
	case r.version != 0 && r.version != c.Have && r.serve.After(now):
		return broker.Claimed{Version: r.version, Minted: r.outcome.Minted, Refresh: r.refresh.Sub(now), Serve: r.serve.Sub(now)}, nil
	case r.failed != 0 && (r.failed == c.Waited || r.failure.After(now)):
		return broker.Claimed{Failure: r.reason, FailureLasts: max(0, r.failure.Sub(now))}, nil
	case r.leaseUntil.After(now):
		return broker.Claimed{Busy: r.lease, BusyFor: r.leaseUntil.Sub(now)}, nil
	}
	r.lease = max(r.lease+1, now.UnixMicro())
	r.leaseUntil = now.Add(c.Length)
	return broker.Claimed{Lease: r.lease}, nil
}

func (b *board) RenewLease(_ context.Context, org pullpass.OrganizationID, key broker.Key, lease int64, length time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.rows[boardKey{org, key.String()}]; r.lease == lease && !r.leaseUntil.IsZero() {
		r.leaseUntil = time.Now().Add(length)
	}
	return nil
}

func (b *board) HandOver(_ context.Context, org pullpass.OrganizationID, key broker.Key, lease int64, o broker.Outcome) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, now := boardKey{org, key.String()}, time.Now()
	r := b.rows[at]
	if r.lease != lease {
		return nil
	}
	r.leaseUntil = time.Time{}
	switch {
	case !o.Minted.Empty():
		r.version, r.outcome, r.refresh, r.serve, r.failed, r.failure = lease, o, now.Add(o.Refresh), now.Add(o.Serve), 0, time.Time{}
	case o.Failure != "":
		r.failed, r.reason, r.failure = lease, o.Failure, now.Add(o.FailureLasts)
	}
	if o.Revoked {
		r.version = 0
	}
	if !b.deaf {
		for _, w := range b.watchers[at] {
			select {
			case w <- struct{}{}:
			default:
			}
		}
	}
	return nil
}

func (b *board) Watch(ctx context.Context, org pullpass.OrganizationID, keys ...string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, w := boardKey{org, keys[0]}, make(chan struct{}, 1)
	b.watchers[at] = append(b.watchers[at], w)
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, other := range b.watchers[at] {
			if other == w {
				b.watchers[at] = append(b.watchers[at][:i:i], b.watchers[at][i+1:]...)
				break
			}
		}
		close(w)
	})
	return w
}

func (b *board) TakeTurn(_ context.Context, at broker.Bucket, p broker.Pace, longest time.Duration) (broker.Turn, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, empty := time.Now(), b.emptyAt[at]
	if empty.Before(now) {
		empty = now
	}
	empty = empty.Add(p.Every)
	wait := empty.Sub(now) - p.Tolerance()
	if wait > longest {
		return broker.Turn{}, false, nil
	}
	b.emptyAt[at] = empty
	return broker.Turn{Wait: max(0, wait), Mark: empty.UnixMicro()}, true, nil
}

func (b *board) ReturnTurn(_ context.Context, at broker.Bucket, p broker.Pace, t broker.Turn) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if empty := b.emptyAt[at]; empty.UnixMicro() == t.Mark {
		b.emptyAt[at] = empty.Add(-p.Every)
	}
	return nil
}

// killed is a server's view of the board after SIGKILL: what it says is not heard.
type killed struct{ *board }

func (killed) RenewLease(context.Context, pullpass.OrganizationID, broker.Key, int64, time.Duration) error {
	return nil
}

func (killed) HandOver(context.Context, pullpass.OrganizationID, broker.Key, int64, broker.Outcome) error {
	return nil
}

var _ broker.Shared = (*board)(nil)
