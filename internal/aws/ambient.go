package aws

import (
	"cmp"
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/awsname"
)

// loadAmbient finds the server's own identity.
func loadAmbient(ctx context.Context) (aws.Config, error) {
	return awscall.LoadAmbient(ctx, config.WithDefaultRegion("us-east-1")) // never ask metadata for it: the host decides
}

// AmbientIn finds a machine's own identity, and the region that it is in: what its
// environment or profile says, else instance metadata, else fallback. Where STS of
// one region cannot be reached, another one's is the wrong one to ask.
func AmbientIn(fallback string) func(context.Context) (aws.Config, error) {
	return func(ctx context.Context) (aws.Config, error) {
		c, err := awscall.LoadAmbient(ctx)
		if err != nil || c.Region != "" {
			return c, err
		}
		if c.Region = metadataRegion(ctx); c.Region == "" {
			c.Region = cmp.Or(fallback, "us-east-1")
		}
		return c, nil
	}
}

// metadataRegion asks the instance for its region; nothing where there is none.
func metadataRegion(ctx context.Context) string {
	if os.Getenv("AWS_EC2_METADATA_DISABLED") == "true" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, awscall.MetadataTime)
	defer cancel()
	out, err := awscall.Metadata().GetRegion(ctx, &imds.GetRegionInput{})
	if err != nil || !awsname.ValidRegion(out.Region) {
		return ""
	}
	return out.Region
}
