package broker_test

import (
	"context"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// counting counts the reads of what environments pinned.
type counting struct {
	*memory
	reads int
}

func (c *counting) PinnedRegistries(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID) ([]pullpass.Registry, error) {
	c.reads++
	return c.memory.PinnedRegistries(ctx, org, id)
}

func TestPinsAreReadOnceForEachStart(t *testing.T) {
	store := &counting{memory: newMemory()}
	s := newScene(t, broker.Options{Store: store, MaxEntries: 2})
	store.memory = s.store
	generation := func(n int64) { // what a restart does
		s.store.inForce[0].Generation = n
	}
	start := func(e pullpass.Environment, n int64) pullpass.Environment {
		e.Start = n
		e.Registries = []pullpass.RegistryGeneration{{Registry: s.registry.ID, Generation: s.store.inForce[0].Generation}}
		s.store.environments[e.ID] = e
		s.store.registries[e.ID] = append([]pullpass.Registry(nil), s.store.inForce...)
		return e
	}
	ask := func(e pullpass.Environment, want int64, reads int) {
		t.Helper()
		got, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: e.ID, Host: ecrHost, Repository: "team/app"})
		if err != nil || got.Generation != want || store.reads != reads {
			t.Errorf("Issue = generation %d, %v after %d reads, want generation %d after %d", got.Generation, err, store.reads, want, reads)
		}
	}
	e := start(s.environment(), 1)
	ask(e, 1, 1)
	ask(e, 1, 1)
	generation(2)
	ask(e, 1, 1) // a new generation is nothing to a running environment
	e = start(e, 2)
	ask(e, 2, 2)
	ask(e, 2, 2)

	// A restart between the two reads: the answer holds for this once.
	torn := e
	torn.Start, torn.Registries = 3, []pullpass.RegistryGeneration{{Registry: s.registry.ID, Generation: 9}}
	s.store.environments[e.ID] = torn
	ask(torn, 2, 3)
	ask(torn, 2, 4)

	for range 5 { // more environments than are kept
		ask(start(s.environment(), 1), 2, store.reads+1)
	}
	stopped := start(s.environment(), 1)
	ask(stopped, 2, store.reads+1)
	stopped.Wanted = pullpass.WantedStopped // read every time
	s.store.environments[stopped.ID] = stopped
	if _, err := s.broker.Issue(t.Context(), s.asRunner(), broker.Ask{Environment: stopped.ID, Host: ecrHost, Repository: "team/app"}); !pullpass.IsKind(err, pullpass.Conflict) {
		t.Errorf("a stopped environment = %v, want Conflict", err)
	}
}
