package sandbox

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// quota throttles calls per account and action.
type quota struct {
	limits []RateLimit
	mu     sync.Mutex
	perKey map[quotaKey]*rate.Limiter
}

type quotaKey struct {
	limit   int
	account string
}

func newQuota(limits []RateLimit) *quota {
	return &quota{limits: limits, perKey: map[quotaKey]*rate.Limiter{}}
}

// allow takes one token from each limit that covers the call.
func (q *quota) allow(account, action string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, l := range q.limits {
		if (l.Account != "" && l.Account != account) || !matchAction(l.Action, action) {
			continue
		}
		key := quotaKey{i, account}
		limiter := q.perKey[key]
		if limiter == nil {
			limiter = rate.NewLimiter(rate.Limit(l.PerSecond), max(l.Burst, 1))
			q.perKey[key] = limiter
		}
		if !limiter.AllowN(now, 1) {
			return false
		}
	}
	return true
}

// matchAction compares an action with a pattern such as "ecr:*".
func matchAction(pattern, action string) bool {
	return wildcardMatch(strings.ToLower(pattern), strings.ToLower(action))
}

// faultList holds what is still to go wrong.
type faultList struct {
	mu     sync.Mutex
	faults []Fault
	left   []int // calls that each one still disturbs; -1 is every call
}

func newFaultList(faults []Fault) *faultList {
	l := &faultList{}
	for _, f := range faults {
		l.add(f)
	}
	return l
}

func (l *faultList) add(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := f.Times
	if left == 0 {
		left = -1
	}
	l.faults = append(l.faults, f)
	l.left = append(l.left, left)
}

func (l *faultList) take(action string) (Fault, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range l.faults {
		if l.left[i] == 0 || !matchAction(f.Action, action) {
			continue
		}
		if l.left[i] > 0 {
			l.left[i]--
		}
		return f, true
	}
	return Fault{}, false
}

// Inject adds a fault while the sandbox runs.
func (b *Sandbox) Inject(f Fault) { b.faults.add(f) }

// ClearFaults ends all disturbance.
func (b *Sandbox) ClearFaults() {
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	b.faults.faults, b.faults.left = nil, nil
}

// disturb applies quota and faults to an API call.
func (b *Sandbox) disturb(c *call) *apiError {
	action := c.service + ":" + c.operation
	account := ""
	if c.principal != nil {
		account = c.principal.account.id
	}
	if !b.quota.allow(account, action, c.now) {
		return errThrottled()
	}
	f, ok := b.faults.take(action)
	if !ok {
		return nil
	}
	return b.suffer(c.request, f)
}

// suffer delays, cuts the connection or makes up an error.
func (b *Sandbox) suffer(r *http.Request, f Fault) *apiError {
	if f.Delay > 0 {
		timer := time.NewTimer(time.Duration(f.Delay))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	if f.Reset {
		panic(http.ErrAbortHandler) // net/http's way to close without an answer
	}
	if f.Status == 0 {
		return nil
	}
	code := f.Code
	if code == "" {
		code = "ServiceUnavailable"
	}
	return apiErrorf(f.Status, code, "The sandbox was told to fail this call.")
}

// disturbRegistry does the same for /v2/ and layer requests; it reports
// whether it has answered.
func (b *Sandbox) disturbRegistry(w http.ResponseWriter, r *http.Request, account, action string) bool {
	if !b.quota.allow(account, action, b.now()) {
		(&registryError{http.StatusTooManyRequests, "TOOMANYREQUESTS", "Rate exceeded"}).write(w)
		return true
	}
	f, ok := b.faults.take(action)
	if !ok {
		return false
	}
	err := b.suffer(r, f)
	if err == nil {
		return false
	}
	(&registryError{err.status, err.code, err.message}).write(w)
	return true
}
