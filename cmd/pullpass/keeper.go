package main

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/provision"
	"github.com/pullpass/pullpass/internal/reference"
)

// newKeeper joins what keeps projects' repositories. The broker, which comes after
// it, paces its calls together with its own.
func (p *parts) newKeeper(door provision.Auditor, minter *aws.Minter, hosts *reference.Hosts) (*provision.Keeper, error) {
	return provision.New(provision.Options{
		Store: p.db, AWS: minter, Auditor: door, Hosts: hosts,
		Wait: func(org pullpass.OrganizationID, i pullpass.Integration, region string) func(context.Context, string) error {
			wait := p.broker.Wait(org, i, region)
			return func(ctx context.Context, service string) error { return wait(ctx, broker.Service(service)) }
		},
	})
}
