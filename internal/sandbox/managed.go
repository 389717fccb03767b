package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
)

// managedFact is what the sandbox knows of an AWS managed policy: of the larger
// ones, the statements that bear on what the sandbox plays. From AWS's managed
// policy reference, https://docs.aws.amazon.com/aws-managed-policy/latest/reference/
type managedFact struct {
	path, name string
	statements []map[string]any
}

func allowing(actions ...string) map[string]any {
	return map[string]any{"Effect": "Allow", "Action": actions, "Resource": "*"}
}

func managedFacts() []managedFact {
	pull := []string{"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	read := []string{
		"ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer",
		"ecr:GetRepositoryPolicy", "ecr:DescribeRepositories", "ecr:ListImages", "ecr:DescribeImages",
		"ecr:BatchGetImage", "ecr:GetLifecyclePolicy", "ecr:GetLifecyclePolicyPreview",
		"ecr:ListTagsForResource", "ecr:DescribeImageScanFindings",
	}
	push := []string{"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}
	task := []string{
		"ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
		"logs:CreateLogStream", "logs:PutLogEvents",
	}
	publicRead := []string{
		"ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken", "ecr-public:BatchCheckLayerAvailability",
		"ecr-public:GetRepositoryPolicy", "ecr-public:DescribeRepositories", "ecr-public:DescribeRegistries",
		"ecr-public:DescribeImages", "ecr-public:DescribeImageTags", "ecr-public:GetRepositoryCatalogData",
		"ecr-public:GetRegistryCatalogData",
	}
	publicPush := []string{
		"ecr-public:InitiateLayerUpload", "ecr-public:UploadLayerPart", "ecr-public:CompleteLayerUpload", "ecr-public:PutImage",
	}
	replication := map[string]any{
		"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*",
		"Condition": map[string]any{
			"StringEquals": map[string]any{"iam:AWSServiceName": []string{"replication.ecr.amazonaws.com"}},
		},
	}
	return []managedFact{
		{
			"/",
			"AmazonEC2ContainerRegistryPullOnly",
			[]map[string]any{allowing(append(slices.Clone(pull), "ecr:BatchImportUpstreamImage")...)},
		},
		{"/", "AmazonEC2ContainerRegistryReadOnly", []map[string]any{allowing(read...)}},
		{"/", "AmazonEC2ContainerRegistryPowerUser", []map[string]any{allowing(append(slices.Clone(read), push...)...)}},
		{
			"/",
			"AmazonEC2ContainerRegistryFullAccess",
			[]map[string]any{allowing("ecr:*", "cloudtrail:LookupEvents"), replication},
		},
		{"/", "AmazonElasticContainerRegistryPublicReadOnly", []map[string]any{allowing(publicRead...)}},
		{
			"/",
			"AmazonElasticContainerRegistryPublicPowerUser",
			[]map[string]any{allowing(append(slices.Clone(publicRead), publicPush...)...)},
		},
		{
			"/",
			"AmazonElasticContainerRegistryPublicFullAccess",
			[]map[string]any{allowing("ecr-public:*", "sts:GetServiceBearerToken")},
		},
		{"/service-role/", "AmazonECSTaskExecutionRolePolicy", []map[string]any{allowing(task...)}},
		{"/service-role/", "AmazonEC2ContainerServiceforEC2Role", []map[string]any{allowing(append([]string{
			"ec2:DescribeTags", "ecs:CreateCluster", "ecs:DeregisterContainerInstance", "ecs:DiscoverPollEndpoint", "ecs:Poll",
			"ecs:RegisterContainerInstance", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState", "ecs:Submit*",
		}, task...)...)}},
		{"/", "AmazonEKSWorkerNodePolicy", []map[string]any{allowing(
			"ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups",
			"ec2:DescribeSubnets", "ec2:DescribeVolumes", "ec2:DescribeVolumesModifications", "ec2:DescribeVpcs",
			"eks:DescribeCluster", "eks-auth:AssumeRoleForPodIdentity",
		)}},
		{"/", "ReadOnlyAccess", []map[string]any{allowing(
			"ecr:BatchCheck*", "ecr:BatchGet*", "ecr:Describe*", "ecr:Get*", "ecr:List*",
			"ecr-public:BatchCheckLayerAvailability", "ecr-public:Describe*", "ecr-public:Get*", "ecr-public:List*",
			"iam:Generate*", "iam:Get*", "iam:List*", "iam:Simulate*", "kms:Describe*", "kms:Get*", "kms:List*",
			"s3:DescribeJob", "s3:Get*", "s3:List*", "sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken",
		)}},
		{"/", "AmazonS3ReadOnlyAccess", []map[string]any{allowing(
			"s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*",
		)}},
		{"/", "AdministratorAccess", []map[string]any{allowing("*")}},
	}
}

// awsManaged holds the AWS managed policies that the sandbox knows, by ARN.
func awsManaged(partition awsname.Partition) map[string]*managedPolicy {
	policies := map[string]*managedPolicy{}
	for _, fact := range managedFacts() {
		text, _ := json.Marshal(
			map[string]any{"Version": iam.Version2012, "Statement": fact.statements},
		) // plain values always marshal
		p := newAWSManaged(managedARN(partition, fact.path, fact.name), fact.path, fact.name, string(text))
		policies[p.arn] = p
	}
	return policies
}

func newAWSManaged(arn, path, name, text string) *managedPolicy {
	doc, err := parsePolicy(text)
	if err != nil {
		doc = nothing() // shown by the tests of the managed policies, which expect grants
	}
	created := time.Date(2015, time.February, 6, 18, 40, 0, 0, time.UTC)
	return &managedPolicy{
		id: newEntityID(prefixPolicy), name: name, path: path, arn: arn,
		created: created, updated: created, current: "v1", nextVersion: 2,
		versions: []policyVersion{{"v1", doc, created}}, tags: map[string]string{},
	}
}

// policy finds a managed policy, the account's own or AWS's. AWS has more than a
// thousand of them: one that the sandbox does not know is taken, with a warning,
// and grants nothing. Whether AWS has it, only AWS can tell.
func (a *account) policyNamed(arn string) *managedPolicy {
	if p := a.policies[arn]; p != nil {
		return p
	}
	if p := a.awsManaged[arn]; p != nil {
		return p
	}
	rest, ok := strings.CutPrefix(arn, managedARN(a.partition, "/", ""))
	name := rest[strings.LastIndex(rest, "/")+1:]
	if !ok || checkName("policyName", name, maxPolicyName) != nil {
		return nil
	}
	a.warn("an AWS managed policy is not known to the sandbox: it grants nothing here", "policy", arn)
	p := newAWSManaged(arn, "/"+strings.TrimSuffix(rest, name), name, unknownManaged)
	a.awsManaged[arn] = p
	return p
}

// unknownManaged is the document of an AWS managed policy that the sandbox does
// not know: it matches no action.
const unknownManaged = `{"Version":"2012-10-17","Statement":[{"Sid":"UnknownToTheSandbox","Effect":"Allow",` +
	`"Action":"sandbox:NothingIsKnownOfThisPolicy","Resource":"*"}]}`

// policyByARN returns the document in force of a managed policy.
func (a *account) policyByARN(arn string) (policyDocument, bool) {
	p := a.policyNamed(arn)
	if p == nil {
		return policyDocument{}, false
	}
	return p.document(), true
}
