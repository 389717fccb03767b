package httpapi

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Waiting is a long poll's parameter. huma needs it exported.
type Waiting struct {
	Wait string `query:"wait" maxLength:"16" doc:"How long to wait for a change, at most 30s." example:"20s"`
}

func (w Waiting) duration() (time.Duration, error) {
	if w.Wait == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(w.Wait)
	if err != nil || d < 0 {
		return 0, &pullpass.Error{Kind: pullpass.Invalid, Code: "request_invalid", What: "cannot wait", Cause: "wait is not a duration", Hint: "write it as 20s"}
	}
	return min(d, api.MaxWait*time.Second), nil
}

// poll reads until there is news, or until wait is over or the server stops:
// whatever was read last is the answer.
func poll[T any](ctx context.Context, s *Server, org pullpass.OrganizationID, key string, wait time.Duration, read func(context.Context) (v T, news bool, err error)) (T, error) {
	if wait == 0 {
		v, _, err := read(ctx)
		return v, err
	}
	// Watching begins before reading, so that no change falls in between.
	watching, stop := context.WithCancel(ctx)
	defer stop()
	changed := s.store.Watch(watching, org, key)
	s.metrics.waiting.Inc()
	defer s.metrics.waiting.Dec()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		v, news, err := read(ctx)
		if err != nil || news {
			return v, err
		}
		select {
		case _, open := <-changed:
			if !open {
				return v, ctx.Err()
			}
		case <-over.C:
			return v, nil
		case <-s.draining:
			return v, nil
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}
