package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pullpass/pullpass"
)

// ActionPrune is what the removal of old records is recorded as.
const ActionPrune = "audit.prune"

// pruneEvery is how often old records are looked for.
const pruneEvery = time.Hour

// Pruned is the store of a Retention.
type Pruned interface {
	Organizations(context.Context, pullpass.Page) (pullpass.List[pullpass.Organization], error)
	// TakeChore reports whether the chore is due and this server's to do.
	TakeChore(ctx context.Context, chore string, every time.Duration) (bool, error)
	// Prunable reports whether PruneEvents would remove anything.
	Prunable(ctx context.Context, org pullpass.OrganizationID, before time.Time) (bool, error)
	PruneEvents(ctx context.Context, org pullpass.OrganizationID, before time.Time) (cut Head, removed int64, err error)
}

// Retention removes the records of all organizations that are older than Keep, each
// time with a signed cut and a record that says so, first.
type Retention struct {
	Store Pruned
	Door  interface { // records the prune
		Record(context.Context, pullpass.Event) error
	}
	Keep   time.Duration
	Now    func() time.Time
	Logger *slog.Logger
}

// Run prunes now and then until ctx ends.
func (r Retention) Run(ctx context.Context) {
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		if err := r.Turn(ctx); err != nil && ctx.Err() == nil {
			r.Logger.Warn("removing old audit records failed; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Turn prunes if that is due and no other server on the same database does it: each
// would record it.
func (r Retention) Turn(ctx context.Context) error {
	due, err := r.Store.TakeChore(ctx, "prune the audit log", pruneEvery)
	if err != nil || !due {
		return err
	}
	return r.Prune(ctx)
}

// Prune prunes once. An organization whose log cannot be pruned keeps no other
// from it.
func (r Retention) Prune(ctx context.Context) error {
	var failed []error
	page := pullpass.Page{Limit: pullpass.MaxPage}
	for {
		l, err := r.Store.Organizations(ctx, page)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, o := range l.Items {
			if err := r.prune(ctx, o.ID); err != nil {
				failed = append(failed, fmt.Errorf("organization %s: %w", o.ID, err))
			}
		}
		if page.After = l.Next; l.Next == "" {
			return errors.Join(failed...)
		}
	}
}

func (r Retention) prune(ctx context.Context, org pullpass.OrganizationID) error {
	now := r.Now()
	before := now.Add(-r.Keep)
	some, err := r.Store.Prunable(ctx, org, before)
	if err != nil || !some {
		return err
	}
	e := pullpass.Event{
		Organization: org, At: now, Action: ActionPrune, Decision: pullpass.DecisionAllowed, Reason: "retention",
		Detail: map[string]string{"before": before.UTC().Format(time.RFC3339)},
	}
	if err := r.Door.Record(ctx, e); err != nil {
		return err
	}
	if _, _, err = r.Store.PruneEvents(ctx, org, before); err == nil {
		return nil
	}
	e.At, e.Decision = r.Now(), pullpass.DecisionFailed
	return errors.Join(err, r.Door.Record(ctx, e))
}
