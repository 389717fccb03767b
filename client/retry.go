package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"

	"github.com/pullpass/pullpass"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// patience bounds what a server may ask for with Retry-After.
	patience = 30 * time.Second
)

// later carries the server's Retry-After beside its refusal.
type later struct {
	error
	after time.Duration
}

func (l later) Unwrap() error { return l.error }

// settled takes off what only retrying needed.
func settled(err error) error {
	var l later
	if errors.As(err, &l) {
		return l.error
	}
	return err
}

// mayRepeat: only what is unavailable now may be there later, and only a call
// that does no harm twice, or that never left this machine, is made again.
func mayRepeat(k call, err error) bool {
	switch pullpass.KindOf(err) {
	case pullpass.Unavailable, pullpass.Limited:
	default:
		return false
	}
	if k.again {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// pause waits before the attempt that follows the given one.
func pause(ctx context.Context, attempt int, err error) error {
	d := min(firstPause<<(attempt-1), longestPause)
	d = d/2 + rand.N(d) //nolint:gosec // spreads retries, decides nothing
	var l later
	if errors.As(err, &l) && l.after > 0 {
		if l.after > patience {
			return err
		}
		d = l.after + rand.N(firstPause) //nolint:gosec // as above
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
