package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
)

// Policies reads policies live, for iam.Explain: each account with the client
// configuration that belongs to it. What lies in any other account, or may not be
// read, is iam.ErrNotReadable.
type Policies struct{ accounts map[string]aws.Config }

// NewPolicies asks each configuration which account it belongs to.
func NewPolicies(ctx context.Context, configs ...aws.Config) (*Policies, error) {
	p := &Policies{accounts: map[string]aws.Config{}}
	for _, cfg := range configs {
		out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, fmt.Errorf("asking AWS who reads the policies: %w", err)
		}
		p.accounts[aws.ToString(out.Account)] = cfg
	}
	return p, nil
}

func (p *Policies) iam(account string) (*awsiam.Client, error) {
	cfg, ok := p.accounts[account]
	if !ok {
		return nil, iam.ErrNotReadable
	}
	return awsiam.NewFromConfig(cfg), nil
}

func (p *Policies) ecr(r iam.Repository) (*ecr.Client, error) {
	cfg, ok := p.accounts[r.Account]
	if !ok {
		return nil, iam.ErrNotReadable
	}
	return ecr.NewFromConfig(cfg, func(o *ecr.Options) { o.Region = r.Region }), nil
}

// entity is a user or role by what IAM's calls take.
type entity struct {
	account, name string
	role          bool
}

func entityOf(arn string) (entity, bool) {
	parsed, ok := awsname.ParseARN(arn)
	if !ok || parsed.Service != "iam" {
		return entity{}, false
	}
	kind, path, ok := strings.Cut(parsed.Resource, "/")
	if !ok || (kind != "role" && kind != "user") {
		return entity{}, false
	}
	return entity{parsed.Account, path[strings.LastIndexByte(path, '/')+1:], kind == "role"}, true
}

// TrustPolicy implements iam.Reader.
func (p *Policies) TrustPolicy(ctx context.Context, roleARN string) (*iam.Policy, error) {
	e, ok := entityOf(roleARN)
	if !ok {
		return nil, iam.ErrNotReadable
	}
	api, err := p.iam(e.account)
	if err != nil {
		return nil, err
	}
	out, err := api.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String(e.name)})
	if err != nil {
		return nil, readable(err)
	}
	return parseEncoded(out.Role.AssumeRolePolicyDocument)
}

// RepositoryPolicy implements iam.Reader.
func (p *Policies) RepositoryPolicy(ctx context.Context, r iam.Repository) (*iam.Policy, error) {
	api, err := p.ecr(r)
	if err != nil {
		return nil, err
	}
	out, err := api.GetRepositoryPolicy(
		ctx,
		&ecr.GetRepositoryPolicyInput{RepositoryName: aws.String(r.Name), RegistryId: aws.String(r.Account)},
	)
	var none *ecrtypes.RepositoryPolicyNotFoundException
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, readable(err)
	}
	return iam.Parse([]byte(aws.ToString(out.PolicyText)))
}

// RegistryPolicy implements iam.Reader.
func (p *Policies) RegistryPolicy(ctx context.Context, r iam.Repository) (*iam.Policy, error) {
	api, err := p.ecr(r)
	if err != nil {
		return nil, err
	}
	out, err := api.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	var none *ecrtypes.RegistryPolicyNotFoundException
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, readable(err)
	}
	return iam.Parse([]byte(aws.ToString(out.PolicyText)))
}

// Provider implements iam.ProviderReader.
func (p *Policies) Provider(ctx context.Context, arn string) ([]string, bool, error) {
	parsed, ok := awsname.ParseARN(arn)
	if !ok {
		return nil, false, iam.ErrNotReadable
	}
	api, err := p.iam(parsed.Account)
	if err != nil {
		return nil, false, err
	}
	out, err := api.GetOpenIDConnectProvider(
		ctx,
		&awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn)},
	)
	var none *iamtypes.NoSuchEntityException
	if errors.As(err, &none) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, readable(err)
	}
	return out.ClientIDList, true, nil
}

// PrincipalContext implements iam.ContextReader: the tags of the user or role. Those
// that a session adds are the caller's to tell.
func (p *Policies) PrincipalContext(ctx context.Context, principal iam.Principal) (map[string][]string, error) {
	e, ok := entityOf(principal.IdentityARN())
	if !ok {
		return nil, iam.ErrNotReadable
	}
	api, err := p.iam(e.account)
	if err != nil {
		return nil, err
	}
	var tags []iamtypes.Tag
	if e.role {
		out, err := api.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String(e.name)})
		if err != nil {
			return nil, readable(err)
		}
		tags = out.Role.Tags
	} else {
		out, err := api.GetUser(ctx, &awsiam.GetUserInput{UserName: aws.String(e.name)})
		if err != nil {
			return nil, readable(err)
		}
		tags = out.User.Tags
	}
	known := map[string][]string{"aws:PrincipalTag/": {}}
	for _, t := range tags {
		known["aws:PrincipalTag/"+aws.ToString(t.Key)] = []string{aws.ToString(t.Value)}
	}
	return known, nil
}

// RepositoryContext implements iam.ContextReader: the repository's tags.
func (p *Policies) RepositoryContext(ctx context.Context, r iam.Repository) (map[string][]string, error) {
	api, err := p.ecr(r)
	if err != nil {
		return nil, err
	}
	out, err := api.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: aws.String(r.ARN())})
	if err != nil {
		return nil, readable(err)
	}
	known := map[string][]string{"aws:ResourceTag/": {}, "ecr:ResourceTag/": {}}
	for _, t := range out.Tags {
		for _, family := range []string{"aws:ResourceTag/", "ecr:ResourceTag/"} {
			known[family+aws.ToString(t.Key)] = []string{aws.ToString(t.Value)}
		}
	}
	return known, nil
}

// readable turns "you may not look" into "it cannot be read from here", which a
// story can tell; anything else is an error. What does not exist has no policies
// to be told about: the name is wrong.
func readable(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch code := api.ErrorCode(); {
	case strings.HasPrefix(code, "AccessDenied"):
		return iam.ErrNotReadable
	case code == "NoSuchEntity", code == "RepositoryNotFoundException":
		return &pullpass.Error{Kind: pullpass.NotFound, Cause: api.ErrorMessage(), Err: err}
	}
	return err
}

// parseEncoded reads a document as IAM returns it: percent-encoded.
func parseEncoded(document *string) (*iam.Policy, error) {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		return nil, fmt.Errorf("reading a policy that IAM returned: %w", err)
	}
	return iam.Parse([]byte(text))
}
