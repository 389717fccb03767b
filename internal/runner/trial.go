package runner

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/pullpass/pullpass"
)

// Trials tries what somebody waits for: a pull step by step, from here.
type Trials interface {
	// Try takes one trial, makes it and reports what came of it. Conflict and NotFound
	// say that there is nothing to do: another process has it, or its time is over.
	Try(context.Context, pullpass.TrialID) error
}

const (
	trialsAtOnce = 4
	// trialTime is longer than the server waits for a trial.
	trialTime = time.Minute
)

// trials makes each trial that the server lists, once.
type trials struct {
	places *semaphore.Weighted
	wg     sync.WaitGroup

	mu   sync.Mutex
	seen map[pullpass.TrialID]bool // of the last list: under way, or done
}

func newTrials() *trials {
	return &trials{places: semaphore.NewWeighted(trialsAtOnce), seen: map[pullpass.TrialID]bool{}}
}

// try begins what is new in the list. It does not wait: pulls for environments go
// on meanwhile.
func (r *Runner) try(ctx context.Context, list []pullpass.TrialID) {
	if r.o.Trials == nil {
		return
	}
	t := r.trials
	t.mu.Lock()
	defer t.mu.Unlock()
	listed := make(map[pullpass.TrialID]bool, len(list))
	for _, id := range list {
		listed[id] = true
		if !t.seen[id] {
			t.wg.Go(func() { r.tryOne(ctx, id) })
		}
	}
	t.seen = listed // what is not listed any more will not come back
}

func (r *Runner) tryOne(ctx context.Context, id pullpass.TrialID) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	if err := r.trials.places.Acquire(ctx, 1); err != nil {
		return
	}
	defer r.trials.places.Release(1)
	err := r.o.Trials.Try(ctx, id)
	switch {
	case err == nil, pullpass.IsKind(err, pullpass.Conflict), pullpass.IsKind(err, pullpass.NotFound):
	default:
		r.o.Log.WarnContext(ctx, "a trial failed", "trial", id, "error", err)
	}
}

// capabilities are the engine's and our own.
func (r *Runner) capabilities(engine []string) []string {
	if r.o.Trials == nil {
		return engine
	}
	return append(append([]string{}, engine...), pullpass.CapabilityTrials)
}
