package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// lane is how a transaction waits for its turn.
type lane int

const (
	ordinary lane = iota
	// vital adds rows whatever the disk.
	vital
	// first goes before all ordinary ones that wait: audit records, which the answers
	// to credential requests wait for, and the note that a token was used.
	first
)

// yieldAfter is how long one of the first lane waits for the transaction that has the
// turn. It is below the audit door's patience by the time of a commit on a slow disk.
const yieldAfter = time.Second

// errYield ends an ordinary transaction that keeps the first lane waiting. It is
// rolled back and tried again.
var errYield = errors.New("it gave way to the audit log")

// lanes are the two queues for the one connection that writes to a database of this
// process. Nil lanes let everybody pass: beyond a network the database queues.
type lanes struct {
	mu     sync.Mutex
	holder *turn // nil: nobody writes
	queues [2][]*turn
}

// turn is one transaction's place. Its lanes' lock guards it.
type turn struct {
	first  bool
	ready  chan struct{} // closed when it has the turn
	cancel context.CancelCauseFunc
}

// enter waits for the turn. What is returned is the context to write in, and what to
// call afterwards. An ordinary transaction's context ends when it has to give way.
func (l *lanes) enter(ctx context.Context, in lane) (context.Context, func(), error) {
	if l == nil {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	t := &turn{first: in == first, ready: make(chan struct{}), cancel: cancel}
	leave := func() {
		l.leave(t)
		cancel(nil)
	}
	l.mu.Lock()
	if l.holder == nil {
		l.hand(t)
	} else {
		l.queues[t.queue()] = append(l.queues[t.queue()], t)
	}
	l.mu.Unlock()
	var patience <-chan time.Time
	if t.first {
		timer := time.NewTimer(yieldAfter)
		defer timer.Stop()
		patience = timer.C
	}
	for {
		select {
		case <-t.ready:
			return ctx, leave, nil
		case <-patience:
			l.dispossess()
		case <-ctx.Done():
			leave()
			return nil, nil, ctx.Err()
		}
	}
}

func (t *turn) queue() int {
	if t.first {
		return 0
	}
	return 1
}

func (l *lanes) hand(t *turn) {
	l.holder = t
	close(t.ready)
}

// next hands the turn to whoever has waited longest, in the first lane if there is one.
func (l *lanes) next() {
	l.holder = nil
	for i, queue := range l.queues {
		if len(queue) > 0 {
			l.queues[i] = queue[1:]
			l.hand(queue[0])
			return
		}
	}
}

// leave gives the turn, or the place in the queue, back.
func (l *lanes) leave(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder == t {
		l.next()
		return
	}
	if i := slices.Index(l.queues[t.queue()], t); i >= 0 {
		l.queues[t.queue()] = slices.Delete(l.queues[t.queue()], i, i+1)
	}
}

// dispossess ends an ordinary transaction that has the turn, and gives the turn on.
// database/sql rolls it back, and gives its connection to the next, as soon as no
// statement of it runs, whatever the program does in between.
func (l *lanes) dispossess() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != nil && !l.holder.first {
		l.holder.cancel(errYield)
		l.next()
	}
}
