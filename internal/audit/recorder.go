package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
)

// Options of a door; zero values mean the defaults.
type Options struct {
	// Wait is the longest that Record waits for the disk: 1.5 s, so that whoever is
	// refused for it has the answer within 2 s.
	Wait  time.Duration
	Queue int // events that may wait for their turn: 8192
	Batch int // events in one transaction: 512
	// Room returns an error where the disk has room for vital events only (see
	// Vital). Nil: it has room for all.
	Room func() error
}

func (o Options) withDefaults() Options {
	if o.Wait <= 0 {
		o.Wait = 1500 * time.Millisecond
	}
	if o.Queue <= 0 {
		o.Queue = 8192
	}
	if o.Batch <= 0 {
		o.Batch = 512
	}
	return o
}

// Door records events before anything is revealed. Events that arrive while a
// transaction is being written share the next one, so the price of a sync is
// divided among all who wait.
type Door struct {
	store   Store
	options Options
	queue   chan *entry
	closing chan struct{}
	once    sync.Once
	done    chan struct{}
	stop    context.CancelFunc
}

// entry is one waiting event. Its state decides the race between a caller who
// gives up and the writer who takes it: exactly one of them wins.
type entry struct {
	event pullpass.Event
	state atomic.Int32
	done  chan error // holds one: the writer never waits for the caller
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// NewDoor starts a door on store. Close stops it.
func NewDoor(store Store, o Options) *Door {
	o = o.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	d := &Door{
		store: store, options: o, stop: stop,
		queue:   make(chan *entry, o.Queue),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go d.write(ctx)
	return d
}

// Record returns nil once e is on disk. Otherwise the caller must refuse what it
// was about to do: after Options.Wait at the latest the error is Unavailable.
//
// A caller whose context ends while e waits for its turn takes e back. Once the
// writer has e, Record waits for the outcome: an event that is written counts.
func (d *Door) Record(ctx context.Context, e pullpass.Event) error {
	if size := len(encode(e)); size > MaxEventSize {
		return &pullpass.Error{
			Kind: pullpass.Invalid, Code: "audit_event_too_large",
			What:  "cannot record this in the audit log",
			Cause: fmt.Sprintf("it has %d bytes; %d is the most", size, MaxEventSize),
			Hint:  "shorten the names and references in the request",
		}
	}
	if err := ctx.Err(); err != nil {
		return errNotRecorded("the request ended before its turn", err)
	}
	if d.options.Room != nil && !Vital(e) {
		if err := d.options.Room(); err != nil {
			return err
		}
	}
	limit := time.NewTimer(d.options.Wait)
	defer limit.Stop()
	en := &entry{event: Normalize(e), done: make(chan error, 1)}
	select {
	case <-d.closing:
		return errNotRecorded("the server is stopping", nil)
	default:
	}
	select {
	case d.queue <- en:
	case <-limit.C:
		return errNotRecorded("too many events wait for the disk", nil)
	case <-ctx.Done():
		return errNotRecorded("the request ended before its turn", ctx.Err())
	case <-d.closing:
		return errNotRecorded("the server is stopping", nil)
	}
	return d.await(ctx, en, limit.C)
}

func (d *Door) await(ctx context.Context, en *entry, limit <-chan time.Time) error {
	select {
	case err := <-en.done:
		return err
	case <-ctx.Done():
		if en.state.CompareAndSwap(waiting, abandoned) {
			return errNotRecorded("the request ended before its turn", ctx.Err())
		}
	case <-limit:
		en.state.CompareAndSwap(waiting, abandoned)
		return errNotRecorded("the audit log did not answer in time", nil)
	case <-d.done:
		return d.lastWord(en)
	}
	select {
	case err := <-en.done:
		return err
	case <-limit:
		return errNotRecorded("the audit log did not answer in time", nil)
	case <-d.done:
		return d.lastWord(en)
	}
}

// lastWord is the outcome of an entry after the writer has gone: what it managed
// to write counts, the rest was never taken.
func (d *Door) lastWord(en *entry) error {
	select {
	case err := <-en.done:
		return err
	default:
		return errNotRecorded("the server is stopping", nil)
	}
}

// Close refuses new events, writes those that wait, and returns when the writer
// has stopped, at the latest after Options.Wait.
func (d *Door) Close() error {
	d.once.Do(func() { close(d.closing) })
	limit := time.NewTimer(d.options.Wait)
	defer limit.Stop()
	select {
	case <-d.done:
		d.stop()
		return nil
	case <-limit.C:
		d.stop()
		return errNotRecorded("the store did not answer while the server stopped", nil)
	}
}

func (d *Door) write(ctx context.Context) {
	defer close(d.done)
	for {
		var first *entry
		select {
		case first = <-d.queue:
		case <-d.closing:
			// Whoever got into the queue before the door closed is still served.
			select {
			case first = <-d.queue:
			default:
				return
			}
		}
		// The callers that the last transaction has answered run again now and may
		// have their next event ready: with them in, there are half as many syncs.
		runtime.Gosched()
		if batch := d.gather(first); len(batch) > 0 {
			d.commit(ctx, batch)
		}
	}
}

// gather takes first and whatever else waits already: the batch grows with the
// load by itself, and a lone event never waits for company.
func (d *Door) gather(first *entry) []*entry {
	var batch []*entry
	for en := first; ; {
		if en.state.CompareAndSwap(waiting, taken) {
			batch = append(batch, en)
		}
		if len(batch) == d.options.Batch {
			return batch
		}
		select {
		case en = <-d.queue:
		default:
			return batch
		}
	}
}

func (d *Door) commit(ctx context.Context, batch []*entry) {
	ctx, cancel := context.WithTimeout(ctx, d.options.Wait)
	defer cancel()
	err := d.append(ctx, batch...)
	if err != nil && len(batch) > 1 && isAboutTheEvent(err) {
		// One bad event must not refuse its neighbours: each gets its own answer.
		for _, en := range batch {
			en.done <- d.append(ctx, en)
		}
		return
	}
	for _, en := range batch {
		en.done <- err
	}
}

func (d *Door) append(ctx context.Context, batch ...*entry) error {
	events := make([]pullpass.Event, len(batch))
	for i, en := range batch {
		events[i] = en.event
	}
	_, err := d.store.AppendEvents(ctx, events)
	switch {
	case err == nil, isAboutTheEvent(err):
		return err
	default:
		return errNotRecorded("the audit log could not be written", err)
	}
}

// isAboutTheEvent tells a refused event from a store that cannot write.
func isAboutTheEvent(err error) bool {
	switch pullpass.KindOf(err) {
	case pullpass.Invalid, pullpass.NotFound:
		return true
	}
	return false
}

func errNotRecorded(cause string, err error) error {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("audit: %w", err)
	}
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: "audit_unavailable",
		What:  "refused, because it could not be recorded in the audit log",
		Cause: cause, Err: err,
		Hint: "try again; if it persists, the server's disk or database is full, slow or gone (see /readyz)",
	}
}
