package broker

import (
	"context"

	"github.com/pullpass/pullpass"
)

// Provisioner knows the registry entries that were made with a repository of
// their own, and creates one that waits for its first push.
type Provisioner interface {
	// Provision returns nil when a credential for the entry's repository may be
	// issued, now that it is there.
	Provision(
		ctx context.Context,
		caller pullpass.Caller,
		entry pullpass.Registry,
		repository string,
		action pullpass.Action,
	) error
}
