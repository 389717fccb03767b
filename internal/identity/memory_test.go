package identity_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// memoryKeys is a Keys in memory, with the store's rule about sequence numbers.
type memoryKeys struct {
	mu   sync.Mutex
	keys []identity.StoredKey
}

func (m *memoryKeys) SigningKeys(_ context.Context, org pullpass.OrganizationID) ([]identity.StoredKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var mine []identity.StoredKey
	for _, k := range m.keys {
		if k.Organization == org {
			mine = append(mine, k)
		}
	}
	return mine, nil
}

func (m *memoryKeys) AddSigningKey(_ context.Context, k identity.StoredKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, other := range m.keys {
		if other.Organization == k.Organization && other.Algorithm == k.Algorithm && other.Sequence == k.Sequence {
			return &pullpass.Error{Kind: pullpass.Conflict, What: "taken"}
		}
	}
	m.keys = append(m.keys, k)
	return nil
}

func (m *memoryKeys) DeleteSigningKeys(_ context.Context, org pullpass.OrganizationID, alg identity.Algorithm, below int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys = slices.DeleteFunc(m.keys, func(k identity.StoredKey) bool {
		return k.Organization == org && k.Algorithm == alg && k.Sequence < below
	})
	return nil
}

// clock is a clock that moves when it is told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}
