package identity

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/pullpass/pullpass"
)

// remember is how long a provider trusts what it read of the keys. It is far
// below any Lead, so a key that another server adds is published in time.
const remember = 30 * time.Second

func tokenID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ring returns an organization's keys, making those that are due.
func (p *Provider) ring(ctx context.Context, org pullpass.OrganizationID) (*ring, error) {
	p.mu.Lock()
	r := p.chains[org]
	p.mu.Unlock()
	if r != nil && p.now().Sub(r.read) < min(remember, p.schedule.Lead/4) {
		return r, nil
	}
	// Whoever comes first reads for all who wait, and must not fail them by leaving.
	shared, err, _ := p.reading.Do(string(org), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readWithin)
		defer cancel()
		return p.rotate(ctx, org)
	})
	if err != nil {
		return nil, err
	}
	return shared.(*ring), nil //nolint:forcetypeassert // what the function above returns
}

const readWithin = 10 * time.Second

// Rotate reads an organization's keys, adds a key to each chain where one is due
// and deletes those that nobody needs. It is cheap when nothing is due, and safe
// to call from several servers at once.
func (p *Provider) Rotate(ctx context.Context, org pullpass.OrganizationID) error {
	_, err := p.rotate(ctx, org)
	return err
}

func (p *Provider) rotate(ctx context.Context, org pullpass.OrganizationID) (*ring, error) {
	r, err := p.readRing(ctx, org)
	if err != nil {
		return nil, err
	}
	changed := false
	for _, alg := range algorithms {
		added, err := p.extend(ctx, org, alg, r.chains[alg])
		if err != nil {
			return nil, err
		}
		changed = changed || added
		if err := p.prune(ctx, org, alg, r.chains[alg]); err != nil {
			return nil, err
		}
	}
	if changed {
		if r, err = p.readRing(ctx, org); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	p.chains[org] = r
	p.mu.Unlock()
	return r, nil
}

func (p *Provider) extend(
	ctx context.Context,
	org pullpass.OrganizationID,
	alg Algorithm,
	c chain,
) (added bool, err error) {
	activeFrom, due := c.next(p.now(), p.schedule)
	if !due {
		return false, nil
	}
	seq := int64(1)
	if len(c) > 0 {
		seq = c[len(c)-1].Sequence + 1
	}
	k, err := newKey(org, alg, seq, activeFrom, p.now())
	if err != nil {
		return false, err
	}
	err = p.keys.AddSigningKey(ctx, k)
	if pullpass.IsKind(err, pullpass.Conflict) {
		return true, nil // another server was first: its key is read next
	}
	if err != nil {
		return false, fmt.Errorf("keeping a signing key: %w", err)
	}
	return true, nil
}

func (p *Provider) prune(ctx context.Context, org pullpass.OrganizationID, alg Algorithm, c chain) error {
	keep := c.published(p.now(), p.schedule)
	if len(keep) == 0 || keep[0].Sequence == c[0].Sequence {
		return nil
	}
	if err := p.keys.DeleteSigningKeys(ctx, org, alg, keep[0].Sequence); err != nil {
		return fmt.Errorf("deleting old signing keys: %w", err)
	}
	return nil
}

func (p *Provider) readRing(ctx context.Context, org pullpass.OrganizationID) (*ring, error) {
	stored, err := p.keys.SigningKeys(ctx, org)
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	known := p.opened(org)
	byAlgorithm := map[Algorithm][]*key{}
	for _, s := range stored {
		k := known[s.ID]
		if k == nil {
			if k, err = openKey(s); err != nil {
				return nil, err
			}
		}
		byAlgorithm[s.Algorithm] = append(byAlgorithm[s.Algorithm], k)
	}
	r := &ring{chains: map[Algorithm]chain{}, read: p.now()}
	for alg, keys := range byAlgorithm {
		r.chains[alg] = newChain(keys)
	}
	return r, nil
}

// opened returns the keys that were parsed before, so that a refresh is cheap.
func (p *Provider) opened(org pullpass.OrganizationID) map[string]*key {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := map[string]*key{}
	if r := p.chains[org]; r != nil {
		for _, c := range r.chains {
			for _, k := range c {
				known[k.ID] = k
			}
		}
	}
	return known
}
