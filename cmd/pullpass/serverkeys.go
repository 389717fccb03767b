package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/store"
)

// keysEvery is far below the day that a signing key is published before its use.
const keysEvery = time.Hour

// keepKeys rotates every organization's signing keys when that is due, removes what
// has expired, and renews the proofs of repositories, until ctx ends. Several
// servers may do so at once.
func keepKeys(ctx context.Context, p *parts, log *slog.Logger) {
	ticker := time.NewTicker(keysEvery)
	defer ticker.Stop()
	for {
		err := errors.Join(keepKeysOnce(ctx, p.identity, p.db), p.api.RenewProofs(ctx))
		if err != nil && ctx.Err() == nil {
			log.Warn("keeping signing keys and proofs failed; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func keepKeysOnce(ctx context.Context, p *identity.Provider, db *store.DB) error {
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := db.Organizations(ctx, page)
		if err != nil {
			return err
		}
		for _, o := range l.Items {
			if err := p.Rotate(ctx, o.ID); err != nil {
				return err
			}
		}
		if l.Next == "" {
			return errors.Join(db.DeleteExpiredTokens(ctx), db.DeleteExpiredTrials(ctx))
		}
		page.After = l.Next
	}
}

// egressHTTP is the egress client as libraries take it. Redirects come back as
// answers: nobody's issuer is where another one says.
func egressHTTP(c *egress.Client) *http.Client {
	return &http.Client{Transport: c, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
