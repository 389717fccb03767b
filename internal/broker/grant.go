package broker

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
)

// grantLife is short: the runner mints at once.
const grantLife = 5 * time.Minute

// Signer signs grants; the id names one in the audit record.
type Signer interface {
	SignGrant(context.Context, pullpass.Grant) (text pullpass.Secret, id string, err error)
}

// native reports whether the runner's own AWS identity opens the registry: by
// itself, or as the first rung of an integration.
func (p *plan) native() bool {
	return p.registry.Auth == pullpass.AuthRunnerNative ||
		(p.registry.Auth == pullpass.AuthIntegration && p.integration.Mode == pullpass.ModeRunnerNative)
}

// grant lets a runner mint with its own identity. What it mints for a person
// inside is the environment's alone, and never what the start was given.
func (b *Broker) grant(ctx context.Context, caller pullpass.Caller, ask Ask, p *plan) (pullpass.Secret, string, error) {
	if caller.Kind != pullpass.CallerRunner || ask.Environment == "" {
		return pullpass.Secret{}, "", errNative(ask, p)
	}
	if b.grants == nil {
		return pullpass.Secret{}, "", &pullpass.Error{Kind: pullpass.Unavailable, Code: "grants_disabled", What: "cannot issue a credential", Cause: "this server signs no grants"}
	}
	return b.grants.SignGrant(ctx, pullpass.Grant{
		Organization: p.organization, Runner: p.runner, Environment: ask.Environment, Project: p.project,
		Registry: pullpass.RegistryGeneration{Registry: p.registry.ID, Generation: p.registry.Generation},
		Host:     p.host.Name, Repositories: p.repositories, Action: p.action, Inside: p.inside,
		Integration: p.integration.ID, IntegrationGeneration: p.integration.Generation, Chain: p.integration.Chain,
		Expires: b.now().Add(grantLife),
	})
}

func errNative(ask Ask, p *plan) error {
	return &pullpass.Error{Kind: pullpass.Denied, Code: "runner_native", What: "cannot issue a credential for " + place(ask),
		Cause: "the registry " + p.registry.Name + " is opened by the runner's own AWS identity, for its environments only",
		Hint:  "start an environment, or let a runner try: pullpass registry test " + p.registry.Name + " --runner RUNNER"}
}
