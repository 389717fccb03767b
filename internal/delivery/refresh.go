package delivery

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pullpass/pullpass"
)

// How often logins are asked for anew. Half of its life is left when a login is
// replaced, so that an outage of some hours loses nothing.
const (
	soonest     = time.Minute      // after a login that was good
	firstRetry  = 5 * time.Second  // after one that was not, doubled each time
	longRetry   = 5 * time.Minute  // and no longer than this
	endlessLife = 30 * time.Minute // of a login without an end: its password may be another one
	jitter      = 0.1              // machines that start together do not ask together
)

// Refresher keeps the logins in a file fresh, for consumers that read nothing else. A
// host that gets none keeps what it has, and the others theirs.
type Refresher struct {
	Path   string
	Wanted Wanted // with an Issuer
	// Report is told of each attempt.
	Report func(Refreshed)
	// Now, Wait and Random are time.Now, a timer and rand.Float64 unless they are set.
	Now    func() time.Time
	Wait   func(context.Context, time.Duration) error
	Random func() float64

	turns []turn
}

// turn is when a host is asked about next.
type turn struct {
	at     time.Time
	failed int
}

// Refreshed is what became of one host's login.
type Refreshed struct {
	Host    string
	Expires time.Time // zero: it has no end
	Next    time.Time
	Err     error
}

// Once asks for every login that is due, writes those that it got in one step, and
// returns what went wrong.
func (r *Refresher) Once(ctx context.Context) error {
	r.begin()
	now := r.Now()
	var due []int
	for i := range r.turns {
		if !r.turns[i].at.After(now) {
			due = append(due, i)
		}
	}
	part := r.Wanted
	part.Hosts = nil
	var logins []pullpass.Credential
	var got []int
	var failures []error
	for _, i := range due {
		host := r.Wanted.Hosts[i]
		c, err := r.Wanted.Issuer.Credential(ctx, host.Name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && !c.ValidFor(time.Second, now) {
			err = errors.New("the login that was issued has expired already")
		}
		if err != nil {
			failures = append(failures, err)
			r.again(i, pullpass.Credential{}, err)
			continue
		}
		part.Hosts, logins, got = append(part.Hosts, host), append(logins, c), append(got, i)
	}
	var err error
	if len(got) > 0 {
		_, err = Update(r.Path, Options{}, func(c *Config) error { return part.Apply(c, logins) })
	}
	for n, i := range got {
		r.again(i, logins[n], err)
	}
	return errors.Join(append(failures, err)...)
}

// Run refreshes until ctx ends, which is no error. What goes wrong is reported and tried
// again.
func (r *Refresher) Run(ctx context.Context) error {
	r.begin()
	for {
		if err := r.Once(ctx); err != nil && ctx.Err() != nil {
			return nil //nolint:nilerr // it was stopped
		}
		next := r.turns[0].at
		for _, t := range r.turns[1:] {
			if t.at.Before(next) {
				next = t.at
			}
		}
		if err := r.Wait(ctx, max(next.Sub(r.Now()), 0)); err != nil {
			return nil //nolint:nilerr // it was stopped
		}
	}
}

func (r *Refresher) begin() {
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Wait == nil {
		r.Wait = wait
	}
	if r.Random == nil {
		r.Random = rand.Float64
	}
	if r.turns == nil {
		r.turns = make([]turn, len(r.Wanted.Hosts))
	}
}

// again sets when a host is asked about next.
func (r *Refresher) again(i int, c pullpass.Credential, err error) {
	t := &r.turns[i]
	now := r.Now()
	var after time.Duration
	switch {
	case err != nil:
		after = min(firstRetry<<min(t.failed, 10), longRetry)
		t.failed++
	case c.Expires.IsZero():
		after, t.failed = endlessLife, 0
	default:
		after, t.failed = max(c.Expires.Sub(now)/2, soonest), 0
		if left := c.Expires.Sub(now); after > left*9/10 { // of a short life less than a minute is left
			after = left * 3 / 4
		}
	}
	after += time.Duration(float64(after) * jitter * (2*r.Random() - 1))
	t.at = now.Add(after)
	if r.Report != nil {
		r.Report(Refreshed{Host: r.Wanted.Hosts[i].Name, Expires: c.Expires, Next: t.at, Err: err})
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
