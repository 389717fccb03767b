package runner

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// reportFloor is the least time between two reports that differ in progress only: it
// changes hundreds of times a second, and people read five. Everything else is told
// at once.
const reportFloor = 200 * time.Millisecond

// reporter sends the latest report, and only that: what was true in between is
// nobody's concern once something newer is.
type reporter struct {
	r  *Runner
	id pullpass.EnvironmentID

	mu     sync.Mutex
	latest *pullpass.StatusUpdate // not sent yet
	last   *pullpass.StatusUpdate // that was put
	sent   *pullpass.StatusUpdate // that the server has, as far as we know
	facts  pullpass.StatusUpdate  // the last that was put, without progress
	fresh  chan struct{}          // holds at most one: there is a latest
	hurry  chan struct{}          // holds at most one: it is about more than progress
	cancel context.CancelFunc
	done   chan struct{}
}

func newReporter(r *Runner, id pullpass.EnvironmentID) *reporter {
	return &reporter{r: r, id: id, fresh: make(chan struct{}, 1), hurry: make(chan struct{}, 1), done: make(chan struct{})}
}

func (p *reporter) start(ctx context.Context) {
	ctx, p.cancel = context.WithCancel(ctx)
	go p.run(ctx)
}

// stop ends the reporter; what it has not sent is not sent.
func (p *reporter) stop() {
	p.cancel()
	<-p.done
}

// put replaces the report that waits to be sent. It never blocks.
func (p *reporter) put(u pullpass.StatusUpdate) {
	facts := withoutProgress(u)
	p.mu.Lock()
	p.latest, p.last = &u, &u
	news := !reflect.DeepEqual(facts, p.facts)
	p.facts = facts
	if news {
		signal(p.hurry)
	}
	p.mu.Unlock()
	signal(p.fresh)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// again sends the last report once more: the server holds another one.
func (p *reporter) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		return
	}
	p.sent = nil
	if p.latest == nil {
		p.latest = p.last
	}
	signal(p.fresh)
}

func withoutProgress(u pullpass.StatusUpdate) pullpass.StatusUpdate {
	u.Status = slices.Clone(u.Status)
	for i := range u.Status {
		u.Status[i].Pull = nil
	}
	return u
}

// take returns what is to be sent, if the server does not have it.
func (p *reporter) take() *pullpass.StatusUpdate {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.latest
	p.latest = nil
	if reflect.DeepEqual(u, p.sent) {
		u = nil
	}
	select {
	case <-p.hurry: // its news is in what is taken
	default:
	}
	return u
}

// has keeps what the server has.
func (p *reporter) has(u *pullpass.StatusUpdate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = u
}

// restore puts back a report that could not be sent, unless there is a newer one.
func (p *reporter) restore(u *pullpass.StatusUpdate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest == nil {
		p.latest = u
	}
}

func (p *reporter) run(ctx context.Context) {
	defer close(p.done)
	retry := p.r.backoff()
	for {
		select {
		case <-p.fresh:
		case <-ctx.Done():
			return
		}
		for u := p.take(); u != nil; u = p.take() {
			if err := p.r.o.Server.ReportStatus(ctx, p.id, *u); retryable(err) {
				p.restore(u)
				if !sleep(ctx, retry.NextBackOff()) {
					return
				}
				continue
			}
			p.has(u)
			retry.Reset()
			if !p.rest(ctx) {
				return
			}
		}
	}
}

// rest waits until the next report may be sent, and reports whether ctx goes on.
func (p *reporter) rest(ctx context.Context) bool {
	t := time.NewTimer(reportFloor)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.hurry:
	case <-ctx.Done():
		return false
	}
	return true
}

// retryable reports whether sending the same report again can help. It cannot when
// the server says that it is out of date or wrong.
func retryable(err error) bool {
	switch pullpass.KindOf(err) {
	case "", pullpass.Conflict, pullpass.NotFound, pullpass.Invalid, pullpass.Denied:
		return false
	}
	return true
}
