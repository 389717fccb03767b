package broker

import (
	"context"
	"errors"
	"slices"

	"github.com/pullpass/pullpass"
)

// Hosts lists the hosts for which the caller would be given a credential in a project,
// by the rules of Issue. Nothing is issued and no cloud is asked, so nothing is recorded.
func (b *Broker) Hosts(ctx context.Context, caller pullpass.Caller, project pullpass.ProjectID) ([]string, error) {
	ask := Ask{Project: project, Action: pullpass.ActionPull}
	registries, _, err := b.registries(ctx, caller, ask, &plan{organization: caller.Organization, project: project})
	if err != nil {
		return nil, err
	}
	var hosts []string
	for _, r := range registries {
		if !slices.Contains(hosts, r.Host) {
			hosts = append(hosts, r.Host)
		}
	}
	slices.Sort(hosts)
	open := []string{}
	for _, host := range hosts {
		ask.Host = host
		err := b.opens(ctx, caller, ask)
		var refusal *pullpass.Error
		switch {
		case err == nil:
			open = append(open, host)
		case errors.As(err, &refusal) && slices.Contains([]pullpass.Kind{pullpass.Denied, pullpass.Invalid, pullpass.NotFound}, refusal.Kind):
		default:
			return nil, err
		}
	}
	return open, nil
}

// opens decides an ask, as Issue would.
func (b *Broker) opens(ctx context.Context, caller pullpass.Caller, ask Ask) error {
	ask, host, err := b.normalize(ask)
	if err != nil {
		return err
	}
	p := &plan{organization: caller.Organization, project: ask.Project, host: host, action: ask.Action}
	if err := b.decide(ctx, caller, ask, p); err != nil {
		return err
	}
	if p.native() {
		return errNative(ask, p)
	}
	return nil
}
