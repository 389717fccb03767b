package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/pullpass/pullpass/internal/broker"
)

// tidyEvery is how long what is over may lie in the database.
const tidyEvery = time.Minute

// share returns what this server has in common with the others on its database,
// and keeps it tidy; nothing where there can be no others.
func (p *parts) share(ctx context.Context, log *slog.Logger) broker.Shared {
	if !p.db.Shared() {
		return nil
	}
	tidying, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(tidyEvery)
		defer ticker.Stop()
		for {
			select {
			case <-tidying.Done():
				return
			case <-ticker.C:
			}
			if err := p.db.DeleteOldHandovers(tidying); err != nil && tidying.Err() == nil {
				log.Warn("removing old handovers failed; trying again later", "error", err)
			}
		}
	}()
	p.closers = append(p.closers, func() { stop(); <-done })
	return p.db
}
