package audit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

// counts is a store that remembers how many events each transaction had.
type counts struct {
	mu      sync.Mutex
	batches []int
	gate    chan struct{}
	fail    error
}

func (c *counts) AppendEvents(_ context.Context, events []pullpass.Event) ([]pullpass.Event, error) {
	<-c.gate
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batches = append(c.batches, len(events))
	return events, c.fail
}

// A transaction has at most 512 events, and none is empty: events whose callers
// have gone are not written, and nothing is written in their place.
func TestTransactionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counts{gate: make(chan struct{})}
		door := audit.NewDoor(store, audit.Options{})
		var all sync.WaitGroup
		all.Go(func() { _ = door.Record(t.Context(), event("first")) })
		synctest.Wait() // it waits at the gate
		for range 1200 {
			all.Go(func() {
				if err := door.Record(t.Context(), event("a")); err != nil {
					t.Errorf("Record: %v", err)
				}
			})
		}
		synctest.Wait()
		close(store.gate)
		all.Wait()
		sum := 0
		for _, n := range store.batches {
			sum += n
			if n < 1 || n > 512 {
				t.Errorf("a transaction has %d events, want 1 to 512", n)
			}
		}
		if sum != 1201 {
			t.Errorf("%d events are written, want 1201", sum)
		}
		if err := door.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNothingIsWrittenForWhoHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counts{gate: make(chan struct{})}
		door := audit.NewDoor(store, audit.Options{})
		first := make(chan error, 1)
		go func() { first <- door.Record(t.Context(), event("first")) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error, 1)
		go func() { second <- door.Record(ctx, event("second")) }()
		synctest.Wait()
		cancel()
		if err := <-second; err == nil {
			t.Error("Record of somebody who has gone succeeded")
		}
		close(store.gate)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := door.Close(); err != nil {
			t.Error(err)
		}
		if len(store.batches) != 1 || store.batches[0] != 1 {
			t.Errorf("transactions of %v events, want one of one", store.batches)
		}
	})
}

// An event that the store refuses is tried once; what the store says stays in the
// error, behind where it comes from, and nothing is there when it said nothing.
func TestRecordSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counts{gate: make(chan struct{}), fail: &pullpass.Error{Kind: pullpass.NotFound, What: "no such organization"}}
		close(store.gate)
		door := audit.NewDoor(store, audit.Options{})
		if err := door.Record(t.Context(), event("a")); !pullpass.IsKind(err, pullpass.NotFound) || len(store.batches) != 1 {
			t.Errorf("Record = %v after %d transactions, want NotFound after one", err, len(store.batches))
		}
		store.fail = errors.New("disk full")
		err := door.Record(t.Context(), event("a"))
		if cause := errors.Unwrap(err); cause == nil || cause.Error() != "audit: disk full" {
			t.Errorf("Record = %v because of %v, want audit: disk full", err, cause)
		}
		if err := door.Close(); err != nil {
			t.Error(err)
		}
		if err := door.Record(t.Context(), event("a")); err == nil || errors.Unwrap(err) != nil {
			t.Errorf("Record after Close = %v because of %v, want no cause", err, errors.Unwrap(err))
		}
	})
}

// The largest event is taken, and one byte more is not.
func TestLargestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counts{gate: make(chan struct{})}
		close(store.gate)
		door := audit.NewDoor(store, audit.Options{})
		// An event's size grows with its text, byte by byte.
		refusedAt := func(n int) string {
			e := event("a")
			e.Target = strings.Repeat("x", n)
			err := door.Record(t.Context(), e)
			var refused *pullpass.Error
			if err != nil && (!errors.As(err, &refused) || refused.Kind != pullpass.Invalid) {
				t.Fatalf("Record: %v", err)
			}
			if err == nil {
				return ""
			}
			return refused.Cause
		}
		n := audit.MaxEventSize
		for n > 0 && refusedAt(n) != "" {
			n--
		}
		if cause := refusedAt(n + 1); cause != "it has 65537 bytes; 65536 is the most" {
			t.Errorf("the smallest event that is refused: %s", cause)
		}
		if err := door.Close(); err != nil {
			t.Error(err)
		}
	})
}

// As many events wait for the disk as the queue holds, by default a great many;
// those beyond are told that there are too many.
func TestQueueIsBounded(t *testing.T) {
	for queue, want := range map[int]string{0: "the audit log did not answer in time", 1: "too many events wait for the disk"} {
		synctest.Test(t, func(t *testing.T) {
			store := &counts{gate: make(chan struct{})}
			door := audit.NewDoor(store, audit.Options{Queue: queue})
			var all sync.WaitGroup
			for range 2 { // one in the store, one in the queue
				all.Go(func() { _ = door.Record(t.Context(), event("a")) })
				synctest.Wait()
			}
			var refused *pullpass.Error
			if err := door.Record(t.Context(), event("a")); !errors.As(err, &refused) || refused.Cause != want {
				t.Errorf("with a queue of %d: %v, want %q", queue, err, want)
			}
			all.Wait()
			close(store.gate)
			if err := door.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
