package runner

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// reportFloor is the least time between two reports of one environment: progress
// changes hundreds of times a second, and people read five.
const reportFloor = 200 * time.Millisecond

// reporter sends the latest report, and only that: what was true in between is
// nobody's concern once something newer is.
type reporter struct {
	r  *Runner
	id pullpass.EnvironmentID

	mu     sync.Mutex
	latest *pullpass.StatusUpdate // not sent yet
	fresh  chan struct{}          // holds at most one: there is a latest
	cancel context.CancelFunc
	done   chan struct{}
}

func newReporter(r *Runner, id pullpass.EnvironmentID) *reporter {
	return &reporter{r: r, id: id, fresh: make(chan struct{}, 1), done: make(chan struct{})}
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
	p.mu.Lock()
	p.latest = &u
	p.mu.Unlock()
	select {
	case p.fresh <- struct{}{}:
	default:
	}
}

func (p *reporter) take() *pullpass.StatusUpdate {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.latest
	p.latest = nil
	return u
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
	var sent *pullpass.StatusUpdate
	retry := p.r.backoff()
	for {
		select {
		case <-p.fresh:
		case <-ctx.Done():
			return
		}
		for u := p.take(); u != nil && !reflect.DeepEqual(u, sent); u = p.take() {
			wait := reportFloor
			if err := p.r.o.Server.ReportStatus(ctx, p.id, *u); retryable(err) {
				p.restore(u)
				wait = max(wait, retry.NextBackOff())
			} else {
				sent = u
				retry.Reset()
			}
			if !sleep(ctx, wait) {
				return
			}
		}
	}
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
