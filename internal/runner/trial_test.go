package runner_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// tried counts the trials of each id, and the most at the same time.
type tried struct {
	mu        sync.Mutex
	times     map[pullpass.TrialID]int
	now, most int
	err       error
}

func (d *tried) Try(ctx context.Context, id pullpass.TrialID) error {
	d.mu.Lock()
	d.times[id]++
	d.now++
	d.most = max(d.most, d.now)
	err := d.err
	d.mu.Unlock()
	select {
	case <-time.After(10 * time.Second):
	case <-ctx.Done():
	}
	d.mu.Lock()
	d.now--
	d.mu.Unlock()
	return err
}

// listing is a server that lists trials beside the world's environments.
type listing struct {
	*world
	trials []pullpass.TrialID
}

func (l *listing) Wanted(ctx context.Context, seen string) (runner.Wanted, error) {
	w, err := l.world.Wanted(ctx, seen)
	if !w.Unchanged {
		l.mu.Lock()
		defer l.mu.Unlock()
		w.Trials = append([]pullpass.TrialID{}, l.trials...)
	}
	return w, err
}

func (l *listing) list(ids ...pullpass.TrialID) {
	l.change(func() { l.trials = ids })
}

// Each trial is made once however often it is listed, few at the same time, and
// environments do not wait for them.
func TestTrialsAreMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		server := &listing{world: w}
		trials := &tried{times: map[pullpass.TrialID]int{}, err: &pullpass.Error{Kind: pullpass.Conflict}}
		r, err := runner.New(runner.Options{ID: w.id, Version: "test", Server: server, Driver: w.engine.Driver(w.id), Resolver: w, Agents: agents{w}, Trials: trials})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		var ids []pullpass.TrialID
		for range 6 {
			ids = append(ids, pullpass.NewTrialID())
		}
		server.list(ids...)
		e := w.environment("serve")
		pass(5 * time.Second)
		if u := w.last(e.ID); u.Phase != pullpass.PhaseRunning {
			t.Errorf("phase = %s while trials are under way, want running", u.Phase)
		}
		server.list(ids[1:]...)
		pass(time.Minute)
		server.list()
		pass(time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		for _, id := range ids {
			if trials.times[id] != 1 {
				t.Errorf("a trial was made %d times, want once", trials.times[id])
			}
		}
		if trials.most > 4 || trials.most < 2 {
			t.Errorf("%d trials at the same time, want few, and not one by one", trials.most)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if last := w.beats[len(w.beats)-1]; last.Capabilities[len(last.Capabilities)-1] != pullpass.CapabilityTrials {
			t.Errorf("capabilities = %v, want trials among them", last.Capabilities)
		}
	})
}
