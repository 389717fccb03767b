package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// measureIssue asks for one cached credential as often as the server can, over
// kept-alive connections; each answer has its audit record on disk first.
func measureIssue(ctx context.Context, s *setting) ([]figure, error) {
	a, err := newAsking(ctx, s, 1, 1)
	if err != nil {
		return nil, err
	}
	defer a.close()
	duration := 15 * time.Second
	if s.quick {
		duration = 1500 * time.Millisecond
	}
	const connections = 32
	if _, _, err := a.load(ctx, 1, func(n int64) (int, bool) { return 0, n < 1 }); err != nil { // fills the cache
		return nil, err
	}
	samples, took, err := a.load(ctx, connections, func(n int64) (int, bool) { return 0, time.Since(a.began) < duration })
	if err != nil {
		return nil, err
	}
	rate := float64(len(samples)) / took.Seconds()
	p99 := percentile(samples, 99)
	return []figure{
		{what: "cached credentials a second, audit durable, 32 connections", got: rate, unit: "/s", goal: "≥ 5000/s", met: rate >= 5000},
		{what: "99th percentile of an answer", got: milliseconds(p99), unit: "ms", goal: "≤ 20 ms", met: p99 <= 20*time.Millisecond},
		{what: "median of an answer", got: milliseconds(median(samples)), unit: "ms"},
		{what: "upstream calls meanwhile", got: float64(a.upstream()), unit: "", goal: "1", met: a.upstream() == 1},
	}, nil
}

// measureHerd lets 10,000 environments ask at once for 50 different keys.
func measureHerd(ctx context.Context, s *setting) ([]figure, error) {
	environments, keys := 10_000, 50
	if s.quick {
		environments, keys = 500, 10
	}
	a, err := newAsking(ctx, s, environments, keys)
	if err != nil {
		return nil, err
	}
	defer a.close()
	const connections = 256
	samples, took, err := a.load(ctx, connections, func(n int64) (int, bool) { return int(n), n < int64(environments) })
	if err != nil {
		return nil, err
	}
	calls := a.upstream()
	return []figure{
		{what: fmt.Sprintf("%d environments, %d keys, 256 connections: all served in", environments, keys), got: took.Seconds(), unit: "s", goal: "≤ 4 s", met: took <= 4*time.Second},
		{what: "answers", got: float64(len(samples)), unit: "", goal: fmt.Sprint(environments), met: len(samples) == environments},
		{what: "GetAuthorizationToken calls upstream", got: float64(calls), unit: "", goal: fmt.Sprintf("%d: one a key", keys), met: calls == int64(keys)},
		{what: "99th percentile of an answer", got: milliseconds(percentile(samples, 99)), unit: "ms"},
	}, nil
}

// load runs workers until next says that it is enough, and returns how long
// each answer took.
func (a *asking) load(ctx context.Context, connections int, next func(n int64) (environment int, more bool)) ([]time.Duration, time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failure error
	var counter atomic.Int64
	var wg sync.WaitGroup
	a.began = time.Now()
	for range connections {
		wg.Go(func() {
			var mine []time.Duration
			line, err := dial(ctx, a.server.URL)
			defer line.close()
			for ctx.Err() == nil && err == nil {
				environment, more := next(counter.Add(1) - 1)
				if !more {
					break
				}
				began := time.Now()
				if err = line.ask(a.requests[environment]); err == nil {
					mine = append(mine, time.Since(began))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			if err != nil {
				failure = err
			}
		})
	}
	wg.Wait()
	took := time.Since(a.began)
	if failure == nil && len(all) == 0 {
		failure = errors.New("nothing was measured")
	}
	return all, took, failure
}
