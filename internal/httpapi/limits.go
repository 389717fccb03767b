package httpapi

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limit bounds how often something may be done: by one address, and by all
// together. One address alone cannot use up what there is for all.
type limit struct {
	each, all   rate.Limit
	eachAtOnce  int
	allTogether *rate.Limiter

	mu    sync.Mutex
	order *list.List // of buckets, the one used last at the end
	of    map[netip.Addr]*list.Element
}

// bucket is what one address has left.
type bucket struct {
	address netip.Addr
	rate    *rate.Limiter
}

// maxBuckets bounds the memory for addresses; whoever has more of them meets the
// limit for all.
const maxBuckets = 16 << 10

// newLimit takes how often a second, and how often at once; for all 0 is no limit.
func newLimit(each rate.Limit, eachAtOnce int, all rate.Limit, allAtOnce int) *limit {
	l := &limit{each: each, all: all, eachAtOnce: eachAtOnce, order: list.New(), of: map[netip.Addr]*list.Element{}}
	l.allTogether = rate.NewLimiter(all, allAtOnce)
	return l
}

// allow reports whether address may do it now, and counts it.
func (l *limit) allow(address string, now time.Time) bool {
	if !l.bucketOf(address).AllowN(now, 1) {
		return false
	}
	return l.all == 0 || l.allTogether.AllowN(now, 1)
}

func (l *limit) bucketOf(address string) *rate.Limiter {
	a, _ := netip.ParseAddr(address) // what is no address shares a bucket
	a = subnet(a)
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.of[a]; ok {
		l.order.MoveToBack(e)
		return e.Value.(bucket).rate
	}
	if l.order.Len() >= maxBuckets {
		oldest := l.order.Front()
		delete(l.of, l.order.Remove(oldest).(bucket).address)
	}
	b := bucket{a, rate.NewLimiter(l.each, l.eachAtOnce)}
	l.of[a] = l.order.PushBack(b)
	return b.rate
}
