package aws

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
)

// RepositoryPolicyText reads the policy of a repository as it stands, nothing if it
// has none.
func RepositoryPolicyText(ctx context.Context, cfg aws.Config, account, region, name string) ([]byte, error) {
	api := ecr.NewFromConfig(cfg, func(o *ecr.Options) { o.Region = region })
	out, err := api.GetRepositoryPolicy(
		ctx,
		&ecr.GetRepositoryPolicyInput{RepositoryName: aws.String(name), RegistryId: aws.String(account)},
	)
	var none *ecrtypes.RepositoryPolicyNotFoundException
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, awscall.Explain("cannot read the policy in force", err, time.Now())
	}
	return []byte(aws.ToString(out.PolicyText)), nil
}

// RegistryPolicyText reads the policy of a registry in a region. ECR's call names no
// account, so that who asks has to be of the account that is meant.
func RegistryPolicyText(ctx context.Context, cfg aws.Config, account, region string) ([]byte, error) {
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, awscall.Explain("cannot read the policy in force", err, time.Now())
	}
	if got := aws.ToString(who.Account); got != account {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the policy in force",
			Cause: "the AWS identity at hand is of account " + got + ", and the registry of account " + account}
	}
	api := ecr.NewFromConfig(cfg, func(o *ecr.Options) { o.Region = region })
	out, err := api.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	var none *ecrtypes.RegistryPolicyNotFoundException
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, awscall.Explain("cannot read the policy in force", err, time.Now())
	}
	return []byte(aws.ToString(out.PolicyText)), nil
}
