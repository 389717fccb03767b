package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/pullpass/pullpass/internal/iam"
)

// IdentityPolicies implements iam.Reader: inline and attached policies, and for
// a user those of its groups.
func (p *Policies) IdentityPolicies(ctx context.Context, principal iam.Principal) ([]*iam.Policy, error) {
	e, ok := entityOf(principal.IdentityARN())
	if !ok {
		return nil, iam.ErrNotReadable
	}
	api, err := p.iam(e.account)
	if err != nil {
		return nil, err
	}
	var texts []*string
	if e.role {
		texts, err = rolePolicies(ctx, api, e.name)
	} else {
		texts, err = userPolicies(ctx, api, e.name)
	}
	if err != nil {
		return nil, readable(err)
	}
	var policies []*iam.Policy
	for _, text := range texts {
		policy, err := parseEncoded(text)
		if err != nil {
			return nil, err
		}
		policies = append(policies, policy)
	}
	return policies, nil
}

// PermissionsBoundary implements iam.Reader.
func (p *Policies) PermissionsBoundary(ctx context.Context, principal iam.Principal) (*iam.Policy, error) {
	e, ok := entityOf(principal.IdentityARN())
	if !ok {
		return nil, iam.ErrNotReadable
	}
	api, err := p.iam(e.account)
	if err != nil {
		return nil, err
	}
	boundary, err := boundaryOf(ctx, api, e)
	if err != nil || boundary == nil {
		return nil, readable(err)
	}
	text, err := managedPolicy(ctx, api, boundary.PermissionsBoundaryArn)
	if err != nil {
		return nil, readable(err)
	}
	return parseEncoded(text)
}

func boundaryOf(ctx context.Context, api *awsiam.Client, e entity) (*iamtypes.AttachedPermissionsBoundary, error) {
	if e.role {
		out, err := api.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String(e.name)})
		if err != nil {
			return nil, err
		}
		return out.Role.PermissionsBoundary, nil
	}
	out, err := api.GetUser(ctx, &awsiam.GetUserInput{UserName: aws.String(e.name)})
	if err != nil {
		return nil, err
	}
	return out.User.PermissionsBoundary, nil
}

func rolePolicies(ctx context.Context, api *awsiam.Client, name string) ([]*string, error) {
	var texts []*string
	inline := awsiam.NewListRolePoliciesPaginator(api, &awsiam.ListRolePoliciesInput{RoleName: aws.String(name)})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, policy := range page.PolicyNames {
			out, err := api.GetRolePolicy(
				ctx,
				&awsiam.GetRolePolicyInput{RoleName: aws.String(name), PolicyName: aws.String(policy)},
			)
			if err != nil {
				return nil, err
			}
			texts = append(texts, out.PolicyDocument)
		}
	}
	attached := awsiam.NewListAttachedRolePoliciesPaginator(
		api,
		&awsiam.ListAttachedRolePoliciesInput{RoleName: aws.String(name)},
	)
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if texts, err = appendManaged(ctx, api, texts, page.AttachedPolicies); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func userPolicies(ctx context.Context, api *awsiam.Client, name string) ([]*string, error) {
	var texts []*string
	inline := awsiam.NewListUserPoliciesPaginator(api, &awsiam.ListUserPoliciesInput{UserName: aws.String(name)})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, policy := range page.PolicyNames {
			out, err := api.GetUserPolicy(
				ctx,
				&awsiam.GetUserPolicyInput{UserName: aws.String(name), PolicyName: aws.String(policy)},
			)
			if err != nil {
				return nil, err
			}
			texts = append(texts, out.PolicyDocument)
		}
	}
	attached := awsiam.NewListAttachedUserPoliciesPaginator(
		api,
		&awsiam.ListAttachedUserPoliciesInput{UserName: aws.String(name)},
	)
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if texts, err = appendManaged(ctx, api, texts, page.AttachedPolicies); err != nil {
			return nil, err
		}
	}
	return groupPolicies(ctx, api, name, texts)
}

func groupPolicies(ctx context.Context, api *awsiam.Client, user string, texts []*string) ([]*string, error) {
	groups := awsiam.NewListGroupsForUserPaginator(api, &awsiam.ListGroupsForUserInput{UserName: aws.String(user)})
	for groups.HasMorePages() {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, group := range page.Groups {
			if texts, err = onePolicyGroup(ctx, api, group.GroupName, texts); err != nil {
				return nil, err
			}
		}
	}
	return texts, nil
}

func onePolicyGroup(ctx context.Context, api *awsiam.Client, group *string, texts []*string) ([]*string, error) {
	inline := awsiam.NewListGroupPoliciesPaginator(api, &awsiam.ListGroupPoliciesInput{GroupName: group})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, policy := range page.PolicyNames {
			out, err := api.GetGroupPolicy(ctx, &awsiam.GetGroupPolicyInput{GroupName: group, PolicyName: aws.String(policy)})
			if err != nil {
				return nil, err
			}
			texts = append(texts, out.PolicyDocument)
		}
	}
	attached := awsiam.NewListAttachedGroupPoliciesPaginator(api, &awsiam.ListAttachedGroupPoliciesInput{GroupName: group})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if texts, err = appendManaged(ctx, api, texts, page.AttachedPolicies); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func appendManaged(
	ctx context.Context,
	api *awsiam.Client,
	texts []*string,
	attached []iamtypes.AttachedPolicy,
) ([]*string, error) {
	for _, policy := range attached {
		text, err := managedPolicy(ctx, api, policy.PolicyArn)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func managedPolicy(ctx context.Context, api *awsiam.Client, arn *string) (*string, error) {
	policy, err := api.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: arn})
	if err != nil {
		return nil, err
	}
	out, err := api.GetPolicyVersion(
		ctx,
		&awsiam.GetPolicyVersionInput{PolicyArn: arn, VersionId: policy.Policy.DefaultVersionId},
	)
	if err != nil {
		return nil, err
	}
	return out.PolicyVersion.Document, nil
}
