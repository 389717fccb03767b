// Package retention removes what was deleted, or has expired, once it has been kept
// long enough for people to look at it.
//
// The one idea: of all servers on one database one does it, when it is due.
//
//	retention.Purger{Store: db, Keep: 30 * 24 * time.Hour, Now: time.Now, Logger: log}.Run(ctx)
package retention

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// every is how often old things are looked for.
const every = time.Hour

// Store holds what is removed.
type Store interface {
	// TakeChore reports whether the chore is due and this server's to do.
	TakeChore(ctx context.Context, chore string, every time.Duration) (bool, error)
	// Purge removes what was over before a time, and returns how many of each kind
	// went, also when it fails.
	Purge(ctx context.Context, before time.Time) (map[string]int64, error)
}

// Purger removes what has been deleted or expired for longer than Keep.
type Purger struct {
	Store  Store
	Keep   time.Duration
	Now    func() time.Time
	Logger *slog.Logger
	// Count is told how many of a kind went; nil counts nothing.
	Count func(kind string, n int64)
}

// Run purges now and then until ctx ends.
func (p Purger) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := p.Turn(ctx); err != nil && ctx.Err() == nil {
			p.Logger.Warn("removing what was deleted or has expired failed; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Turn purges if that is due and no other server does it.
func (p Purger) Turn(ctx context.Context) error {
	due, err := p.Store.TakeChore(ctx, "purge", every)
	if err != nil || !due {
		return err
	}
	gone, err := p.Store.Purge(ctx, p.Now().Add(-p.Keep))
	var counts []any
	for _, kind := range slices.Sorted(maps.Keys(gone)) {
		if n := gone[kind]; n > 0 {
			counts = append(counts, kind, n)
			if p.Count != nil {
				p.Count(kind, n)
			}
		}
	}
	if len(counts) > 0 {
		p.Logger.Info("removed what was deleted or had expired", counts...)
	}
	return err
}
