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
	Provision(ctx context.Context, caller pullpass.Caller, entry pullpass.Registry, repository string, action pullpass.Action) error
}

func (b *Broker) provision(ctx context.Context, caller pullpass.Caller, ask Ask, p *plan) error {
	if b.provisioner == nil {
		return nil
	}
	return b.provisioner.Provision(ctx, caller, p.registry, ask.Repository, p.action)
}

// Wait returns when an integration's account in a region may be asked once more:
// whatever else asks AWS in an organization's name takes its turn here, too.
func (b *Broker) Wait(org pullpass.OrganizationID, i pullpass.Integration, region string) func(context.Context, Service) error {
	return b.pacer.For(org, i, region)
}
