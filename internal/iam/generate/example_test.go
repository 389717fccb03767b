package generate_test

import (
	"fmt"

	pullpass "github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/iam/generate"
)

func ExampleRepository() {
	stack, err := generate.Repository(generate.RepositoryOptions{
		Registry:   generate.ECR{Account: "222222222222", Region: "eu-west-1"},
		Repository: "team/app",
		Principals: []string{"arn:aws:iam::111111111111:role/pull"},
		Access:     []generate.Access{generate.Pull},
	})
	if err != nil {
		fmt.Println(pullpass.Explain(err))
		return
	}
	text, err := stack.Render(generate.JSON)
	fmt.Print(string(text), err)
	// Output:
	// {
	//   "Version": "2012-10-17",
	//   "Statement": [
	//     {
	//       "Sid": "AllowPull",
	//       "Effect": "Allow",
	//       "Principal": {
	//         "AWS": "arn:aws:iam::111111111111:role/pull"
	//       },
	//       "Action": [
	//         "ecr:BatchGetImage",
	//         "ecr:GetDownloadUrlForLayer"
	//       ]
	//     }
	//   ]
	// }
	// <nil>
}

func ExampleFromPreset() {
	_, err := generate.FromPreset("release-repository", generate.PresetOptions{
		Registry: generate.ECR{Account: "222222222222", Region: "eu-west-2"}, Repository: "Team App", Platform: "111111111111",
	})
	fmt.Println(pullpass.Explain(err))
	// Output:
	// error: cannot generate release-repository
	// cause: "Team App" is not the name of a repository
	// hint:  pullpass policy preset release-repository --account 222222222222 --region eu-west-1 --repository team/app --platform 111111111111
}
