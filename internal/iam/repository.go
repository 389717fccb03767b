package iam

import "github.com/pullpass/pullpass/internal/awsname"

// Repository is an ECR repository.
type Repository struct {
	Partition string `json:"partition"` // "aws" if empty
	Account   string `json:"account"`
	Region    string `json:"region"`
	Name      string `json:"name"`
}

// ARN returns the repository's ARN.
func (r Repository) ARN() string {
	partition := r.Partition
	if partition == "" {
		partition = "aws"
	}
	return awsname.RepositoryARN(partition, r.Region, r.Account, r.Name)
}

// Verb is what somebody wants of a repository.
type Verb string

// The verbs.
const (
	Pull Verb = "pull"
	Push Verb = "push"
	List Verb = "list"
)

// need is one action that a verb needs. An optional one is not an error when
// it is missing: its note says what it is for.
type need struct {
	action   string
	optional string
}

const tokenAction = "ecr:GetAuthorizationToken"

var needs = map[Verb][]need{
	Pull: {
		{action: tokenAction}, {action: "ecr:BatchGetImage"}, {action: "ecr:GetDownloadUrlForLayer"},
		{
			action:   "ecr:BatchCheckLayerAvailability",
			optional: "a pull does not need it, pushes do, although most guides list it for pulls",
		},
	},
	Push: {
		{action: tokenAction}, {action: "ecr:BatchGetImage"}, {action: "ecr:GetDownloadUrlForLayer"},
		{action: "ecr:BatchCheckLayerAvailability"}, {action: "ecr:InitiateLayerUpload"}, {action: "ecr:UploadLayerPart"},
		{action: "ecr:CompleteLayerUpload"}, {action: "ecr:PutImage"},
	},
	List: {
		{
			action: "ecr:DescribeRepositories",
		}, {action: "ecr:DescribeImages"}, {action: "ecr:ListImages"}, {action: "ecr:BatchGetImage"},
	},
}

// Actions returns the actions that a verb needs.
func (v Verb) Actions() []string {
	var actions []string
	for _, n := range needs[v] {
		if n.optional == "" {
			actions = append(actions, n.action)
		}
	}
	return actions
}
