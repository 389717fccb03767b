package runner

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
)

// worker closes the difference for one environment: one thing at a time, until the
// environment is gone.
type worker struct {
	r    *Runner
	id   pullpass.EnvironmentID
	wake chan struct{} // holds at most one: something may have changed
	view *view
	out  *outputs

	reports atomic.Pointer[reporter] // once it runs

	mu     sync.Mutex
	wanted pullpass.Environment
	gone   bool               // the server does not list it
	wish   int                // counts changes of what is wanted
	abort  context.CancelFunc // of the attempt under way
	losses losses             // what may have ended without our seeing it
	stalls int                // pulls that ended for want of progress, in a row
}

func newWorker(r *Runner, e pullpass.Environment) *worker {
	return &worker{
		r: r, id: e.ID, wake: make(chan struct{}, 1),
		view: newView(r.o.ID, e), out: newOutputs(r.o.Server, r.o.Driver, e.ID, r.o.Log),
		wanted: e, losses: losses{unwatched: true},
	}
}

// poke makes the worker look again.
func (w *worker) poke() { signal(w.wake) }

// want says what is wanted now. An attempt at something else is given up.
func (w *worker) want(e pullpass.Environment) {
	w.mu.Lock()
	changed := w.gone || w.wanted.Start != e.Start || w.wanted.Wanted != e.Wanted
	if e.Start < w.wanted.Start { // an answer overtaken by a newer one
		w.mu.Unlock()
		return
	}
	w.wanted, w.gone = e, false
	w.wishLocked(changed)
	w.mu.Unlock()
}

// forget says that the server does not have the environment.
func (w *worker) forget() {
	w.mu.Lock()
	changed := !w.gone
	w.gone = true
	w.wishLocked(changed)
	w.mu.Unlock()
}

func (w *worker) wishLocked(changed bool) {
	if !changed {
		return
	}
	w.wish++
	if w.abort != nil {
		w.abort()
	}
	w.poke()
}

// unwatch says that containers may have ended without our seeing it.
func (w *worker) unwatch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losses.unwatch()
}

// run works until the environment is gone or ctx is done.
func (w *worker) run(ctx context.Context) {
	defer w.out.stop()
	reports := newReporter(w.r, w.id)
	w.view.changed = reports.put
	defer reports.stop()
	reports.start(ctx)
	w.reports.Store(reports)

	retry := w.r.backoff()
	for ctx.Err() == nil {
		finished, err := w.attempt(ctx)
		if finished {
			w.r.leave(w)
			return
		}
		wait := jitter(w.r.o.Resync)
		switch {
		case err == nil:
			retry.Reset()
		case errors.Is(err, errOvertaken):
			retry.Reset()
			continue
		case hopeless(err): // only another wish can help; Resync costs nothing
		default:
			wait = retry.NextBackOff()
		}
		if w.pause(ctx, wait) {
			retry.Reset()
		}
	}
}

// errOvertaken ends an attempt at something that is not wanted any more.
var errOvertaken = errors.New("something else is wanted now")

// pause waits, and reports whether it was woken before its time.
func (w *worker) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.wake:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// attempt does what is to be done once. finished: the environment is gone.
func (w *worker) attempt(ctx context.Context) (finished bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e, gone, wish := w.begin(cancel)
	there, err := w.r.o.Driver.List(ctx, w.id)
	switch {
	case err != nil:
		w.unwatch()
		if ctx.Err() == nil && !gone {
			w.view.fail("", CodeEngineMissing, err)
		}
	case gone || e.Wanted == pullpass.WantedDeleted:
		finished, err = w.remove(ctx, there, gone)
	case e.Wanted == pullpass.WantedStopped:
		err = w.halt(ctx, e, there)
	default:
		err = w.raise(ctx, e, there)
	}
	if overtaken := w.end(wish); overtaken && !finished {
		return false, errOvertaken
	}
	return finished, err
}

// begin takes the wish that this attempt is about.
func (w *worker) begin(cancel context.CancelFunc) (e pullpass.Environment, gone bool, wish int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.wake: // answered by what starts now
	default:
	}
	w.abort = cancel
	return w.wanted, w.gone, w.wish
}

// end reports whether something else has come to be wanted since begin.
func (w *worker) end(wish int) (overtaken bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abort = nil
	return w.wish != wish
}
