package broker

import (
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
