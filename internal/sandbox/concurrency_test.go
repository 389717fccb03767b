package sandbox_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Pushes, pulls and policy changes at once; worth most with -race.
func TestManyAtOnce(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	var all sync.WaitGroup
	for i := range 4 {
		name := aws.String(fmt.Sprintf("user-%d", i))
		all.Go(func() {
			client := iamOf(b.owner())
			if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}); err != nil {
				t.Errorf("CreateUser: %v", err)
			}
			if _, err := client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: aws.String(pullRepository)}); err != nil {
				t.Errorf("PutUserPolicy: %v", err)
			}
			if _, err := client.ListUsers(t.Context(), nil); err != nil {
				t.Errorf("ListUsers: %v", err)
			}
		})
		all.Go(func() {
			b.push(t, fmt.Sprintf("team/app:push-%d", i))
			if err := b.pull(t, b.login(t, b.owner()), "team/app:1"); err != nil {
				t.Errorf("pull: %v", err)
			}
		})
		all.Go(func() {
			_, err := ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("team/app"), PolicyText: aws.String(repositoryPolicy(platform))})
			if err != nil {
				t.Errorf("SetRepositoryPolicy: %v", err)
			}
			_, err = ecrOf(b.pullpass()).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RegistryId: aws.String(owner), RepositoryName: aws.String("team/app")})
			wantCode(t, "DescribeImages", err, "AccessDeniedException", "")
			b.Explain(0)
		})
	}
	all.Wait()
	images, err := ecrOf(b.owner()).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("team/app")})
	if err != nil || len(images.ImageDetails) != 5 {
		t.Errorf("images: %d, %v, want 5", len(images.ImageDetails), err)
	}
}
