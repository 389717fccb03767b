package main

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/identity"
)

// webIdentities lets integrations prove themselves to AWS with tokens of their
// organization's own issuer: no stored secret.
type webIdentities struct{ provider *identity.Provider }

// WebIdentityToken implements aws.TokenSource. The token is used at once.
func (w webIdentities) WebIdentityToken(ctx context.Context, i pullpass.Integration, p pullpass.ProjectID, e pullpass.EnvironmentID) (aws.WebIdentity, error) {
	token, err := w.provider.Issue(ctx, identity.Request{
		Organization: i.Organization, Subject: i.Subject(p, e), Audience: []string{awsAudience}, Life: 5 * time.Minute,
		Claims: identity.Claims{AuthorizedParty: awsAudience, Project: p, Environment: e},
	})
	return aws.WebIdentity{Token: token.Text, ID: token.ID}, err
}
