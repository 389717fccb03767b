package sandbox_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
)

// These are the calls that Terraform's AWS provider makes to create a resource
// and to read it back: what comes back must be what went in, or the second
// plan is not empty.

const trustEC2 = `{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Sid":""}]}`

func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func decoded(t *testing.T, text *string) string {
	t.Helper()
	return must[string](t)(url.PathUnescape(aws.ToString(text)))
}

func iamTags(pairs ...string) map[string]string {
	m := map[string]string{}
	for pair := range slices.Chunk(pairs, 2) {
		m[pair[0]] = pair[1]
	}
	return m
}

func tagsOf(list []types.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range list {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}

func TestTerraformRole(t *testing.T) {
	b := start(t, defaultConfig())
	ctx, c := t.Context(), iamOf(b.owner())
	boundary := "arn:aws:iam::aws:policy/AdministratorAccess"
	created := must[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("runner"), Path: aws.String("/team/"), Description: aws.String("pulls & runs"),
		AssumeRolePolicyDocument: aws.String(trustEC2), MaxSessionDuration: aws.Int32(7200),
		PermissionsBoundary: aws.String(boundary), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	})).Role
	read := must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("runner")})).Role
	wantEqual(t, "arn", aws.ToString(read.Arn), "arn:aws:iam::222222222222:role/team/runner")
	wantEqual(t, "id", aws.ToString(read.RoleId), aws.ToString(created.RoleId))
	wantEqual(t, "trust", decoded(t, read.AssumeRolePolicyDocument), trustEC2)
	wantEqual(t, "description", aws.ToString(read.Description), "pulls & runs")
	wantEqual(t, "max session", aws.ToInt32(read.MaxSessionDuration), int32(7200))
	wantEqual(t, "boundary", aws.ToString(read.PermissionsBoundary.PermissionsBoundaryArn), boundary)
	wantEqual(t, "tags", tagsOf(read.Tags), iamTags("team", "blue"))
	wantEqual(t, "path", aws.ToString(read.Path), "/team/")

	// aws_iam_role_policy and aws_iam_role_policy_attachment
	must[*iam.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("runner"), PolicyName: aws.String("pull"), PolicyDocument: aws.String(pullRepository)}))
	inline := must[*iam.GetRolePolicyOutput](t)(c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String("runner"), PolicyName: aws.String("pull")}))
	wantEqual(t, "inline policy", decoded(t, inline.PolicyDocument), pullRepository)
	wantEqual(t, "its role", aws.ToString(inline.RoleName), "runner")
	wantEqual(t, "inline policies", must[*iam.ListRolePoliciesOutput](t)(c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: aws.String("runner")})).PolicyNames, []string{"pull"})
	readOnly := "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
	must[*iam.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("runner"), PolicyArn: aws.String(readOnly)}))
	attached := must[*iam.ListAttachedRolePoliciesOutput](t)(c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("runner")})).AttachedPolicies
	if len(attached) != 1 || aws.ToString(attached[0].PolicyArn) != readOnly || aws.ToString(attached[0].PolicyName) != "AmazonEC2ContainerRegistryReadOnly" {
		t.Errorf("attached policies are %v", attached)
	}

	// updates
	must[*iam.UpdateRoleOutput](t)(c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: aws.String("runner"), MaxSessionDuration: aws.Int32(3600), Description: aws.String("pulls")}))
	must[*iam.TagRoleOutput](t)(c.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("runner"), Tags: []types.Tag{{Key: aws.String("cost"), Value: aws.String("")}}}))
	must[*iam.UntagRoleOutput](t)(c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: aws.String("runner"), TagKeys: []string{"team"}}))
	must[*iam.DeleteRolePermissionsBoundaryOutput](t)(c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("runner")}))
	read = must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("runner")})).Role
	wantEqual(t, "tags after", tagsOf(read.Tags), iamTags("cost", ""))
	wantEqual(t, "listed tags", tagsOf(must[*iam.ListRoleTagsOutput](t)(c.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: aws.String("runner")})).Tags), iamTags("cost", ""))
	wantEqual(t, "description after", aws.ToString(read.Description), "pulls")
	if read.PermissionsBoundary != nil {
		t.Errorf("boundary is still %v", read.PermissionsBoundary)
	}

	// aws_iam_instance_profile
	must[*iam.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("runner"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}))
	must[*iam.AddRoleToInstanceProfileOutput](t)(c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("runner"), RoleName: aws.String("runner")}))
	profile := must[*iam.GetInstanceProfileOutput](t)(c.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String("runner")})).InstanceProfile
	wantEqual(t, "profile's arn", aws.ToString(profile.Arn), "arn:aws:iam::222222222222:instance-profile/runner")
	wantEqual(t, "profile's tags", tagsOf(profile.Tags), iamTags("a", "b"))
	if len(profile.Roles) != 1 || aws.ToString(profile.Roles[0].RoleName) != "runner" {
		t.Errorf("profile's roles are %v", profile.Roles)
	}
	wantEqual(t, "profiles of the role", len(must[*iam.ListInstanceProfilesForRoleOutput](t)(c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("runner")})).InstanceProfiles), 1)

	// destroy, in an order that AWS refuses and in one that it takes
	deleteRole := func() error {
		_, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("runner")})
		return err
	}
	wantCode(t, "with an inline policy", deleteRole(), "DeleteConflict", "must delete policies first")
	must[*iam.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("runner"), PolicyName: aws.String("pull")}))
	wantCode(t, "with an attached policy", deleteRole(), "DeleteConflict", "must detach all policies first")
	must[*iam.DetachRolePolicyOutput](t)(c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String("runner"), PolicyArn: aws.String(readOnly)}))
	wantCode(t, "in a profile", deleteRole(), "DeleteConflict", "must remove roles from instance profile first")
	must[*iam.RemoveRoleFromInstanceProfileOutput](t)(c.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: aws.String("runner"), RoleName: aws.String("runner")}))
	if err := deleteRole(); err != nil {
		t.Errorf("DeleteRole: %v", err)
	}
	_, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("runner")})
	wantCode(t, "afterwards", err, "NoSuchEntity", "The role with name runner cannot be found.")
}

