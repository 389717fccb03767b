package sandbox_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A configuration that leaves everything optional out: what the provider reads
// back has to be what it takes for the default, or it would plan a change.
const terraformReadOnly = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"

var (
	roleName   = aws.String("minimal")
	repository = aws.String("team/minimal")
	policyARN  = aws.String("arn:aws:iam::222222222222:policy/minimal")
	issuerARN  = aws.String("arn:aws:iam::222222222222:oidc-provider/idp.example.com")
)

// apply makes each resource with the provider's calls.
func (b *box) apply(t *testing.T) {
	t.Helper()
	ctx, i, e := t.Context(), iamOf(b.owner()), ecrOf(b.owner())
	must[*sts.GetCallerIdentityOutput](t)(stsOf(b.owner()).GetCallerIdentity(ctx, nil)) // the provider's first call
	must[*iam.CreateRoleOutput](t)(i.CreateRole(ctx, &iam.CreateRoleInput{RoleName: roleName, AssumeRolePolicyDocument: aws.String(trustEC2)}))
	must[*iam.PutRolePolicyOutput](t)(i.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: roleName, PolicyName: aws.String("pull"), PolicyDocument: aws.String(pullRepository)}))
	must[*iam.AttachRolePolicyOutput](t)(i.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: roleName, PolicyArn: aws.String(terraformReadOnly)}))
	must[*iam.CreatePolicyOutput](t)(i.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: roleName, PolicyDocument: aws.String(pullRepository)}))
	must[*iam.CreateInstanceProfileOutput](t)(i.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: roleName}))
	must[*iam.AddRoleToInstanceProfileOutput](t)(i.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: roleName, RoleName: roleName}))
	must[*iam.CreateOpenIDConnectProviderOutput](t)(i.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://idp.example.com"), ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{strings.Repeat("a1", 20)}}))
	must[*ecr.CreateRepositoryOutput](t)(e.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: repository}))
	must[*ecr.SetRepositoryPolicyOutput](t)(e.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: repository, PolicyText: aws.String(repositoryPolicy("arn:aws:iam::111111111111:root"))}))
	must[*ecr.PutLifecyclePolicyOutput](t)(e.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: repository, LifecyclePolicyText: aws.String(`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}`)}))
}

// refresh makes the provider's calls that read each resource.
func (b *box) refresh(t *testing.T) map[string]any {
	t.Helper()
	ctx, i, e := t.Context(), iamOf(b.owner()), ecrOf(b.owner())
	read := map[string]any{}
	keep := func(name string, out any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read[name] = out
	}
	role, err := i.GetRole(ctx, &iam.GetRoleInput{RoleName: roleName})
	keep("role", role, err)
	inline, err := i.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: roleName})
	keep("role's inline policies", inline, err)
	for _, name := range inline.PolicyNames {
		document, err := i.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: roleName, PolicyName: aws.String(name)})
		keep("inline policy "+name, document, err)
	}
	attached, err := i.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: roleName})
	keep("role's attached policies", attached, err)
	profiles, err := i.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: roleName})
	keep("role's instance profiles", profiles, err)
	tags, err := i.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: roleName})
	keep("role's tags", tags, err)
	policy, err := i.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: policyARN})
	keep("policy", policy, err)
	version, err := i.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: policyARN, VersionId: policy.Policy.DefaultVersionId})
	keep("policy's document", version, err)
	policyTags, err := i.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: policyARN})
	keep("policy's tags", policyTags, err)
	profile, err := i.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: roleName})
	keep("instance profile", profile, err)
	profileTags, err := i.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: roleName})
	keep("instance profile's tags", profileTags, err)
	provider, err := i.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: issuerARN})
	keep("provider", provider, err)
	providerTags, err := i.ListOpenIDConnectProviderTags(ctx, &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: issuerARN})
	keep("provider's tags", providerTags, err)
	repositories, err := e.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{*repository}, RegistryId: aws.String(owner)})
	keep("repository", repositories, err)
	repositoryTags, err := e.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: repositories.Repositories[0].RepositoryArn})
	keep("repository's tags", repositoryTags, err)
	repositoryText, err := e.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: repository, RegistryId: aws.String(owner)})
	keep("repository policy", repositoryText, err)
	lifecycle, err := e.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: repository})
	keep("lifecycle policy", lifecycle, err)
	return read
}

