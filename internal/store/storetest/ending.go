package storetest

import (
	"context"
	"sync"
)

// endingContext is cancelled once it has been looked at so many times, which
// stops whatever runs under it somewhere in its middle.
type endingContext struct {
	context.Context //nolint:containedctx // it is one
	cancel          context.CancelFunc
	mu              sync.Mutex
	looks           int
}

func endingAfter(parent context.Context, looks int) context.Context {
	ctx, cancel := context.WithCancel(parent)
	return &endingContext{Context: ctx, cancel: cancel, looks: looks}
}

func (c *endingContext) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looks--; c.looks < 0 {
		c.cancel()
	}
}

func (c *endingContext) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}

func (c *endingContext) Err() error {
	c.look()
	return c.Context.Err()
}
