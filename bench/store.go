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
// environments. The two stores take turns, one short round each, so that whatever
// else the machine does hits both; the figure is the median of the rounds' ratios.
func measureStore(ctx context.Context, s *setting) ([]figure, error) {
	few, many := 1_000, 1_000_000
	if s.quick {
		many = 20_000
	}
	small, err := fill(ctx, s, few)
	if err != nil {
		return nil, err
	}
	defer small.close()
	large, err := fill(ctx, s, many)
	if err != nil {
		return nil, err
	}
	defer large.close()
	var figures []figure
	for i, op := range small.operations {
		c, err := compare(ctx, op, large.operations[i], few, many)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{
			what: fmt.Sprintf("%s: p99 at %d environments", op.Name, many), got: milliseconds(c.large), unit: "ms",
			peer: fmt.Sprintf("at %d: %.3f ms (ratio %.2f)", few, milliseconds(c.small), c.ratio),
			goal: "≤ 1.5×", met: c.ratio <= 1.5,
		})
	}
	return figures, nil
}

// filledStore is a store with so many environments, in the state in which it is
// some time after.
type filledStore struct {
	db         *store.DB
	operations []storetest.Operation
}

func (f *filledStore) close() { _ = f.db.Close() }

func fill(ctx context.Context, s *setting, n int) (*filledStore, error) {
	db, err := openFilled(ctx, s, n)
	if err != nil {
		return nil, err
	}
	f := &filledStore{db: db}
	filled, err := storetest.Fill(ctx, db, n)
	if err == nil {
		err = filled.Settle(ctx, db)
	}
	if err == nil {
		f.operations = filled.Operations(db)
		err = f.warm(ctx, n)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// warm reads each page once. A few thousand reads at random would warm the small
// store up and leave the large one cold: it is the first touch of a page that takes
// its time then, not the size.
func (f *filledStore) warm(ctx context.Context, n int) error {
	const rowsOfAPage = 5
	for i := 0; i < n; i += rowsOfAPage {
		if err := f.operations[0].Run(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// comparison is the median of the rounds' p99s, and of their ratios.
type comparison struct {
	small, large time.Duration
	ratio        float64
}

// compare warms both up and lets them take turns; who begins changes each time.
func compare(ctx context.Context, small, large storetest.Operation, few, many int) (comparison, error) {
	const warm, rounds, samples = 5000, 15, 1000
	a := &side{small, few, rand.New(rand.NewPCG(1, 2))}  //nolint:gosec // the same choice in each run
	b := &side{large, many, rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same choice in each run
	var p99s [2][]time.Duration
	var ratios []float64
	for round := range rounds + 1 {
		var took [2]time.Duration
		for turn := range 2 {
			i := (round + turn) % 2
			n := samples
			if round == 0 {
				n = warm
			}
			var err error
			if took[i], err = []*side{a, b}[i].p99(ctx, n); err != nil {
				return comparison{}, fmt.Errorf("%s: %w", small.Name, err)
			}
		}
		if round == 0 {
			continue
		}
		p99s[0], p99s[1] = append(p99s[0], took[0]), append(p99s[1], took[1])
		ratios = append(ratios, float64(took[1])/float64(took[0]))
	}
	return comparison{median(p99s[0]), median(p99s[1]), median(ratios)}, nil
}

// side is one of the two, with its environments at random.
type side struct {
	storetest.Operation
	environments int
	random       *rand.Rand
}

func (s *side) p99(ctx context.Context, n int) (time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		environment := s.random.IntN(s.environments)
		began := time.Now()
		if err := s.Run(ctx, environment); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	return percentile(took, 99), nil
}

func openFilled(ctx context.Context, s *setting, n int) (*store.DB, error) {
	dir := filepath.Join(s.dir, fmt.Sprintf("store-%d", n))
	key, err := seal.OpenKeyFile(dir + ".key")
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, filepath.Join(dir, "pullpass.db"), seal.NewKeyring(key), store.Options{})
}
