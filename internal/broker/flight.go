package broker

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
)

// flightTime bounds one upstream call with its waiting and its retries.
const flightTime = time.Minute

// flight is one upstream call that everybody waits for who asks for the same.
type flight struct {
	done   chan struct{}
	minted Minted
	err    error
}

// obtain answers from the cache or asks upstream.
func (b *Broker) obtain(ctx context.Context, p plan) (m Minted, cached bool, err error) {
	key := p.key()
	b.mu.Lock()
	now := b.now()
	if e := b.cache.get(key, now); e != nil {
		if e.err == nil && !now.Before(e.life.refresh) && b.flights[key] == nil {
			b.start(key, p)
		}
		m, err = e.minted, e.err
		b.mu.Unlock()
		b.stats.hits.Add(1)
		return m, true, err
	}
	f := b.flights[key]
	if f == nil {
		f = b.start(key, p)
	}
	b.mu.Unlock()
	select {
	case <-f.done:
		return f.minted, false, f.err
	case <-ctx.Done():
		return Minted{}, false, &pullpass.Error{Kind: pullpass.Unavailable, Code: "issue_abandoned", What: "cannot issue a credential",
			Cause: "the request ended before the answer came", Err: ctx.Err()}
	}
}

// start begins a flight. It belongs to the broker, not to whoever asked first:
// that one may go away, and the others still get their answer. The lock is held.
func (b *Broker) start(key Key, p plan) *flight {
	f := &flight{done: make(chan struct{})}
	if b.closed {
		f.err = &pullpass.Error{Kind: pullpass.Unavailable, Code: "stopping", What: "cannot issue a credential", Cause: "the server is stopping"}
		close(f.done)
		return f
	}
	b.flights[key] = f
	b.running.Add(1)
	go func() {
		defer b.running.Done()
		ctx, cancel := context.WithTimeout(b.life, flightTime)
		defer cancel()
		m, err := b.upstream(ctx, key, p)
		b.mu.Lock()
		f.err = b.cache.settle(key, m, err, b.now())
		if f.err == nil {
			f.minted = m
		}
		delete(b.flights, key)
		b.mu.Unlock()
		close(f.done)
	}()
	return f
}

func (b *Broker) upstream(ctx context.Context, key Key, p plan) (Minted, error) {
	if b.coordinator == nil || p.registry.Auth == pullpass.AuthBasic {
		return b.mint(ctx, p)
	}
	return b.coordinator.Once(ctx, key, func(ctx context.Context) (Minted, error) { return b.mint(ctx, p) })
}

// mint opens the stored password or asks AWS.
func (b *Broker) mint(ctx context.Context, p plan) (Minted, error) {
	b.stats.mints.Add(1)
	if p.registry.Auth == pullpass.AuthBasic {
		secret, err := b.store.RegistrySecret(ctx, p.organization, pullpass.RegistryGeneration{Registry: p.registry.ID, Generation: p.registry.Generation})
		return Minted{Credential: pullpass.Credential{
			Host: p.registry.Host, Username: p.registry.Username, Secret: secret, Unscoped: true,
		}}, err
	}
	if b.aws == nil {
		return Minted{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "aws_disabled", What: "cannot issue a credential", Cause: "this server does not talk to AWS"}
	}
	req := MintRequest{
		Organization: p.organization, Integration: p.integration, Host: p.host,
		Action: p.action, Repositories: p.repositories, Wait: b.pace(p),
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
	if err != nil {
		return Minted{}, err
	}
	m.Credential.Host = p.registry.Host
	m.Credential.Unscoped = len(m.Repositories) == 0
	return m, nil
}
