package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/reference"
)

// publicPolicy limits a session to asking for ECR Public's token, which opens
// nothing that is not open already: it only counts the pulls as the account's.
const publicPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr-public:GetAuthorizationToken","sts:GetServiceBearerToken"],"Resource":["*"]}]}`

// mintPublic asks for ECR Public's token, in its one region.
func (m *Minter) mintPublic(ctx context.Context, r broker.MintRequest) (broker.Minted, error) {
	what := "cannot get a token for " + r.Host.Name
	l := m.ladder(r)
	top, err := l.climb(ctx, publicPolicy)
	if err != nil {
		m.forget(l.key, err)
		return broker.Minted{}, awscall.Explain(what, err, m.o.Now())
	}
	client := ecrpublic.NewFromConfig(
		m.config(reference.ECRPublicRegion, top.provider, l.wait(broker.ServiceECR)),
		func(o *ecrpublic.Options) {
			o.BaseEndpoint = aws.String(reference.ECRPublicAPIEndpoint)
		},
	)
	out, err := client.GetAuthorizationToken(ctx, &ecrpublic.GetAuthorizationTokenInput{})
	if err != nil {
		m.forget(l.key, err)
		return broker.Minted{}, awscall.Explain(what, err, m.o.Now())
	}
	data := &ecr.GetAuthorizationTokenOutput{}
	if d := out.AuthorizationData; d != nil {
		data.AuthorizationData = []types.AuthorizationData{{AuthorizationToken: d.AuthorizationToken, ExpiresAt: d.ExpiresAt}}
	}
	credential, err := readToken(what, r.Host.Name, data)
	if err != nil {
		return broker.Minted{}, err
	}
	if !top.expires.IsZero() && top.expires.Before(credential.Expires) {
		credential.Expires = top.expires
	}
	minted := broker.Minted{
		Credential:   credential,
		Principal:    top.principal,
		WebIdentity:  top.webIdentity,
		Repositories: r.Repositories,
	}
	if top.narrowed {
		minted.Policy = publicPolicy
	}
	return minted, nil
}
