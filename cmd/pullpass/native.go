package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/reference"
)

// newNative joins what a runner needs to mint with its own AWS identity.
func newNative(c *config.Runner, server *client.Client, id runnerIdentity) (*aws.Native, error) {
	hosts, err := newHosts(c.Hosts)
	if err != nil {
		return nil, err
	}
	keys := &grantKeys{server: server, runner: id.Runner}
	return aws.NewNative(aws.NativeOptions{Minter: aws.New(ownAWS(c, hosts)), Hosts: hosts, Open: keys.open, Now: time.Now}), nil
}

// ownPrincipal is who this machine is to AWS, or nothing: a runner that joins tells
// what it knows, and its heartbeats tell the rest.
func ownPrincipal(ctx context.Context, c *config.Runner) (string, error) {
	hosts, err := newHosts(c.Hosts)
	if err != nil {
		return "", err
	}
	principal, _ := aws.New(ownAWS(c, hosts)).Own(ctx)
	return principal, nil
}

// ownAWS reaches AWS as the machine that the runner is on, if its operator lends
// that identity.
func ownAWS(c *config.Runner, hosts *reference.Hosts) aws.Options {
	o := aws.Options{STSEndpoint: stsOfMappings(hosts)}
	if c.AWSIdentity == config.NoAWSIdentity {
		o.Ambient = func(context.Context) (awssdk.Config, error) {
			return awssdk.Config{}, &pullpass.Error{Kind: pullpass.Denied, Code: "ambient_not_lent", What: "cannot use the runner's own AWS identity",
				Cause: "its operator does not lend it", Hint: "start the runner with --aws-identity=ambient, or use an integration with its own identity"}
		}
	}
	return o
}

// grantKeys verifies grants with the organization's published keys.
type grantKeys struct {
	server *client.Client
	runner pullpass.RunnerID

	mu           sync.Mutex
	organization pullpass.OrganizationID // asked once: the server knows whose runner this is
	keys         jose.JSONWebKeySet
	read         time.Time
}

// Keys are published long before they sign, so a set is read again only where a
// grant names one that is not in it, and not at every attempt.
const grantKeysAgain = 5 * time.Second

func (k *grantKeys) open(ctx context.Context, text pullpass.Secret) (pullpass.Grant, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.organization == "" {
		self, err := k.server.Self(ctx)
		if err != nil {
			return pullpass.Grant{}, err
		}
		k.organization = self.Organization.ID
	}
	g, err := identity.OpenGrant(text, k.keys, k.organization, k.runner, time.Now())
	var known *pullpass.Error
	if !errors.As(err, &known) || known.Code != identity.CodeGrantKey || time.Since(k.read) < grantKeysAgain {
		return g, err
	}
	data, err := k.server.KeySet(ctx, k.organization)
	if err != nil {
		return pullpass.Grant{}, err
	}
	var fresh jose.JSONWebKeySet
	if err := json.Unmarshal(data, &fresh); err != nil {
		return pullpass.Grant{}, &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot read the organization's keys", Cause: "they are no key set"}
	}
	k.keys, k.read = fresh, time.Now()
	return identity.OpenGrant(text, k.keys, k.organization, k.runner, time.Now())
}
