package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/identity"
)

// grantKeys verifies grants with the issuer and the keys that the runner was given
// when it joined, and with successors that one of them has signed. What answers in
// the server's place later, and has none of these keys, makes no grant.
type grantKeys struct {
	server *client.Client
	log    *slog.Logger
	keep   func(runnerIdentity) error // on disk

	mu    sync.Mutex
	id    runnerIdentity
	known jose.JSONWebKeySet
	read  time.Time
}

func newGrantKeys(server *client.Client, id runnerIdentity, keep func(runnerIdentity) error, log *slog.Logger) (*grantKeys, error) {
	k := &grantKeys{server: server, id: id, keep: keep, log: log}
	if len(id.Keys) > 0 {
		if err := json.Unmarshal(id.Keys, &k.known); err != nil {
			return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the server's keys from the runner's state", Err: err,
				Hint: "join as the same runner again: pullpass runner rejoin NAME"}
		}
	}
	return k, nil
}

const (
	// Keys are published long before they sign, so a set is read again only where a
	// grant names one that is not in it, and not at every attempt.
	grantKeysAgain = 5 * time.Second
	// grantKeysEvery follows the keys where no grant does: each is kept for a day
	// after its successor took over.
	grantKeysEvery = time.Hour
)

func (k *grantKeys) open(ctx context.Context, text pullpass.Secret) (pullpass.Grant, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.id.Issuer == "" { // joined with an earlier version, which kept none
		if err := k.pin(ctx); err != nil {
			return pullpass.Grant{}, err
		}
	}
	g, err := k.openKnown(text)
	var known *pullpass.Error
	if !errors.As(err, &known) || known.Code != identity.CodeGrantKey || time.Since(k.read) < grantKeysAgain {
		return g, err
	}
	if err := k.follow(ctx); err != nil {
		return pullpass.Grant{}, err
	}
	return k.openKnown(text)
}

func (k *grantKeys) openKnown(text pullpass.Secret) (pullpass.Grant, error) {
	return identity.OpenGrant(text, k.known, k.id.Issuer, k.id.Organization, k.id.Runner, time.Now())
}

// pin takes the keys that the server has now as the first.
func (k *grantKeys) pin(ctx context.Context) error {
	self, err := k.server.Self(ctx)
	if err != nil {
		return err
	}
	keys, err := k.server.RunnerKeys(ctx)
	if err != nil {
		return err
	}
	data, err := k.server.KeySet(ctx, self.Organization.ID)
	if err != nil {
		return err
	}
	var fresh jose.JSONWebKeySet
	if err := json.Unmarshal(data, &fresh); err != nil {
		return &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot read the organization's keys", Cause: "the answer is not a key set"}
	}
	id := k.id
	id.Organization, id.Issuer = self.Organization.ID, keys.Issuer
	return k.take(id, fresh)
}

// follow takes the keys that those before them have signed.
func (k *grantKeys) follow(ctx context.Context) error {
	keys, err := k.server.RunnerKeys(ctx)
	if err != nil {
		return err
	}
	k.read = time.Now()
	fresh, err := identity.Succeed(k.known, k.id.Issuer, keys.Successions)
	if err != nil {
		return err
	}
	return k.take(k.id, fresh)
}

func (k *grantKeys) take(id runnerIdentity, fresh jose.JSONWebKeySet) error {
	data, err := json.Marshal(fresh)
	if err != nil {
		return err
	}
	if string(data) == string(id.Keys) && id.Issuer == k.id.Issuer {
		return nil
	}
	id.Keys = data
	if err := k.keep(id); err != nil {
		return err
	}
	k.id, k.known = id, fresh
	return nil
}

// run follows the keys from time to time, so that a runner that checks no grant
// for weeks still knows the keys when it has to.
func (k *grantKeys) run(ctx context.Context) {
	ticker := time.NewTicker(grantKeysEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		k.mu.Lock()
		var err error
		if k.id.Issuer == "" {
			err = k.pin(ctx)
		} else {
			err = k.follow(ctx)
		}
		k.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "following the server's keys failed", "error", err)
		}
	}
}
