package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// measureStore compares the store's named operations with few and with many
// environments: warm, the median of five 99th percentiles.
func measureStore(ctx context.Context, s *setting) ([]figure, error) {
	few, many := 1_000, 1_000_000
	if s.quick {
		many = 20_000
	}
	small, err := measureFilled(ctx, s, few)
	if err != nil {
		return nil, err
	}
	large, err := measureFilled(ctx, s, many)
	if err != nil {
		return nil, err
	}
	var figures []figure
	for i, op := range small {
		ratio := float64(large[i].p99) / float64(op.p99)
		figures = append(figures, figure{
			what: fmt.Sprintf("%s: p99 at %d environments", op.name, many), got: milliseconds(large[i].p99), unit: "ms",
			peer: fmt.Sprintf("at %d: %.3f ms (ratio %.2f)", few, milliseconds(op.p99), ratio),
			goal: "≤ 1.5×", met: ratio <= 1.5,
		})
	}
	return figures, nil
}

type operationTime struct {
	name string
	p99  time.Duration
}

func measureFilled(ctx context.Context, s *setting, n int) ([]operationTime, error) {
	db, err := openFilled(ctx, s, n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	filled, err := storetest.Fill(ctx, db, n)
	if err != nil {
		return nil, err
	}
	if err := filled.Settle(ctx, db); err != nil {
		return nil, err
	}
	var times []operationTime
	for _, op := range filled.Operations(db) {
		p99, err := fiveRounds(ctx, op, n)
		if err != nil {
			return nil, fmt.Errorf("%s at %d environments: %w", op.Name, n, err)
		}
		times = append(times, operationTime{op.Name, p99})
	}
	return times, nil
}

func openFilled(ctx context.Context, s *setting, n int) (*store.DB, error) {
	dir := filepath.Join(s.dir, fmt.Sprintf("store-%d", n))
	key, err := seal.OpenKeyFile(dir + ".key")
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, filepath.Join(dir, "pullpass.db"), seal.NewKeyring(key), store.Options{})
}

// fiveRounds warms the operation up and returns the median of five p99s over
// environments at random, the same in each size of store.
func fiveRounds(ctx context.Context, op storetest.Operation, n int) (time.Duration, error) {
	const warm, rounds, samples = 2000, 5, 2000
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same choice in each run
	for range warm {
		if err := op.Run(ctx, random.IntN(n)); err != nil {
			return 0, err
		}
	}
	var p99s []time.Duration
	for range rounds {
		took := make([]time.Duration, samples)
		for i := range took {
			environment := random.IntN(n)
			began := time.Now()
			if err := op.Run(ctx, environment); err != nil {
				return 0, err
			}
			took[i] = time.Since(began)
		}
		p99s = append(p99s, percentile(took, 99))
	}
	return median(p99s), nil
}