func TestTerraformSecondPlanIsEmpty(t *testing.T) {
	b := start(t, defaultConfig())
	b.apply(t)
	first := b.refresh(t)
	// What differs between two reads is a change that nobody made.
	ignore := cmp.Options{cmpopts.IgnoreTypes(middleware.Metadata{}), cmpopts.IgnoreUnexported(
		iam.GetRoleOutput{}, types.Role{}, types.RoleLastUsed{}, iam.ListRolePoliciesOutput{}, iam.GetRolePolicyOutput{}, iam.ListAttachedRolePoliciesOutput{}, types.AttachedPolicy{},
		iam.ListInstanceProfilesForRoleOutput{}, types.InstanceProfile{}, iam.ListRoleTagsOutput{}, iam.GetPolicyOutput{}, types.Policy{}, iam.GetPolicyVersionOutput{}, types.PolicyVersion{},
		iam.ListPolicyTagsOutput{}, iam.GetInstanceProfileOutput{}, iam.ListInstanceProfileTagsOutput{}, iam.GetOpenIDConnectProviderOutput{}, iam.ListOpenIDConnectProviderTagsOutput{}, types.Tag{},
		ecr.DescribeRepositoriesOutput{}, ecrtypes.Repository{}, ecrtypes.ImageScanningConfiguration{}, ecrtypes.EncryptionConfiguration{}, ecr.ListTagsForResourceOutput{},
		ecr.GetRepositoryPolicyOutput{}, ecr.GetLifecyclePolicyOutput{})}
	if diff := cmp.Diff(first, b.refresh(t), ignore); diff != "" {
		t.Errorf("a second read differs:\n%s", diff)
	}

	// The provider's defaults for what the configuration does not say.
	role := first["role"].(*iam.GetRoleOutput).Role
	wantEqual(t, "role's path", aws.ToString(role.Path), "/")
	wantEqual(t, "role's longest session", aws.ToInt32(role.MaxSessionDuration), int32(3600))
	wantEqual(t, "role's description", aws.ToString(role.Description), "")
	wantEqual(t, "role's trust", decoded(t, role.AssumeRolePolicyDocument), trustEC2)
	if role.PermissionsBoundary != nil || len(role.Tags) > 0 {
		t.Errorf("a minimal role has boundary %v and tags %v", role.PermissionsBoundary, role.Tags)
	}
	wantEqual(t, "inline policy", decoded(t, first["inline policy pull"].(*iam.GetRolePolicyOutput).PolicyDocument), pullRepository)
	attached := first["role's attached policies"].(*iam.ListAttachedRolePoliciesOutput).AttachedPolicies
	if len(attached) != 1 || aws.ToString(attached[0].PolicyArn) != terraformReadOnly {
		t.Errorf("attached policies are %v", attached)
	}
	policy := first["policy"].(*iam.GetPolicyOutput).Policy
	wantEqual(t, "policy's path", aws.ToString(policy.Path), "/")
	wantEqual(t, "policy's version", aws.ToString(policy.DefaultVersionId), "v1")
	wantEqual(t, "policy's document", decoded(t, first["policy's document"].(*iam.GetPolicyVersionOutput).PolicyVersion.Document), pullRepository)
	profile := first["instance profile"].(*iam.GetInstanceProfileOutput).InstanceProfile
	wantEqual(t, "profile's path", aws.ToString(profile.Path), "/")
	if len(profile.Roles) != 1 || aws.ToString(profile.Roles[0].RoleName) != *roleName {
		t.Errorf("profile's roles are %v", profile.Roles)
	}
	provider := first["provider"].(*iam.GetOpenIDConnectProviderOutput)
	wantEqual(t, "provider's URL", aws.ToString(provider.Url), "idp.example.com")
	wantEqual(t, "provider's clients", provider.ClientIDList, []string{"sts.amazonaws.com"})
	wantEqual(t, "provider's thumbprints", provider.ThumbprintList, []string{strings.Repeat("a1", 20)})
	got := first["repository"].(*ecr.DescribeRepositoriesOutput).Repositories[0]
	wantEqual(t, "mutability", got.ImageTagMutability, ecrtypes.ImageTagMutabilityMutable)
	wantEqual(t, "scanning", got.ImageScanningConfiguration.ScanOnPush, false)
	wantEqual(t, "encryption", got.EncryptionConfiguration.EncryptionType, ecrtypes.EncryptionTypeAes256)
	wantEqual(t, "repository policy", aws.ToString(first["repository policy"].(*ecr.GetRepositoryPolicyOutput).PolicyText), repositoryPolicy("arn:aws:iam::111111111111:root"))
}

