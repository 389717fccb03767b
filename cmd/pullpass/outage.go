package main

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
)

const (
	// outageFor is how long a command that waits goes on without its server: a restart
	// takes seconds, and what it waits for goes on meanwhile.
	outageFor  = 30 * time.Second
	retryAfter = time.Second
)

// outage is a server's absence, as a command that waits sees it.
type outage struct {
	t     *terminal
	since time.Time // zero: the server answered last
}

// over notes that the server answers.
func (o *outage) over() {
	if !o.since.IsZero() {
		o.t.say("The server answers again.")
	}
	o.since = time.Time{}
}

// waitOut pauses before the next try, and reports whether there should be one: not
// after a refusal, not after 30 seconds, and not when ctx has ended.
func (o *outage) waitOut(ctx context.Context, err error) bool {
	if !pullpass.IsKind(err, pullpass.Unavailable) || ctx.Err() != nil {
		return false
	}
	if o.since.IsZero() {
		o.since = time.Now()
		o.t.say("The server does not answer; trying for up to %d seconds.", int(outageFor.Seconds()))
	}
	if time.Since(o.since) > outageFor {
		return false
	}
	timer := time.NewTimer(retryAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
