package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/aws"
)

// ownIdentity keeps what this machine is to AWS, and proves it to the server.
type ownIdentity struct {
	native *aws.Native
	server *client.Client
	log    *slog.Logger

	mu      sync.Mutex
	arn     string
	message string
	proved  string // what the server has confirmed in this process
}

// current answers at once; it is asked at every heartbeat.
func (o *ownIdentity) current() (arn, message string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.arn, o.message
}

const (
	identityEvery = 5 * time.Minute  // how often it is looked at
	identityRetry = 15 * time.Second // and where it is missing or not confirmed
)

// run looks for the identity and proves it, until ctx is done.
func (o *ownIdentity) run(ctx context.Context) {
	for {
		wait := identityEvery
		if !o.look(ctx) {
			wait = identityRetry
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// look reports whether nothing is left to do for now.
func (o *ownIdentity) look(ctx context.Context) bool {
	arn, err := o.native.Identity(ctx)
	if err != nil && arn == "" {
		o.set(arn, pullpass.Explain(err))
		return false
	}
	o.mu.Lock()
	proved := o.proved == arn
	o.mu.Unlock()
	if proved {
		o.set(arn, "")
		return true
	}
	if err := o.prove(ctx); err != nil {
		o.set(arn, pullpass.Explain(err))
		return false
	}
	o.mu.Lock()
	o.proved = arn
	o.mu.Unlock()
	o.set(arn, "")
	return true
}

// set keeps what was found, and says once what is new.
func (o *ownIdentity) set(arn, message string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.arn == arn && o.message == message {
		return
	}
	o.arn, o.message = arn, message
	if message != "" {
		o.log.Info("no AWS identity is confirmed", "identity", arn, "reason", message)
		return
	}
	o.log.Info("the server has confirmed the AWS identity", "identity", arn)
}

func (o *ownIdentity) prove(ctx context.Context) error {
	challenge, err := o.server.OwnChallenge(ctx)
	if err != nil {
		return err
	}
	proof, err := answerChallenge(ctx, o.native, challenge)
	if err != nil {
		return err
	}
	_, err = o.server.ProveIdentity(ctx, proof)
	return err
}

func answerChallenge(ctx context.Context, signer interface {
	Sign(ctx context.Context, challenge, bound string) (pullpass.IdentityProof, error)
}, c api.Challenge) (pullpass.IdentityProof, error) {
	return signer.Sign(ctx, c.Challenge, pullpass.Bind(c.Organization, c.Runner, c.Challenge))
}
