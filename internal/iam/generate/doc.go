// Package generate writes AWS policies for pulling from, pushing to and listing
// Amazon ECR: least privilege, from a few validated facts.
//
// The one idea: an answer is a Stack, the AWS resources with their policies,
// and a Stack renders in the form that the reader's house already uses: JSON,
// Terraform, CloudFormation or an aws command line.
//
//	stack, err := generate.Repository(generate.RepositoryOptions{
//		Registry:   generate.ECR{Account: "222222222222", Region: "eu-west-1"},
//		Repository: "team/app", Access: []generate.Access{generate.Pull},
//		Principals: []string{"arn:aws:iam::111111111111:role/pull"},
//	})
//	text, err := stack.Render(generate.Terraform)
//
// Every input is parsed and rebuilt from its parts; what cannot be rebuilt to
// the very same text is refused. The package does no I/O.
package generate
