package runner

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

const (
	outputKept  = 64 << 10 // what is kept of a container's output that is not sent yet
	outputFloor = 500 * time.Millisecond
)

// outputs follows the output of an environment's containers and brings its tail to
// the server. What a fast container writes between two deliveries beyond 64 KiB is
// dropped, oldest first: the server keeps no more than that either.
type outputs struct {
	server Server
	driver Driver
	id     pullpass.EnvironmentID
	log    *slog.Logger

	mu     sync.Mutex
	pumps  map[string]*pump // by container
	closed bool
	wg     sync.WaitGroup
}

func newOutputs(s Server, d Driver, id pullpass.EnvironmentID, log *slog.Logger) *outputs {
	return &outputs{server: s, driver: d, id: id, log: log, pumps: map[string]*pump{}}
}

// follow starts to follow a container, unless that is done already. One whose
// output ended is read again if it runs again: its output continues.
func (o *outputs) follow(a Actual) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.pumps[a.ID]
	if o.closed || (p != nil && (p.active || (p.complete && a.State != Running))) {
		return
	}
	if p == nil {
		p = &pump{o: o, a: a}
		o.pumps[a.ID] = p
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.active, p.complete, p.cancel = true, false, cancel
	o.wg.Go(func() {
		defer cancel()
		err := p.run(ctx)
		o.mu.Lock()
		defer o.mu.Unlock()
		p.active, p.complete = false, err == nil
	})
}

// forget ends the following of a container that is going away.
func (o *outputs) forget(a Actual) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.pumps[a.ID]; p != nil {
		p.cancel()
		delete(o.pumps, a.ID)
	}
}

// stop ends all following and waits for it.
func (o *outputs) stop() {
	o.mu.Lock()
	o.closed = true
	for _, p := range o.pumps {
		p.cancel()
	}
	o.mu.Unlock()
	o.wg.Wait()
}

// pump brings the output of one container to the server.
type pump struct {
	o *outputs
	a Actual
	// Guarded by o.mu.
	active, complete bool
	cancel           context.CancelFunc

	tail tail
}

// run follows until the container ends. It reads from the beginning, so that
// offsets mean the same to every runner; what was sent is not sent again.
func (p *pump) run(ctx context.Context) error {
	p.tail.rewind()
	ended := make(chan error, 1)
	go func() { ended <- p.o.driver.Output(ctx, p.a, &p.tail) }()
	tick := time.NewTicker(outputFloor)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if sendErr := p.send(ctx); err == nil {
				err = sendErr
			}
			return err
		case <-tick.C:
			if err := p.send(ctx); err != nil && ctx.Err() == nil {
				p.o.log.WarnContext(ctx, "delivering output failed", "environment", p.o.id, "service", p.a.Service, "error", err)
			}
		}
	}
}

// send delivers what is new. What could not be delivered stays in the tail.
func (p *pump) send(ctx context.Context) error {
	offset, data := p.tail.unsent()
	if len(data) == 0 {
		return nil
	}
	err := p.o.server.AppendOutput(ctx, Output{
		Environment: p.o.id, Service: p.a.Service, Start: p.a.Start, Offset: offset, Data: data,
	})
	if retryable(err) {
		return err
	}
	p.tail.delivered(offset + int64(len(data)))
	return nil
}

// rereadable is how much of an output is certainly still there when it is read again
// from its beginning: an engine keeps the end of a long one only.
const rereadable = 1 << 20

// tail keeps the end of what is written to it. Positions count from the beginning of
// the output while it is short. Those of a long one cannot be found again by whoever
// reads what the engine still has, so they leap ahead, once for each reading, to where
// no earlier reading has been: time grows faster than any output.
type tail struct {
	mu    sync.Mutex
	end   int64  // position after the last byte written
	sent  int64  // position up to which all is delivered
	kept  []byte // the last of those written
	leapt bool   // since the last rewind
}

// rewind prepares for reading the same output from its beginning.
func (t *tail) rewind() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end, t.kept, t.leapt = 0, t.kept[:0], false
}

// Write keeps the last of p. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end += int64(len(p))
	if !t.leapt && t.end > rereadable {
		t.leapt, t.end = true, max(t.end, time.Now().UnixNano())
	}
	t.kept = append(t.kept, p[max(0, len(p)-outputKept):]...)
	if drop := len(t.kept) - outputKept; drop > 0 {
		t.kept = append(t.kept[:0], t.kept[drop:]...)
	}
	return len(p), nil
}

// unsent returns a copy of what is to be delivered, and its offset.
func (t *tail) unsent() (offset int64, data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	start := t.end - int64(len(t.kept))
	offset = max(start, t.sent)
	if offset >= t.end {
		return t.end, nil
	}
	return offset, append([]byte(nil), t.kept[offset-start:]...)
}

func (t *tail) delivered(to int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = max(t.sent, to)
}
