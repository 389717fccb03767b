package runner

import "time"

// settling is how long after an engine's return its containers may still end because
// of its going: it stops what survived it only then, and may tell of it late.
const settling = 10 * time.Second

// mostAgain is how often a container is started again after one loss of the engine,
// so that one that ends by itself is not started for ever.
const mostAgain = 2

// losses decides whether a container's end was its own. It was not if the container
// was reported as running and nobody watched it end: while the engine was away or
// settled down again, or while no runner ran. Such a container is started again,
// whatever its exit code: the engine's end makes containers end with any.
type losses struct {
	unwatched bool // nobody has looked since
	until     time.Time
	started   map[string]int // by container, since the loss
}

// unwatch begins a time in which nobody watches.
func (l *losses) unwatch() { *l = losses{unwatched: true} }

// look ends it: from now on we watch, and things settle.
func (l *losses) look(now time.Time) {
	if l.unwatched {
		l.unwatched, l.until = false, now.Add(settling)
	}
}

// made takes note of a new container: what happens to it, we see.
func (l *losses) made(container string) { l.count(container, mostAgain) }

// again reports whether a container that has ended is to be started again, and
// counts it.
func (l *losses) again(container string, now time.Time) bool {
	if now.After(l.until) || l.started[container] >= mostAgain {
		return false
	}
	l.count(container, 1)
	return true
}

func (l *losses) count(container string, n int) {
	if l.started == nil {
		l.started = map[string]int{}
	}
	l.started[container] += n
}
