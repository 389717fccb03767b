package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/pullpass/pullpass/internal/iam"
)

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
