package broker

import (
	"context"

	"github.com/pullpass/pullpass"
)

// pin names one start of an environment. The generations that were pinned then
// never change: another start has others, and another name. So they are read
// once, while the environment itself is read for every ask.
type pin struct {
	organization pullpass.OrganizationID
	environment  pullpass.EnvironmentID
	start        int64
}

// pins keeps what starts pinned. The broker's lock guards it.
type pins struct {
	limit int
	list  map[pin][]pullpass.Registry
}

// pinned returns the registries of an environment as it was started. The list is
// shared: nobody changes it.
func (b *Broker) pinned(ctx context.Context, env pullpass.Environment) ([]pullpass.Registry, error) {
	at := pin{env.Organization, env.ID, env.Start}
	b.mu.Lock()
	list, ok := b.pins.list[at]
	b.mu.Unlock()
	if ok {
		return list, nil
	}
	list, err := b.store.PinnedRegistries(ctx, env.Organization, env.ID)
	if err != nil || !sameGenerations(list, env.Registries) {
		return list, err // a restart came between the two reads: good for once
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pins.list) >= b.pins.limit {
		for one := range b.pins.list { // whichever comes first: it costs one read to have it again
			delete(b.pins.list, one)
			break
		}
	}
	b.pins.list[at] = list
	return list, nil
}

// sameGenerations reports whether a list is what the environment says that it
// was started with.
func sameGenerations(list []pullpass.Registry, want []pullpass.RegistryGeneration) bool {
	if len(list) != len(want) {
		return false
	}
	have := make(map[pullpass.RegistryGeneration]bool, len(list))
	for _, r := range list {
		have[pullpass.RegistryGeneration{Registry: r.ID, Generation: r.Generation}] = true
	}
	for _, g := range want {
		if !have[g] {
			return false
		}
	}
	return true
}
