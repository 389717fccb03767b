package aws

import (
	"time"

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

func (n *known) fresh(now time.Time) bool {
	return n.below.expires.IsZero() || n.below.expires.Sub(now) > freshEdge
}
