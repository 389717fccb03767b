package broker

import (
	"context"
	"errors"

	"github.com/pullpass/pullpass"
)

// CodePolicyTooLarge is a Minter's word that AWS finds the session policy too
// large: its packed size counts session tags as well, and cannot be told before.
const CodePolicyTooLarge = "session_policy_too_large"

// obtain gets a credential for all repositories of the plan, so that it serves all
// services of an environment, or where that does not fit for the asked one alone.
// It is never widened.
func (b *Broker) obtain(ctx context.Context, p *plan, repository, refused string) (Minted, bool, error) {
	m, cached, err := b.get(ctx, *p, refused)
	if tooLarge(err) && repository != "" && len(p.repositories) > 1 {
		p.repositories = []string{repository}
		return b.get(ctx, *p, refused)
	}
	return m, cached, err
}

func tooLarge(err error) bool {
	var e *pullpass.Error
	return errors.As(err, &e) && e.Code == CodePolicyTooLarge
}

// get answers from the keeper or asks upstream.
func (b *Broker) get(ctx context.Context, p plan, refused string) (Minted, bool, error) {
	return b.keeper.Get(ctx, p.key(), Source{
		Organization: p.organization,
		Mint:         func(ctx context.Context, fresh bool) (Minted, error) { return b.mint(ctx, p, fresh) },
		Refused:      refused,
		Alone:        p.registry.Auth == pullpass.AuthBasic,
	})
}

// mint opens the stored password or asks AWS.
func (b *Broker) mint(ctx context.Context, p plan, fresh bool) (Minted, error) {
	if p.registry.Auth == pullpass.AuthBasic {
		secret, err := b.store.RegistrySecret(ctx, p.organization, p.registry)
		return Minted{Credential: pullpass.Credential{
			Host: p.registry.Host, Username: p.registry.Username, Secret: secret, Unscoped: true,
		}}, err
	}
	if b.aws == nil {
		return Minted{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "aws_disabled", What: "cannot issue a credential", Cause: "this server does not talk to AWS"}
	}
	req := MintRequest{
		Organization: p.organization, Integration: p.integration, Host: p.host,
		Action: p.action, Repositories: p.repositories, Fresh: fresh, Wait: b.pacer.For(p.organization, p.integration, p.region()),
	}
	if p.own() {
		req.Project, req.Environment = p.project, p.environment
	}
	if p.integration.Mode == pullpass.ModeAccessKey {
		var err error
		if req.Secret, err = b.store.IntegrationSecret(ctx, p.organization, p.integration.ID, p.integration.Generation); err != nil {
			return Minted{}, err
		}
	}
	m, err := b.aws.Mint(ctx, req)
	if err != nil && p.public() && p.action == pullpass.ActionPull && !pullpass.IsKind(err, pullpass.Invalid) {
		// Whoever has no token pulls as anybody may, more slowly.
		return Minted{Credential: pullpass.Credential{Host: p.registry.Host}, Anonymous: reason(err)}, nil
	}
	if err != nil {
		return Minted{}, err
	}
	m.Credential.Host = p.registry.Host
	m.Credential.Unscoped = len(m.Repositories) == 0
	return m, nil
}
