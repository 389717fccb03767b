package identity

import (
	"cmp"
	"slices"
	"time"
)

// Schedule says how signing keys follow each other. A key is published for Lead
// before it signs, so that whoever cached the key set has fetched it by then;
// and it stays published for TokenLife + Lead after its successor took over, so
// that every token it signed can still be checked.
type Schedule struct {
	Use       time.Duration // how long a key signs
	Lead      time.Duration // how long verifiers may cache a key set
	TokenLife time.Duration // the longest life of a token
}

// DefaultSchedule rotates monthly. AWS caches key sets for minutes, not hours;
// a day leaves room for verifiers that nobody here knows.
func DefaultSchedule() Schedule {
	return Schedule{Use: 30 * 24 * time.Hour, Lead: 24 * time.Hour, TokenLife: time.Hour}
}

// chain is an organization's keys of one algorithm, oldest first.
type chain []*key

func newChain(keys []*key) chain {
	c := slices.Clone(keys)
	slices.SortFunc(c, func(a, b *key) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return c
}

// signing returns the newest key that may sign at now, or nil.
func (c chain) signing(now time.Time) *key {
	for _, k := range slices.Backward(c) {
		if !k.ActiveFrom.After(now) {
			return k
		}
	}
	return nil
}

// published returns the keys that verifiers need at now.
func (c chain) published(now time.Time, s Schedule) []*key {
	var keep []*key
	for i, k := range c {
		if i+1 < len(c) && now.After(c[i+1].ActiveFrom.Add(s.TokenLife+s.Lead)) {
			continue // its last token has expired, and so has every cache
		}
		keep = append(keep, k)
	}
	return keep
}

// next says whether a further key is due at now, and from when it may sign.
func (c chain) next(now time.Time, s Schedule) (activeFrom time.Time, due bool) {
	if len(c) == 0 {
		return now, true // nobody has cached a key set yet
	}
	end := c[len(c)-1].ActiveFrom.Add(s.Use)
	if now.Before(end.Add(-s.Lead)) {
		return time.Time{}, false
	}
	if earliest := now.Add(s.Lead); earliest.After(end) {
		end = earliest // the server was away: publish first, all the same
	}
	return end, true
}