func TestTerraformPolicy(t *testing.T) {
	b := start(t, defaultConfig())
	ctx, c := t.Context(), iamOf(b.owner())
	arn := must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String("pull"), Description: aws.String("pulls"), PolicyDocument: aws.String(pullRepository),
		Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
	})).Policy.Arn
	wantEqual(t, "arn", aws.ToString(arn), "arn:aws:iam::222222222222:policy/pull")
	read := must[*iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})).Policy
	wantEqual(t, "description", aws.ToString(read.Description), "pulls")
	wantEqual(t, "tags", tagsOf(read.Tags), iamTags("a", "b"))
	version := must[*iam.GetPolicyVersionOutput](t)(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: read.DefaultVersionId})).PolicyVersion
	wantEqual(t, "document", decoded(t, version.Document), pullRepository)
	must[*iam.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(assumeAny), SetAsDefault: true}))
	read = must[*iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})).Policy
	wantEqual(t, "default version", aws.ToString(read.DefaultVersionId), "v2")
	_, err := c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	wantCode(t, "with two versions", err, "DeleteConflict", "more than one version")
	wantEqual(t, "versions", len(must[*iam.ListPolicyVersionsOutput](t)(c.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn})).Versions), 2)
	must[*iam.DeletePolicyVersionOutput](t)(c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))
	must[*iam.DeletePolicyOutput](t)(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}))
	_, err = c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	wantCode(t, "afterwards", err, "NoSuchEntity", "was not found")
	for _, name := range []string{"PullOnly", "ReadOnly", "PowerUser", "FullAccess"} {
		arn := aws.String("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistry" + name)
		must[*iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn}))
		_, err := c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		wantCode(t, "delete "+name, err, "AccessDenied", "")
	}
}

func TestTerraformOIDCProvider(t *testing.T) {
	b := start(t, defaultConfig())
	ctx, c := t.Context(), iamOf(b.owner())
	arn := must[*iam.CreateOpenIDConnectProviderOutput](t)(c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://services.example.gitpod.cloud/idp"), ClientIDList: []string{"sts.amazonaws.com"},
		Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
	})).OpenIDConnectProviderArn
	wantEqual(t, "arn", aws.ToString(arn), "arn:aws:iam::222222222222:oidc-provider/services.example.gitpod.cloud/idp")
	must[*iam.AddClientIDToOpenIDConnectProviderOutput](t)(c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("second")}))
	must[*iam.UpdateOpenIDConnectProviderThumbprintOutput](t)(c.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: arn, ThumbprintList: []string{"990f4193972f2becf12ddeda5237f9c952f20d9e"}}))
	read := must[*iam.GetOpenIDConnectProviderOutput](t)(c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))
	wantEqual(t, "url", aws.ToString(read.Url), "services.example.gitpod.cloud/idp")
	wantEqual(t, "clients", read.ClientIDList, []string{"sts.amazonaws.com", "second"})
	wantEqual(t, "thumbprints", read.ThumbprintList, []string{"990f4193972f2becf12ddeda5237f9c952f20d9e"})
	wantEqual(t, "tags", tagsOf(read.Tags), iamTags("a", "b"))
	must[*iam.RemoveClientIDFromOpenIDConnectProviderOutput](t)(c.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("second")}))
	wantEqual(t, "providers", len(must[*iam.ListOpenIDConnectProvidersOutput](t)(c.ListOpenIDConnectProviders(ctx, nil)).OpenIDConnectProviderList), 1)
	must[*iam.DeleteOpenIDConnectProviderOutput](t)(c.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))
	_, err := c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	wantCode(t, "afterwards", err, "NoSuchEntity", "OpenIDConnect Provider not found")
}

