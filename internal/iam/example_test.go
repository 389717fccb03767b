package iam_test

import (
	"fmt"

	"github.com/pullpass/pullpass/internal/iam"
)

// A runner of account 111111111111 may pull by its own policy, but the
// repository belongs to account 222222222222, which has to agree.
func ExampleEvaluate() {
	identity, err := iam.Parse([]byte(`{
	  "Version": "2012-10-17",
	  "Statement": {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*"}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	runner, err := iam.ParsePrincipal("arn:aws:iam::111111111111:role/runner")
	if err != nil {
		fmt.Println(err)
		return
	}
	decision := iam.Evaluate(iam.Request{
		Action:    "ecr:BatchGetImage",
		Resource:  "arn:aws:ecr:eu-west-1:222222222222:repository/team/app",
		Principal: runner,
	}, iam.Policies{Identity: []*iam.Policy{identity}})
	fmt.Println(decision.Effect)
	for _, a := range decision.Missing.Additions {
		fmt.Println(a.Kind, "of account", a.Account)
		fmt.Println(a.Statement)
	}
	// Output:
	// implicitDeny
	// repositoryPolicy of account 222222222222
	// {
	//   "Effect": "Allow",
	//   "Principal": {
	//     "AWS": "arn:aws:iam::111111111111:role/runner"
	//   },
	//   "Action": "ecr:BatchGetImage"
	// }
}