// Tags that a provider's default_tags add to everything later on, and take away.
func TestTerraformDefaultTags(t *testing.T) {
	b := start(t, defaultConfig())
	b.apply(t)
	i, e := iamOf(b.owner()), ecrOf(b.owner())
	arn := aws.String("arn:aws:ecr:eu-west-1:222222222222:repository/" + *repository)
	one, key := []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}, []string{"team"}
	each := func(what string, calls map[string]func(context.Context) error) {
		t.Helper()
		for resource, call := range calls {
			if err := call(t.Context()); err != nil {
				t.Errorf("%s %s: %v", what, resource, err)
			}
		}
	}
	want := func(what string, tags map[string]string) {
		t.Helper()
		read := b.refresh(t)
		for resource, got := range map[string]map[string]string{
			"role":             tagsOf(read["role"].(*iam.GetRoleOutput).Role.Tags),
			"role, listed":     tagsOf(read["role's tags"].(*iam.ListRoleTagsOutput).Tags),
			"policy":           tagsOf(read["policy"].(*iam.GetPolicyOutput).Policy.Tags),
			"policy, listed":   tagsOf(read["policy's tags"].(*iam.ListPolicyTagsOutput).Tags),
			"profile":          tagsOf(read["instance profile"].(*iam.GetInstanceProfileOutput).InstanceProfile.Tags),
			"profile, listed":  tagsOf(read["instance profile's tags"].(*iam.ListInstanceProfileTagsOutput).Tags),
			"provider":         tagsOf(read["provider"].(*iam.GetOpenIDConnectProviderOutput).Tags),
			"provider, listed": tagsOf(read["provider's tags"].(*iam.ListOpenIDConnectProviderTagsOutput).Tags),
		} {
			wantEqual(t, what+" "+resource, got, tags)
		}
		listed := map[string]string{}
		for _, tag := range read["repository's tags"].(*ecr.ListTagsForResourceOutput).Tags {
			listed[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		wantEqual(t, what+" repository", listed, tags)
	}
	want("before", map[string]string{})
	each("tagging", map[string]func(context.Context) error{
		"role": func(ctx context.Context) error {
			_, err := i.TagRole(ctx, &iam.TagRoleInput{RoleName: roleName, Tags: one})
			return err
		},
		"policy": func(ctx context.Context) error {
			_, err := i.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: policyARN, Tags: one})
			return err
		},
		"profile": func(ctx context.Context) error {
			_, err := i.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: roleName, Tags: one})
			return err
		},
		"provider": func(ctx context.Context) error {
			_, err := i.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: issuerARN, Tags: one})
			return err
		},
		"repository": func(ctx context.Context) error {
			_, err := e.TagResource(ctx, &ecr.TagResourceInput{ResourceArn: arn, Tags: []ecrtypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
			return err
		},
	})
	want("tagged", iamTags("team", "blue"))
	each("untagging", map[string]func(context.Context) error{
		"role": func(ctx context.Context) error {
			_, err := i.UntagRole(ctx, &iam.UntagRoleInput{RoleName: roleName, TagKeys: key})
			return err
		},
		"policy": func(ctx context.Context) error {
			_, err := i.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: policyARN, TagKeys: key})
			return err
		},
		"profile": func(ctx context.Context) error {
			_, err := i.UntagInstanceProfile(ctx, &iam.UntagInstanceProfileInput{InstanceProfileName: roleName, TagKeys: key})
			return err
		},
		"provider": func(ctx context.Context) error {
			_, err := i.UntagOpenIDConnectProvider(ctx, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: issuerARN, TagKeys: key})
			return err
		},
		"repository": func(ctx context.Context) error {
			_, err := e.UntagResource(ctx, &ecr.UntagResourceInput{ResourceArn: arn, TagKeys: key})
			return err
		},
	})
	want("untagged", map[string]string{})
}

// Changes in place, and what is read back of them.
func TestTerraformUpdates(t *testing.T) {
	b := start(t, defaultConfig())
	b.apply(t)
	ctx, i, e := t.Context(), iamOf(b.owner()), ecrOf(b.owner())
	must[*iam.UpdateAssumeRolePolicyOutput](t)(i.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: roleName, PolicyDocument: aws.String(strings.ReplaceAll(trustEC2, "ec2.", "ecs-tasks."))}))
	must[*iam.PutRolePolicyOutput](t)(i.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: roleName, PolicyName: aws.String("pull"), PolicyDocument: aws.String(assumeAny)}))
	must[*ecr.PutImageTagMutabilityOutput](t)(e.PutImageTagMutability(ctx, &ecr.PutImageTagMutabilityInput{RepositoryName: repository, ImageTagMutability: ecrtypes.ImageTagMutabilityImmutable}))
	must[*ecr.PutImageScanningConfigurationOutput](t)(e.PutImageScanningConfiguration(ctx, &ecr.PutImageScanningConfigurationInput{RepositoryName: repository, ImageScanningConfiguration: &ecrtypes.ImageScanningConfiguration{ScanOnPush: true}}))
	read := b.refresh(t)
	wantEqual(t, "trust", decoded(t, read["role"].(*iam.GetRoleOutput).Role.AssumeRolePolicyDocument), strings.ReplaceAll(trustEC2, "ec2.", "ecs-tasks."))
	wantEqual(t, "inline policy", decoded(t, read["inline policy pull"].(*iam.GetRolePolicyOutput).PolicyDocument), assumeAny)
	got := read["repository"].(*ecr.DescribeRepositoriesOutput).Repositories[0]
	wantEqual(t, "mutability", got.ImageTagMutability, ecrtypes.ImageTagMutabilityImmutable)
	wantEqual(t, "scanning", got.ImageScanningConfiguration.ScanOnPush, true)

	// What the provider takes for "gone, make it again".
	_, err := i.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: roleName, PolicyName: aws.String("gone")})
	wantCode(t, "inline policy that is gone", err, "NoSuchEntity", "gone")
	_, err = i.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String("gone")})
	wantCode(t, "instance profile that is gone", err, "NoSuchEntity", "gone")
	_, err = e.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"team/gone"}})
	wantCode(t, "repository that is gone", err, "RepositoryNotFoundException", "team/gone")
}