func TestTerraformUser(t *testing.T) {
	b := start(t, defaultConfig())
	ctx, c := t.Context(), iamOf(b.owner())
	name := aws.String("ci")
	must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Path: aws.String("/bots/"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}))
	read := must[*iam.GetUserOutput](t)(c.GetUser(ctx, &iam.GetUserInput{UserName: name})).User
	wantEqual(t, "arn", aws.ToString(read.Arn), "arn:aws:iam::222222222222:user/bots/ci")
	wantEqual(t, "tags", tagsOf(read.Tags), iamTags("a", "b"))
	key := must[*iam.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})).AccessKey
	keys := must[*iam.ListAccessKeysOutput](t)(c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: name})).AccessKeyMetadata
	if len(keys) != 1 || aws.ToString(keys[0].AccessKeyId) != aws.ToString(key.AccessKeyId) || keys[0].Status != types.StatusTypeActive {
		t.Errorf("access keys are %v", keys)
	}
	who := stsOf(b.with(*key.AccessKeyId, *key.SecretAccessKey, ""))
	if _, err := who.GetCallerIdentity(ctx, nil); err != nil {
		t.Errorf("the new key: %v", err)
	}
	wantEqual(t, "last used", aws.ToString(must[*iam.GetAccessKeyLastUsedOutput](t)(c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId})).AccessKeyLastUsed.ServiceName), "sts")
	must[*iam.UpdateAccessKeyOutput](t)(c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: key.AccessKeyId, Status: types.StatusTypeInactive}))
	_, err := who.GetCallerIdentity(ctx, nil)
	wantCode(t, "the inactive key", err, "InvalidClientTokenId", "")
	must[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: name, NewUserName: aws.String("bot"), NewPath: aws.String("/")}))
	name = aws.String("bot")
	_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
	wantCode(t, "with a key", err, "DeleteConflict", "must delete access keys first")
	// force_destroy asks for all of these
	must[*iam.ListGroupsForUserOutput](t)(c.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: name}))
	must[*iam.ListMFADevicesOutput](t)(c.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: name}))
	must[*iam.ListVirtualMFADevicesOutput](t)(c.ListVirtualMFADevices(ctx, nil))
	must[*iam.ListSSHPublicKeysOutput](t)(c.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: name}))
	must[*iam.ListSigningCertificatesOutput](t)(c.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: name}))
	must[*iam.ListServiceSpecificCredentialsOutput](t)(c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: name}))
	_, err = c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: name})
	wantCode(t, "login profile", err, "NoSuchEntity", "")
	must[*iam.DeleteAccessKeyOutput](t)(c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: key.AccessKeyId}))
	must[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name}))
	_, err = c.GetUser(ctx, &iam.GetUserInput{UserName: name})
	wantCode(t, "afterwards", err, "NoSuchEntity", "The user with name bot cannot be found.")
}

func TestIAMNeedsPermission(t *testing.T) {
	b := start(t, defaultConfig())
	_, err := iamOf(b.pullpass()).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("x")})
	wantCode(t, "GetRole", err, "AccessDenied", "User: arn:aws:iam::111111111111:user/pullpass is not authorized to perform: iam:GetRole on resource: arn:aws:iam::111111111111:role/x because no identity-based policy allows the iam:GetRole action")
}

func TestSaveTimeValidation(t *testing.T) {
	b := start(t, defaultConfig())
	ctx, c := t.Context(), iamOf(b.owner())
	trusts := []struct{ name, document, message string }{
		{"not JSON", "{", "Syntax errors in policy"},
		{"principal that does not exist", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/none"},"Action":"sts:AssumeRole"}]}`, `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:role/none"`},
		{"account that does not exist", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"sts:AssumeRole"}]}`, `Invalid principal in policy: "AWS":"333333333333"`},
		{"resource", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}]}`, "Has prohibited field Resource"},
		{"no principal", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`, "Missing required field Principal"},
		{"other action", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`, "AssumeRole policy may only specify STS AssumeRole actions."},
	}
	for _, test := range trusts {
		_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(test.document)})
		wantCode(t, "trust: "+test.name, err, "MalformedPolicyDocument", test.message)
	}
	identities := []struct{ name, document, message string }{
		{"principal", repositoryPolicy("*"), "Policy document should not specify a principal."},
		{"no resource", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*"}]}`, "Policy statement must contain resources."},
		{"Sid with spaces", `{"Version":"2012-10-17","Statement":[{"Sid":"Gitpod Access","Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`, "Statement IDs (SID) must be alpha-numeric."},
		{"Sid twice", `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":"ecr:*","Resource":"*"},{"Sid":"A","Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`, "must be unique"},
		{"action without vendor", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"BatchGetImage","Resource":"*"}]}`, "must be prefaced by a vendor"},
		{"resource that is no ARN", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"team/app"}]}`, "must be in ARN format"},
	}
	for _, test := range identities {
		_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("admin"), PolicyName: aws.String("p"), PolicyDocument: aws.String(test.document)})
		wantCode(t, "identity: "+test.name, err, "MalformedPolicyDocument", test.message)
	}
}
