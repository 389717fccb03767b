package broker

import (
	"container/list"
	"time"

	"github.com/pullpass/pullpass"
)

// cache holds what was minted, and what was refused a moment ago. The least
// recently used goes first when it is full. The broker's lock guards it.
type cache struct {
	limit   int
	entries map[Key]*list.Element
	order   *list.List // of *entry, the most recently used in front
}

type entry struct {
	key     Key
	minted  Minted
	version int64 // under which other servers know it
	err     error // a refusal that stands until life.until
	life    lifetime
}

func newCache(limit int) *cache {
	return &cache{limit: limit, entries: make(map[Key]*list.Element), order: list.New()}
}

// get returns what is there and still good.
func (c *cache) get(k Key, now time.Time) *entry {
	at, ok := c.entries[k]
	if !ok {
		return nil
	}
	e := at.Value.(*entry)
	if !now.Before(e.life.until) {
		c.remove(k)
		return nil
	}
	c.order.MoveToFront(at)
	return e
}

func (c *cache) put(e *entry) {
	c.remove(e.key)
	c.entries[e.key] = c.order.PushFront(e)
	for len(c.entries) > c.limit {
		c.remove(c.order.Back().Value.(*entry).key)
	}
}

func (c *cache) remove(k Key) {
	if at, ok := c.entries[k]; ok {
		c.order.Remove(at)
		delete(c.entries, k)
	}
}

// settle takes the outcome of a flight into the cache.
func (c *cache) settle(k Key, out outcome, now time.Time) {
	if out.err == nil {
		c.put(&entry{key: k, minted: out.minted, version: out.version, life: out.life})
		return
	}
	standing := c.get(k, now)
	switch {
	case standing != nil && standing.err == nil && !pullpass.IsKind(out.err, pullpass.Denied):
		// The refresh failed, and what is there is good for a while: try again soon.
		standing.life.refresh = now.Add(between(5*time.Second, 15*time.Second))
	case out.refused > 0:
		// Denied while refreshing, too: what AWS has taken away is not served on.
		c.put(&entry{key: k, err: out.err, life: lifetime{until: now.Add(out.refused)}})
	default:
		c.remove(k)
	}
}
