package webhook

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// Store is where hooks and records are.
type Store interface {
	// ClaimWebhook gives one hook that has records to deliver and is due to whoever
	// asks first, for as long as it says; ok is false when there is none.
	ClaimWebhook(ctx context.Context, holder string, until time.Time) (h Hook, ok bool, err error)
	// WebhookDelivered moves the position and frees the hook; WebhookFailed says
	// when to try again. Both do nothing for a hook that was set anew or that
	// another holds.
	WebhookDelivered(ctx context.Context, h Hook, holder string, sequence int64) error
	WebhookFailed(ctx context.Context, h Hook, holder string) error
	Events(
		context.Context,
		pullpass.OrganizationID,
		pullpass.EventFilter,
		pullpass.Page,
	) (pullpass.List[pullpass.Event], error)
}

// Options of a deliverer; Store and Sender are required.
type Options struct {
	Store    Store
	Sender   Sender
	Logger   *slog.Logger  // nil: no log
	Every    time.Duration // how often it looks for records: 1 s
	Workers  int           // hooks served at the same time: 4
	Batch    int           // records in one request: 100
	Patience time.Duration // failing for so long, a hook is paused: 24 h
}

// Deliverer carries records to hooks. Each server has one; leases keep them apart.
type Deliverer struct {
	o      Options
	holder string
}

// New makes a deliverer.
func New(o Options) *Deliverer {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Sender.Now == nil {
		o.Sender.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Batch <= 0 {
		o.Batch = 100
	}
	if o.Patience <= 0 {
		o.Patience = 24 * time.Hour
	}
	return &Deliverer{
		o:      o,
		holder: "server-" + strconv.FormatUint(rand.Uint64(), 36), //nolint:gosec // a name, not a secret
	}
}

const (
	lease        = time.Minute
	firstPause   = time.Second
	longestPause = 10 * time.Minute
)

// Run delivers until ctx ends.
func (d *Deliverer) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for i := range d.o.Workers {
		workers.Go(func() { d.work(ctx, d.holder+"-"+strconv.Itoa(i)) })
	}
	workers.Wait()
}

func (d *Deliverer) work(ctx context.Context, holder string) {
	for ctx.Err() == nil {
		served, err := d.Once(ctx, holder)
		if err != nil && ctx.Err() == nil {
			d.o.Logger.LogAttrs(ctx, slog.LevelWarn, "audit records not delivered", slog.String("error", err.Error()))
		}
		if served && err == nil {
			continue
		}
		timer := time.NewTimer(d.o.Every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// Once serves one hook with one batch, if one is due. The error is the store's;
// what the receiver does wrong is kept with the hook.
func (d *Deliverer) Once(ctx context.Context, holder string) (served bool, err error) {
	h, ok, err := d.o.Store.ClaimWebhook(ctx, holder, d.o.Sender.Now().Add(lease))
	if err != nil || !ok {
		return false, err
	}
	records, err := d.o.Store.Events(ctx, h.Organization, pullpass.EventFilter{},
		pullpass.Page{After: strconv.FormatInt(h.Delivered, 10), Limit: d.o.Batch})
	if err != nil {
		return true, err
	}
	last := h.Delivered
	if len(records.Items) > 0 {
		last = records.Items[len(records.Items)-1].Sequence
		if err := d.o.Sender.Send(ctx, h, Delivery{Organization: h.Organization, Events: records.Items}); err != nil {
			return true, d.failed(ctx, h, holder, err)
		}
	}
	if h.Failures > 0 {
		d.o.Logger.LogAttrs(ctx, slog.LevelInfo, "audit records are delivered again", slog.String("organization", string(h.Organization)))
	}
	return true, d.o.Store.WebhookDelivered(context.WithoutCancel(ctx), h, holder, last)
}

// failed notes the failure and when to try again: later each time, and at last
// not at all.
func (d *Deliverer) failed(ctx context.Context, h Hook, holder string, problem error) error {
	if ctx.Err() != nil {
		return ctx.Err() // the server stops; the lease runs out
	}
	now := d.o.Sender.Now()
	if h.Failures == 0 {
		h.FailingSince = now
	}
	pause := min(firstPause<<min(h.Failures, 10), longestPause)
	h.Failures++
	h.Problem = ProblemOf(problem)
	h.NextAt = now.Add(pause/2 + rand.N(pause/2)) //nolint:gosec // spreads retries, decides nothing
	h.Paused = now.Sub(h.FailingSince) >= d.o.Patience
	if h.Failures == 1 || h.Paused { // once for each state
		d.o.Logger.LogAttrs(ctx, slog.LevelWarn, "the audit webhook takes no records", slog.String("organization", string(h.Organization)),
			slog.String("problem", h.Problem), slog.Bool("paused", h.Paused))
	}
	return d.o.Store.WebhookFailed(ctx, h, holder)
}

// ProblemOf is what a hook says of a failed delivery: what and why, in our words.
func ProblemOf(err error) string {
	var known *pullpass.Error
	if !errors.As(err, &known) {
		return "the audit records could not be sent"
	}
	if known.Cause == "" {
		return known.What
	}
	return known.What + ": " + known.Cause
}
