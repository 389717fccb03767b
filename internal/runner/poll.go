package runner

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/pullpass/pullpass"
)

// pollFloor keeps a server that answers at once from being asked in a tight loop.
const pollFloor = 200 * time.Millisecond

// poll asks the server what is wanted and hands it to the workers, until ctx is
// done or the server does not know this runner any more.
func (r *Runner) poll(ctx context.Context) error {
	retry := r.backoff()
	var seen Wanted
	for ctx.Err() == nil {
		began := time.Now()
		wanted, err := r.o.Server.Wanted(ctx, seen.State)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it ended because we are done
		case pullpass.IsKind(err, pullpass.Unauthenticated):
			return err
		case err != nil:
			r.o.Log.WarnContext(ctx, "asking for wanted environments failed", "error", err)
			sleep(ctx, retry.NextBackOff())
			continue
		}
		retry.Reset()
		if wanted.Unchanged {
			wanted.Environments = seen.Environments
			r.correct(wanted.Reported)
		} else {
			r.try(ctx, wanted.Trials)
		}
		r.adopt(ctx, wanted.Environments)
		seen = wanted
		sleep(ctx, pollFloor-time.Since(began))
	}
	return nil
}

// adopt gives each wanted environment to its worker, and tells the workers of the
// others that theirs is gone.
func (r *Runner) adopt(ctx context.Context, wanted []pullpass.Environment) {
	known := make(map[pullpass.EnvironmentID]bool, len(wanted))
	for _, e := range wanted {
		known[e.ID] = true
		r.worker(ctx, e).want(e)
	}
	r.each(func(w *worker) {
		if !known[w.id] {
			w.forget()
		}
	})
	if r.sweep.Swap(false) {
		r.removeUnknown(ctx, known)
	}
}

// removeUnknown gives containers of environments that the server does not have,
// left by a predecessor perhaps, to workers that remove them.
func (r *Runner) removeUnknown(ctx context.Context, known map[pullpass.EnvironmentID]bool) {
	there, err := r.o.Driver.List(ctx, "")
	if err != nil {
		r.sweep.Store(true)
		r.o.Log.WarnContext(ctx, "listing containers failed", "error", err)
		return
	}
	for _, a := range there {
		if known[a.Environment] {
			continue
		}
		known[a.Environment] = true
		r.o.Log.InfoContext(ctx, "removing containers of an environment that the server does not have", "environment", a.Environment)
		r.worker(ctx, pullpass.Environment{ID: a.Environment, Organization: a.Organization}).forget()
	}
}

// worker returns the environment's worker, and starts one if there is none.
func (r *Runner) worker(ctx context.Context, e pullpass.Environment) *worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.workers[e.ID]; w != nil {
		return w
	}
	w := newWorker(r, e)
	r.workers[e.ID] = w
	r.wg.Go(func() { w.run(ctx) })
	return w
}

// leave is a worker's last act: the environment is gone.
func (r *Runner) leave(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.workers, w.id)
}

func (r *Runner) backoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = r.o.RetryMin, r.o.RetryMax, 2
	b.Reset()
	return b
}

// sleep reports whether the time passed before ctx was done.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter spreads a period by ±10 %, so that runners started together do not ask
// together for ever.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d)) //nolint:gosec // spreads load, hides nothing
}
