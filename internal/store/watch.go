package store

import (
	"context"
	"strings"
	"sync"

	"github.com/pullpass/pullpass"
)

// Watch returns a channel that gets a value whenever one of the keys may have
// changed: the id of an environment, or of a runner for what it has to do.
// Changes that come while nobody receives become one. Watch first, then read,
// then wait: nothing falls between. The channel is closed when ctx ends or the
// store is closed.
func (db *DB) Watch(ctx context.Context, org pullpass.OrganizationID, keys ...string) <-chan struct{} {
	return db.hub.watch(ctx, org, keys)
}

// announce tells those who watch e and those who watch its runner, after the commit.
func (x *tx) announce(e pullpass.Environment) {
	x.announceTo(e.Organization, string(e.ID), string(e.Runner))
}

// announceTo wakes those who watch the keys, here and on other servers, after the
// commit.
func (x *tx) announceTo(org pullpass.OrganizationID, keys ...string) {
	x.changed = append(x.changed, strings.Join(append([]string{string(org)}, keys...), " "))
}

// notify hands what was announced to the database, which passes it on when the
// transaction commits and forgets it otherwise.
func (x *tx) notify() error {
	if x.db.dialect.Notify == "" {
		return nil
	}
	for _, payload := range x.changed {
		if _, err := x.exec(x.db.dialect.Notify, payload); err != nil {
			return err
		}
	}
	return nil
}

// heard wakes those who watch what a payload names.
func (db *DB) heard(payload string) {
	parts := strings.Split(payload, " ")
	for _, key := range parts[1:] {
		db.hub.wake(topic{parts[0], key})
	}
}

type topic struct{ organization, key string }

// hub keeps who watches what in this process.
type hub struct {
	mu       sync.Mutex
	closed   bool
	watchers map[topic]map[*watcher]bool
}

type watcher struct {
	topics []topic
	wake   chan struct{} // holds one: what is not received yet is not sent twice
}

func newHub() *hub { return &hub{watchers: make(map[topic]map[*watcher]bool)} }

func (h *hub) watch(ctx context.Context, org pullpass.OrganizationID, keys []string) <-chan struct{} {
	w := &watcher{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || ctx.Err() != nil {
		close(w.wake)
		return w.wake
	}
	for _, key := range keys {
		t := topic{string(org), key}
		if h.watchers[t] == nil {
			h.watchers[t] = make(map[*watcher]bool)
		}
		h.watchers[t][w] = true
		w.topics = append(w.topics, t)
	}
	context.AfterFunc(ctx, func() { h.remove(w) })
	return w.wake
}

func (h *hub) remove(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	for _, t := range w.topics {
		delete(h.watchers[t], w)
		if len(h.watchers[t]) == 0 {
			delete(h.watchers, t)
		}
	}
	close(w.wake)
}

func (h *hub) wake(t topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers[t] {
		w.nudge()
	}
}

// wakeAll is for when it is not known what was missed.
func (h *hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, watchers := range h.watchers {
		for w := range watchers {
			w.nudge()
		}
	}
}

func (w *watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default: // one is waiting already
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	seen := make(map[*watcher]bool)
	for _, watchers := range h.watchers {
		for w := range watchers {
			if !seen[w] {
				seen[w] = true
				close(w.wake)
			}
		}
	}
	h.watchers = nil
}

// Shared reports whether several servers can use the database at once.
func (db *DB) Shared() bool { return db.dialect.Notify != "" }
