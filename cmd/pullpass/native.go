package main

import (
	"context"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/reference"
)

// newNative joins what a runner needs to mint with its own AWS identity.
func newNative(c *config.Runner, keys *grantKeys) (*aws.Native, error) {
	hosts, err := newHosts(c.Hosts)
	if err != nil {
		return nil, err
	}
	return aws.NewNative(aws.NativeOptions{Minter: aws.New(ownAWS(c, hosts)), Hosts: hosts, Open: keys.open, Now: time.Now}), nil
}

// ownAWS reaches AWS as the machine that the runner is on, if its operator lends
// that identity.
func ownAWS(c *config.Runner, hosts *reference.Hosts) aws.Options {
	o := aws.Options{STSEndpoint: stsOfMappings(hosts), Ambient: aws.AmbientIn(stsRegion(hosts))}
	if c.AWSIdentity == config.NoAWSIdentity {
		o.Ambient = func(context.Context) (awssdk.Config, error) {
			return awssdk.Config{}, &pullpass.Error{Kind: pullpass.Denied, Code: "ambient_not_lent", What: "cannot use the runner's own AWS identity",
				Cause: "its operator does not lend it", Hint: "start the runner with --aws-identity=ambient, or use an integration with its own identity"}
		}
	}
	return o
}

// stsRegion is where STS is asked if the machine does not say where it is: the one
// region that the operator's mappings have an endpoint for.
func stsRegion(hosts *reference.Hosts) string {
	region := ""
	for _, m := range hosts.Mappings() {
		switch {
		case m.STSEndpoint == "" || m.Region == region:
		case region != "":
			return ""
		default:
			region = m.Region
		}
	}
	return region
}
