// Command mutants puts small faults into the code on which security and
// correctness rest, one at a time, and runs the package's own tests against each:
// a fault that no test notices is printed, and so is the share that was noticed.
//
// gremlins finds the mutants (its operators, its report); they are built and
// tried here, all of a package in one test binary, each against the tests that
// reach it. docs/decisions/mutants.md says why.
//
//	go run ./e2e/mutants                    # every package of the table
//	go run ./e2e/mutants -only access,seal
//	go run ./e2e/mutants -only iam -sample 150 -seed 7
//	go run ./e2e/mutants -only iam -lived   # what lived the last time, again
//	go run ./e2e/mutants -faults            # the faults of faults.txt, each noticed by its test
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// options are the command's flags.
type options struct {
	only      string
	workers   int
	sample    int
	seed      uint64
	lived     bool
	faults    bool
	threshold float64
}

func main() {
	var opts options
	flag.StringVar(&opts.only, "only", "", "run these packages (comma-separated), not all of the table")
	flag.IntVar(&opts.workers, "workers", 2, "run this many mutants at once")
	flag.IntVar(&opts.sample, "sample", 0, "try this many mutants of each large package, chosen by -seed (0: all)")
	flag.Uint64Var(&opts.seed, "seed", 0, "choose the sample by this number (0: a new one, printed)")
	flag.BoolVar(&opts.lived, "lived", false, "try only what lived in the last run of the package")
	flag.BoolVar(&opts.faults, "faults", false, "put in the faults of faults.txt, each with its test, and no mutants")
	flag.Float64Var(&opts.threshold, "threshold", 90, "fail below this efficacy, in percent")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, opts, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run tries the chosen packages and returns an error that names each one that is
// below the threshold or has a survivor without a line in the ledger.
func run(ctx context.Context, opts options, out io.Writer) error {
	if opts.faults {
		return runFaults(ctx, opts.only, out)
	}
	chosen, err := choose(opts.only)
	if err != nil {
		return err
	}
	ledger, err := parseLedger(ledgerText)
	if err != nil {
		return fmt.Errorf("ledger.txt: %w", err)
	}
	if opts.seed == 0 {
		opts.seed = rand.Uint64N(1_000_000) + 1 //nolint:gosec // a sample, no secret
	}
	if opts.sample > 0 {
		_, _ = fmt.Fprintf(out, "of iam and store a sample of at most %d mutants each, seed %d\n", opts.sample, opts.seed)
	}
	gremlins, err := finder(ctx)
	if err != nil {
		return err
	}
	var failed []string
	for _, t := range chosen {
		s, err := tryTarget(ctx, gremlins, t, ledger, opts)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		_, _ = fmt.Fprintln(out, s.line())
		if s.large {
			for _, m := range s.unknown {
				_, _ = fmt.Fprintln(out, "  "+m)
			}
		}
		failed = append(failed, s.failures(opts.threshold)...)
	}
	if len(failed) > 0 {
		return errors.New("tests do not notice enough:\n  " + strings.Join(failed, "\n  "))
	}
	return nil
}

// tryTarget finds the mutants of one target, tries them and compares what lived
// with the ledger.
func tryTarget(ctx context.Context, gremlins string, t target, l ledger, opts options) (score, error) {
	found, codes, err := find(ctx, gremlins, t)
	if err != nil {
		return score{}, err
	}
	work, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return score{}, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	all := len(found)
	complete := true
	if opts.lived {
		found, complete = livedBefore(t, found), false
	} else if t.large && opts.sample > 0 && opts.sample < len(found) {
		found, complete = sampled(found, opts.sample, opts.seed), false
	}
	if err := (&trial{target: t, codes: codes, work: work, workers: opts.workers}).run(ctx, found); err != nil {
		return score{}, err
	}
	if complete {
		if err := save(t, found); err != nil {
			return score{}, err
		}
	}
	s := judge(t.name, found, all, complete, l)
	s.large, s.again = t.large, opts.lived
	return s, nil
}

// sampled returns n of the mutants, the same ones for the same seed.
func sampled(found []*mutant, n int, seed uint64) []*mutant {
	chosen := slices.Clone(found)
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a sample that can be drawn again
	random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen[:n]
}

// lastRun is where the survivors of a target's last complete run are kept.
func lastRun(t target) string { return filepath.Join(".bin", "mutants", t.name) }

// save writes the keys of what lived, for -lived.
func save(t target, found []*mutant) error {
	var keys []string
	for _, m := range found {
		if m.status == lived || m.status == notCovered {
			keys = append(keys, m.key())
		}
	}
	if err := os.MkdirAll(filepath.Dir(lastRun(t)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(lastRun(t), []byte(strings.Join(keys, "\n")+"\n"), 0o644)
}

func livedBefore(t target, found []*mutant) []*mutant {
	text, err := os.ReadFile(lastRun(t))
	if err != nil {
		return found
	}
	keys := strings.Split(string(text), "\n")
	return slices.DeleteFunc(found, func(m *mutant) bool { return !slices.Contains(keys, m.key()) })
}
