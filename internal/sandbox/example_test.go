package sandbox_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass/internal/sandbox"
)

func Example() {
	ctx := context.Background()
	box, err := sandbox.New(sandbox.Default().OnFreePorts(), sandbox.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := box.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = box.Close() }()

	client := sts.New(sts.Options{
		Region: sandbox.DefaultRegion, BaseEndpoint: aws.String(box.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(sandbox.PlatformKeyID, sandbox.PlatformKey().Reveal(), ""),
	})
	who, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(aws.ToString(who.Arn))
	fmt.Println(box.Registries()[1].Host)
	// Output:
	// arn:aws:iam::111111111111:user/pullpass
	// 222222222222.dkr.ecr.eu-west-1.amazonaws.com
}
