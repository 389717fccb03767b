package runner

import (
	"context"
	"sync"

	"github.com/pullpass/pullpass"
)

// turns bounds how much is done at the same time, fairly by project: the last free
// place is for a project that has none, and of those who wait the project with the
// fewest places is next. However much one project wants, others get their turn.
type turns struct {
	mu      sync.Mutex
	places  int
	taken   map[pullpass.ProjectID]int
	total   int
	waiting []*waiter // in the order in which they came
}

type waiter struct {
	project pullpass.ProjectID
	ready   chan struct{} // closed when the place is its own
}

func newTurns(places int) *turns {
	return &turns{places: places, taken: map[pullpass.ProjectID]int{}}
}

// acquire waits for a place; whoever got one gives it back with release.
func (t *turns) acquire(ctx context.Context, project pullpass.ProjectID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &waiter{project: project, ready: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	t.nextLocked()
	t.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.ready: // it came at the same moment
		t.releaseLocked(project)
	default:
		for i, other := range t.waiting {
			if other == w {
				t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
				break
			}
		}
	}
	return ctx.Err()
}

func (t *turns) release(project pullpass.ProjectID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releaseLocked(project)
}

func (t *turns) releaseLocked(project pullpass.ProjectID) {
	t.total--
	if t.taken[project]--; t.taken[project] == 0 {
		delete(t.taken, project)
	}
	t.nextLocked()
}

// nextLocked gives free places to those who wait.
func (t *turns) nextLocked() {
	for t.total < t.places {
		best := -1
		for i, w := range t.waiting {
			if best < 0 || t.taken[w.project] < t.taken[t.waiting[best].project] {
				best = i
			}
		}
		if best < 0 {
			return
		}
		w := t.waiting[best]
		if t.total == t.places-1 && t.places > 1 && t.taken[w.project] > 0 {
			return // the last place is for a project that has none
		}
		t.waiting = append(t.waiting[:best], t.waiting[best+1:]...)
		t.total++
		t.taken[w.project]++
		close(w.ready)
	}
}
