package audit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

// faulty is a store that fails as it is told. Its gate, if any, is what each
// append waits for.
type faulty struct {
	mu      sync.Mutex
	events  []pullpass.Event
	batches []int
	fail    error
	gate    chan struct{}
	deaf    bool // it does not hear that the context has ended
}

func (f *faulty) set(fail error, gate chan struct{}, deaf bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.gate, f.deaf = fail, gate, deaf
}

func (f *faulty) AppendEvents(ctx context.Context, events []pullpass.Event) ([]pullpass.Event, error) {
	f.mu.Lock()
	gate, deaf := f.gate, f.deaf
	f.mu.Unlock()
	if gate != nil && deaf {
		<-gate
	} else if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	for _, e := range events {
		if e.Action == "bad" {
			return nil, &pullpass.Error{Kind: pullpass.NotFound, What: "no such organization"}
		}
	}
	f.events = append(f.events, events...)
	f.batches = append(f.batches, len(events))
	return events, nil
}

func (f *faulty) written(action string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		if e.Action == action {
			n++
		}
	}
	return n
}

func event(action string) pullpass.Event {
	return pullpass.Event{Organization: "org_1", Action: action}
}

// inBubble runs f with a faulty store and a door on it, in fake time.
func inBubble(t *testing.T, o audit.Options, f func(*testing.T, *faulty, *audit.Door)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{}
		door := audit.NewDoor(store, o)
		defer func() { _ = door.Close() }()
		f(t, store, door)
	})
}

func record(t *testing.T, door *audit.Door, action string) (took time.Duration, err error) {
	t.Helper()
	start := time.Now()
	err = door.Record(t.Context(), event(action))
	return time.Since(start), err
}

func TestRecord(t *testing.T) {
	inBubble(t, audit.Options{}, func(t *testing.T, store *faulty, door *audit.Door) {
		if took, err := record(t, door, "a"); err != nil || took != 0 {
			t.Errorf("Record: %v after %v", err, took)
		}
		if store.written("a") != 1 {
			t.Error("Record returned and the event is not written")
		}
	})
}

func TestRecordSharesTransactions(t *testing.T) {
	inBubble(t, audit.Options{}, func(t *testing.T, store *faulty, door *audit.Door) {
		gate := make(chan struct{})
		store.set(nil, gate, false)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := door.Record(t.Context(), event("a")); err != nil {
					t.Errorf("Record: %v", err)
				}
			})
		}
		synctest.Wait() // the first waits at the gate, the others behind it
		close(gate)
		all.Wait()
		if store.written("a") != 100 || len(store.batches) > 3 {
			t.Errorf("%d events in %d transactions, want 100 in 3 at most", store.written("a"), len(store.batches))
		}
	})
}

func TestRecordFails(t *testing.T) {
	inBubble(t, audit.Options{}, func(t *testing.T, store *faulty, door *audit.Door) {
		disk := errors.New("disk full")
		store.set(disk, nil, false)
		_, err := record(t, door, "a")
		if !pullpass.IsKind(err, pullpass.Unavailable) || !errors.Is(err, disk) || pullpass.HintOf(err) == "" {
			t.Errorf("Record on a full disk: %v, want unavailable with a hint", err)
		}
		store.set(nil, nil, false)
		if _, err := record(t, door, "b"); err != nil || store.written("b") != 1 {
			t.Errorf("Record after the disk has room again: %v", err)
		}
	})
}

// TestRecordHangs has the store hang, hearing that it should stop and not
// hearing it: every caller is refused within the bound, and the door recovers.
func TestRecordHangs(t *testing.T) {
	for name, deaf := range map[string]bool{"hearing": false, "deaf": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, audit.Options{Queue: 4}, func(t *testing.T, store *faulty, door *audit.Door) {
				gate := make(chan struct{})
				store.set(nil, gate, deaf)
				var all sync.WaitGroup
				refused := func() {
					if took, err := record(t, door, "a"); !pullpass.IsKind(err, pullpass.Unavailable) || took > 2*time.Second {
						t.Errorf("Record on a hanging store: %v after %v, want unavailable within 2s", err, took)
					}
				}
				all.Go(refused)
				synctest.Wait() // it is in the store
				for range 20 {  // more than the queue holds
					all.Go(refused)
				}
				all.Wait()
				store.set(nil, nil, false)
				close(gate)
				synctest.Wait()
				if took, err := record(t, door, "b"); err != nil || took != 0 {
					t.Errorf("Record after the store has recovered: %v after %v", err, took)
				}
				// A store that hears nothing takes no second batch while it hangs, so
				// whoever waited behind the first has given up and is not written.
				if n := store.written("a"); deaf && n != 1 {
					t.Errorf("%d events are written, want the one that was in the store", n)
				}
			})
		})
	}
}

