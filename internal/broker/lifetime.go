package broker

import (
	"math/rand/v2"
	"time"

	"github.com/pullpass/pullpass"
)

const (
	keepLong  = 15 * time.Minute // what remains, at the least, of what is served
	keepShort = 90 * time.Second // of short lives: more than two clocks differ
	basicLife = 10 * time.Minute // how long an opened password stays in memory
	// The same policy stays too large: asking again would cost a call at every pull.
	packedLife = 10 * time.Minute
	jitter     = 0.1
)

// lifetime says when a credential is refreshed and until when it is served.
type lifetime struct{ refresh, until time.Time }

// lifetimeOf computes it; ok is false where so little is left that the
// credential could be over before it arrives. The first credential of a key may be
// one of a herd that was issued together: its refresh falls anywhere in the first
// half of its life, and from then on the herd is spread evenly. Those after it are
// refreshed at half of theirs, give or take a tenth.
func lifetimeOf(c pullpass.Credential, now time.Time, first bool) (l lifetime, ok bool) {
	if c.Expires.IsZero() {
		return lifetime{now.Add(basicLife), now.Add(basicLife)}, true
	}
	life := c.Expires.Sub(now)
	keep := min(keepLong, max(life/4, keepShort))
	if life < 2*keep {
		return lifetime{}, false
	}
	// Whatever the jitter, an outage that begins just before the refresh has to
	// last longer than this before anybody notices, also where a clock that is a
	// minute ahead makes an hour shorter.
	outage := min(keepLong, life/4) + min(time.Minute, life/60)
	half := min(life/2, time.Duration(float64(life-keep-outage)/(1+jitter)))
	refresh := around(half)
	if first {
		refresh = between(half/20, half)
	}
	return lifetime{now.Add(refresh), c.Expires.Add(-keep)}, true
}

// around spreads d by a tenth to both sides.
func around(d time.Duration) time.Duration {
	spread := 2 * jitter * rand.Float64() //nolint:gosec // spreading load, not a secret
	return time.Duration(float64(d) * (1 - jitter + spread))
}

// between spreads evenly.
func between(least, most time.Duration) time.Duration {
	return least + time.Duration(rand.Int64N(int64(most-least))) //nolint:gosec // spreading load, not a secret
}

// negativeLife is how long a failure is the answer for everybody who asks for
// the same: enough to keep a herd away from what has just said no.
func negativeLife(err error) time.Duration {
	if tooLarge(err) {
		return packedLife
	}
	switch pullpass.KindOf(err) {
	case pullpass.Denied:
		return 5 * time.Second
	case pullpass.Limited:
		return between(time.Second, 5*time.Second)
	}
	return 0
}
