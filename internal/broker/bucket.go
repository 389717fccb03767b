package broker

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pullpass/pullpass"
)

// The rates at which one account is asked. STS quotas cannot be raised, and
// throttling has been seen at 4 to 5 calls a second; ECR's are published, but an
// older page says 20.
const (
	stsRate    = 4
	ecrRate    = 10
	longWait   = 30 * time.Second
	maxBuckets = 4096
)

type bucketKey struct {
	organization pullpass.OrganizationID
	account      string
	service      Service
	region       string
}

// Pacer paces the calls to each account. The organization is part of the key:
// none can use up what is another's by naming its account.
type Pacer struct {
	mu   sync.Mutex
	now  func() time.Time
	list map[bucketKey]*rate.Limiter
}

// NewPacer returns a pacer with full buckets.
func NewPacer(now func() time.Time) *Pacer {
	return &Pacer{now: now, list: make(map[bucketKey]*rate.Limiter)}
}

func (b *Pacer) wait(ctx context.Context, k bucketKey) error {
	b.mu.Lock()
	now := b.now()
	reservation := b.limiter(k, now).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > longWait {
		reservation.CancelAt(now)
	}
	b.mu.Unlock()
	switch {
	case delay > longWait:
		return &pullpass.Error{Kind: pullpass.Limited, Code: "account_busy", What: "cannot ask AWS",
			Cause: "too many requests for account " + k.account + " wait already", Hint: "try again in half a minute"}
	case delay <= 0:
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		b.mu.Lock()
		reservation.CancelAt(b.now())
		b.mu.Unlock()
		return ctx.Err()
	}
}

func (b *Pacer) limiter(k bucketKey, now time.Time) *rate.Limiter {
	if l := b.list[k]; l != nil {
		return l
	}
	if len(b.list) >= maxBuckets {
		for old, l := range b.list { // a full bucket says nothing that a new one would not
			if l.TokensAt(now) >= float64(l.Burst()) {
				delete(b.list, old)
			}
		}
	}
	perSecond := map[Service]int{ServiceSTS: stsRate, ServiceECR: ecrRate}[k.service]
	l := rate.NewLimiter(rate.Limit(perSecond), perSecond)
	b.list[k] = l
	return l
}

// For is MintRequest.Wait for an integration in a region.
func (b *Pacer) For(org pullpass.OrganizationID, i pullpass.Integration, region string) func(context.Context, Service) error {
	account := i.Account
	if account == "" {
		account = string(i.ID) // ambient: whose it is shows later
	}
	return func(ctx context.Context, s Service) error {
		return b.wait(ctx, bucketKey{org, account, s, region})
	}
}
