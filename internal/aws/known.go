package aws

import (
	"errors"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// identityKey names the lower rungs of a ladder: everything that changes them.
type identityKey struct {
	organization pullpass.OrganizationID
	integration  pullpass.IntegrationID
	generation   int64
	project      pullpass.ProjectID     // ModeWebIdentity: the token names them
	environment  pullpass.EnvironmentID //
	endpoint     string                 // sessions of one STS are nothing to another
}

func keyOf(r broker.MintRequest) identityKey {
	k := identityKey{organization: r.Organization, integration: r.Integration.ID, generation: r.Integration.Generation}
	if r.Integration.Mode == pullpass.ModeWebIdentity {
		k.project, k.environment = r.Project, r.Environment
	}
	if r.Host.ECR != nil {
		k.endpoint = r.Host.ECR.STSEndpointIn(r.Integration.Region)
	}
	return k
}

// known is what has been learned of an identity.
type known struct {
	below     rung
	wideUntil time.Time // until when it is not tried again to narrow it
}

const (
	maxKnown  = 1024
	freshEdge = 10 * time.Minute // a session that ends sooner is not built upon
)

func (m *Minter) get(k identityKey) *known {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.known[k]
	if found == nil || !found.fresh(m.o.Now()) {
		delete(m.known, k)
		return nil
	}
	copied := *found
	return &copied
}

func (n *known) fresh(now time.Time) bool {
	return n.below.expires.IsZero() || n.below.expires.Sub(now) > freshEdge
}

func (m *Minter) put(k identityKey, below rung) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k.integration == "" {
		return // an integration that is not saved yet has no name to be found by
	}
	if len(m.known) >= maxKnown {
		now := m.o.Now()
		for old, n := range m.known {
			if !n.fresh(now) || len(m.known) >= maxKnown { // any one, if none is over
				delete(m.known, old)
			}
		}
	}
	m.known[k] = &known{below: below}
}

func (m *Minter) cannotNarrow(k identityKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.known[k]
	return n != nil && m.o.Now().Before(n.wideUntil)
}

func (m *Minter) remember(k identityKey, wideUntil time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.known[k]; n != nil {
		n.wideUntil = wideUntil
	}
}

// forget drops rungs that AWS no longer accepts, and reports whether there were any.
func (m *Minter) forget(k identityKey, err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) && slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}, api.ErrorCode()) {
		return m.drop(k)
	}
	return false
}

func (m *Minter) drop(k identityKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, there := m.known[k]
	delete(m.known, k)
	return there
}
