package provision

import (
	"context"
	"sync"

	"github.com/pullpass/pullpass"
)

func notYet(r pullpass.Repository) error {
	if r.State == pullpass.RepositoryFailed {
		return failed(r)
	}
	return &pullpass.Error{Kind: pullpass.Conflict, Code: "repository_pending", What: "cannot pull from " + r.Image(),
		Cause: "nothing has been pushed yet: the repository is created by its first push", Hint: "push an image, or create it now: pullpass repository create --project " + string(r.Project) + " --integration " + string(r.Integration) + " --name " + r.Name}
}

func failed(r pullpass.Repository) error {
	return &pullpass.Error{
		Kind:  pullpass.Conflict,
		Code:  "repository_failed",
		What:  "the repository " + r.Image() + " could not be created",
		Cause: r.Reason,
		Hint:  "after fixing that: pullpass repository update " + string(r.ID),
	}
}

// settled remembers the entries that need no look any more: what has been created
// stays created, and an entry without a repository never gets one.
type settled struct {
	mu   sync.Mutex
	list map[settledKey]bool
}

type settledKey struct {
	organization pullpass.OrganizationID
	registry     pullpass.RegistryID
}

const maxSettled = 10_000

func (s *settled) has(e pullpass.Registry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[settledKey{e.Organization, e.ID}]
}

func (s *settled) add(e pullpass.Registry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil || len(s.list) >= maxSettled {
		s.list = make(map[settledKey]bool) // it costs one read each to have them again
	}
	s.list[settledKey{e.Organization, e.ID}] = true
}

// turns lets one at a time work on a repository.
type turns struct {
	mu   sync.Mutex
	list map[pullpass.RepositoryID]*turn
}

type turn struct {
	busy  chan struct{}
	users int
}

// take waits for the repository's turn, as long as ctx lasts; done ends it.
func (t *turns) take(ctx context.Context, id pullpass.RepositoryID) (done func(), err error) {
	t.mu.Lock()
	if t.list == nil {
		t.list = make(map[pullpass.RepositoryID]*turn)
	}
	mine := t.list[id]
	if mine == nil {
		mine = &turn{busy: make(chan struct{}, 1)}
		t.list[id] = mine
	}
	mine.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(t.list, id)
		}
	}
	select {
	case mine.busy <- struct{}{}:
		return func() { <-mine.busy; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "canceled",
			What:  "cannot keep the repository",
			Cause: "the request ended while another one was at work on it",
			Err:   ctx.Err(),
		}
	}
}
