package sandbox

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/pullpass/pullpass/internal/iam"
)

// awsManaged holds the AWS managed policies that the sandbox knows, by ARN.
// Facts, from AWS's managed policy reference.
func awsManaged() map[string]*managedPolicy {
	pull := []string{"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	read := []string{
		"ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer",
		"ecr:GetRepositoryPolicy", "ecr:DescribeRepositories", "ecr:ListImages", "ecr:DescribeImages",
		"ecr:BatchGetImage", "ecr:GetLifecyclePolicy", "ecr:GetLifecyclePolicyPreview",
		"ecr:ListTagsForResource", "ecr:DescribeImageScanFindings",
	}
	push := []string{"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}
	policies := map[string]*managedPolicy{}
	for name, actions := range map[string][]string{
		"AmazonEC2ContainerRegistryPullOnly":   append(slices.Clone(pull), "ecr:BatchImportUpstreamImage"),
		"AmazonEC2ContainerRegistryReadOnly":   read,
		"AmazonEC2ContainerRegistryPowerUser":  append(slices.Clone(read), push...),
		"AmazonEC2ContainerRegistryFullAccess": {"ecr:*", "cloudtrail:LookupEvents"},
		"AdministratorAccess":                  {"*"},
	} {
		p := newAWSManaged(name, actions)
		policies[p.arn] = p
	}
	return policies
}

func newAWSManaged(name string, actions []string) *managedPolicy {
	statements := []map[string]any{{"Effect": "Allow", "Action": actions, "Resource": "*"}}
	if name == "AmazonEC2ContainerRegistryFullAccess" {
		statements = append(statements, map[string]any{
			"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*",
			"Condition": map[string]any{"StringEquals": map[string]any{"iam:AWSServiceName": []string{"replication.ecr.amazonaws.com"}}},
		})
	}
	text, _ := json.Marshal(map[string]any{"Version": iam.Version2012, "Statement": statements}) // plain values always marshal
	doc, err := parsePolicy(string(text))
	if err != nil {
		doc = nothing() // shown by the tests of the managed policies, which expect grants
	}
	created := time.Date(2015, time.February, 6, 18, 40, 0, 0, time.UTC)
	return &managedPolicy{
		id: newEntityID(prefixPolicy), name: name, path: "/", arn: managedARN(name),
		created: created, updated: created, current: "v1", nextVersion: 2,
		versions: []policyVersion{{"v1", doc, created}}, tags: map[string]string{},
	}
}

// policy finds a managed policy, the account's own or AWS's.
func (a *account) policyNamed(arn string) *managedPolicy {
	if p := a.policies[arn]; p != nil {
		return p
	}
	return a.awsManaged[arn]
}

// policyByARN returns the document in force of a managed policy.
func (a *account) policyByARN(arn string) (policyDocument, bool) {
	p := a.policyNamed(arn)
	if p == nil {
		return policyDocument{}, false
	}
	return p.document(), true
}

// document is the default version.
func (p *managedPolicy) document() policyDocument {
	for _, v := range p.versions {
		if v.id == p.current {
			return v.document
		}
	}
	return nothing()
}