func TestRecordCancelled(t *testing.T) {
	inBubble(t, audit.Options{}, func(t *testing.T, store *faulty, door *audit.Door) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := door.Record(ended, event("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("Record with an ended context: %v", err)
		}
		gate := make(chan struct{})
		store.set(nil, gate, false)
		results := make(chan error, 2)
		inStore, cancelInStore := context.WithCancel(t.Context())
		go func() { results <- door.Record(inStore, event("in store")) }()
		synctest.Wait()
		waiting, cancelWaiting := context.WithCancel(t.Context())
		go func() { results <- door.Record(waiting, event("waiting")) }()
		synctest.Wait()

		cancelWaiting()
		if err := <-results; !errors.Is(err, context.Canceled) || !pullpass.IsKind(err, pullpass.Unavailable) {
			t.Errorf("cancelled while waiting: %v, want unavailable because cancelled", err)
		}
		cancelInStore()
		synctest.Wait()
		close(gate)
		if err := <-results; err != nil {
			t.Errorf("cancelled while being written: %v; what is written counts", err)
		}
		synctest.Wait()
		if store.written("in store") != 1 || store.written("waiting") != 0 {
			t.Errorf("written: %d in the store, %d waiting; want 1, 0", store.written("in store"), store.written("waiting"))
		}
	})
}

// TestCancelledWhileHanging has the caller go away while the writer has its event
// and the disk does not answer: nobody is told that it is recorded.
func TestCancelledWhileHanging(t *testing.T) {
	inBubble(t, audit.Options{}, func(t *testing.T, store *faulty, door *audit.Door) {
		gate := make(chan struct{})
		store.set(nil, gate, true)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- door.Record(ctx, event("a")) }()
		synctest.Wait() // it is in the store
		cancel()
		if err := <-result; !pullpass.IsKind(err, pullpass.Unavailable) {
			t.Errorf("Record = %v while the disk does not answer, want unavailable", err)
		}
		if n := store.written("a"); n != 0 {
			t.Errorf("%d events are written: the test shows nothing", n)
		}
		close(gate)
	})
}

func TestBadEventAlone(t *testing.T) {
	inBubble(t, audit.Options{}, func(t *testing.T, store *faulty, door *audit.Door) {
		gate := make(chan struct{})
		store.set(nil, gate, false)
		var all sync.WaitGroup
		for i := range 20 {
			action := "good"
			if i%5 == 0 {
				action = "bad"
			}
			all.Go(func() {
				err := door.Record(t.Context(), event(action))
				if (err == nil) != (action == "good") || (err != nil && !pullpass.IsKind(err, pullpass.NotFound)) {
					t.Errorf("Record(%s): %v", action, err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		if store.written("good") != 16 {
			t.Errorf("%d good events are written, want 16", store.written("good"))
		}
		huge := event("huge")
		huge.Detail = map[string]string{"reference": strings.Repeat("x", audit.MaxEventSize)}
		if err := door.Record(t.Context(), huge); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("Record of a huge event: %v, want invalid", err)
		}
	})
}

func TestClose(t *testing.T) {
	inBubble(t, audit.Options{}, func(t *testing.T, store *faulty, door *audit.Door) {
		gate := make(chan struct{})
		store.set(nil, gate, false)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := door.Record(t.Context(), event("a")); err != nil {
					t.Errorf("Record before Close: %v", err)
				}
			})
		}
		synctest.Wait()
		all.Go(func() {
			if err := door.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		synctest.Wait()
		if took, err := record(t, door, "late"); !pullpass.IsKind(err, pullpass.Unavailable) || took != 0 {
			t.Errorf("Record after Close: %v after %v, want unavailable at once", err, took)
		}
		close(gate)
		all.Wait()
		if store.written("a") != 10 || store.written("late") != 0 {
			t.Errorf("written: %d, %d late; want 10, 0", store.written("a"), store.written("late"))
		}
		if err := door.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
}

func TestCloseWhileHanging(t *testing.T) {
	inBubble(t, audit.Options{}, func(t *testing.T, store *faulty, door *audit.Door) {
		gate := make(chan struct{})
		store.set(nil, gate, true)
		var all sync.WaitGroup
		all.Go(func() {
			if err := door.Record(t.Context(), event("a")); !pullpass.IsKind(err, pullpass.Unavailable) {
				t.Errorf("Record on a hanging store: %v, want unavailable", err)
			}
		})
		synctest.Wait()
		start := time.Now()
		if err := door.Close(); !pullpass.IsKind(err, pullpass.Unavailable) || time.Since(start) > 2*time.Second {
			t.Errorf("Close on a hanging store: %v after %v, want unavailable within 2s", err, time.Since(start))
		}
		all.Wait()
		close(gate)
	})
}
