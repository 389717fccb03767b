package broker

import (
	"context"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// The rates at which one account is asked. STS quotas cannot be raised, and
// throttling has been seen at 4 to 5 calls a second; ECR's are published, but an
// older page says 20.
const (
	stsRate    = 4
	ecrRate    = 10
	callTime   = 5 * time.Second // what a call needs after its turn has come
	longWait   = flightTime - callTime
	maxBuckets = 4096
)

func paceOf(s Service) Pace {
	perSecond := ecrRate
	if s == ServiceSTS {
		perSecond = stsRate
	}
	return Pace{Every: time.Second / time.Duration(perSecond), Burst: perSecond}
}

// Pacer paces the calls to each account.
type Pacer struct{ buckets Buckets }

// NewPacer returns a pacer with full buckets, for one process.
func NewPacer(now func() time.Time) *Pacer {
	return &Pacer{buckets: &localBuckets{now: now, emptyAt: make(map[Bucket]time.Time)}}
}

// SharedPacer returns a pacer for all the servers that share the buckets.
func SharedPacer(b Buckets) *Pacer { return &Pacer{buckets: b} }

// wait returns when it is the caller's turn. Who would not be served in time is
// told so at once, instead of when it is too late.
func (p *Pacer) wait(ctx context.Context, b Bucket) error {
	longest, pace := longWait, paceOf(b.Service)
	if deadline, ok := ctx.Deadline(); ok {
		longest = min(longest, max(0, time.Until(deadline)-callTime))
	}
	turn, ok, err := p.buckets.TakeTurn(ctx, b, pace, longest)
	switch {
	case err != nil:
		return err
	case !ok:
		return &pullpass.Error{Kind: pullpass.Limited, Code: "account_busy", What: "cannot ask AWS",
			Cause: "too many requests for account " + b.Account + " wait already", Hint: "try again in half a minute"}
	case turn.Wait <= 0:
		return nil
	}
	timer := time.NewTimer(turn.Wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGo)
		defer cancel()
		_ = p.buckets.ReturnTurn(giving, b, pace, turn) // otherwise it passes unused
		return ctx.Err()
	}
}

// For is MintRequest.Wait for an integration in a region.
func (p *Pacer) For(
	org pullpass.OrganizationID,
	i pullpass.Integration,
	region string,
) func(context.Context, Service) error {
	account := i.Account
	if account == "" {
		account = string(i.ID) // ambient: whose it is shows later
	}
	return func(ctx context.Context, s Service) error {
		return p.wait(ctx, Bucket{org, account, s, region})
	}
}

// localBuckets are those of one process. A bucket is the time at which all that was
// reserved has been used up (the generic cell rate algorithm).
type localBuckets struct {
	mu      sync.Mutex
	now     func() time.Time
	emptyAt map[Bucket]time.Time
}

// TakeTurn is part of Buckets.
func (l *localBuckets) TakeTurn(_ context.Context, b Bucket, p Pace, longest time.Duration) (Turn, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	at, known := l.emptyAt[b]
	if !known && len(l.emptyAt) >= maxBuckets {
		for old, at := range l.emptyAt { // a full bucket says nothing that a new one would not
			if !at.After(now) {
				delete(l.emptyAt, old)
			}
		}
	}
	if at.Before(now) {
		at = now
	}
	at = at.Add(p.Every)
	wait := at.Sub(now) - p.Tolerance()
	if wait > longest {
		return Turn{}, false, nil
	}
	l.emptyAt[b] = at
	return Turn{Wait: max(0, wait), Mark: at.UnixNano()}, true, nil
}

// ReturnTurn is part of Buckets: the last turn can be given back, those before it
// have others behind them who know their times.
func (l *localBuckets) ReturnTurn(_ context.Context, b Bucket, p Pace, t Turn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.emptyAt[b]; at.UnixNano() == t.Mark {
		l.emptyAt[b] = at.Add(-p.Every)
	}
	return nil
}
