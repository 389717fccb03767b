package client

import (
	"context"
	"time"
)

// Trace is told what happens during calls, as net/http/httptrace does it.
type Trace struct {
	// Slow is called once for each request that has taken SlowAfter, beyond what a
	// long poll asks to wait.
	Slow      func()
	SlowAfter time.Duration
}

type traceKey struct{}

// WithTrace has the calls made with the returned context traced.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

func traceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// slowAfter starts the clock of a request; what it returns stops it.
func (t *Trace) slowAfter(wait time.Duration) func() {
	if t == nil || t.Slow == nil {
		return func() {}
	}
	timer := time.AfterFunc(wait+t.SlowAfter, t.Slow)
	return func() { timer.Stop() }
}
