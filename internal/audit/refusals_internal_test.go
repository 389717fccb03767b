package audit

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
)

// written is a door that keeps what it gets.
type written struct {
	mu     sync.Mutex
	events []pullpass.Event
}

func (w *written) Record(_ context.Context, e pullpass.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	return nil
}

func (w *written) take() []pullpass.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	w.events = nil
	return events
}

// pass lets time pass, which is a bubble's, and what is due then happen.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // no real time passes
	synctest.Wait()
}

func refusal(org, caller, action string) pullpass.Event {
	return pullpass.Event{
		Organization: pullpass.OrganizationID(org), Action: action, Decision: pullpass.DecisionDenied, Reason: "permission_denied",
		Caller: pullpass.EventActor{Kind: pullpass.CallerToken, ID: caller, Address: "192.0.2.1"}, Detail: map[string]string{"host": "h"},
	}
}

func before(t *testing.T, window time.Duration, f func(*Refusals, *written)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		r := NewRefusals(w, window, nil)
		f(r, w)
		r.Close()
	})
}

func mustRecord(t *testing.T, r *Refusals, e pullpass.Event) {
	t.Helper()
	if err := r.Record(t.Context(), e); err != nil {
		t.Errorf("Record: %v", err)
	}
}

// The first refusal of a kind is recorded at once; those like it are counted and
// recorded when the window is over, once, with the count; then it begins anew.
func TestRefusalsAreCounted(t *testing.T) {
	for given, window := range map[time.Duration]time.Duration{0: time.Minute, -time.Second: time.Minute, 20 * time.Second: 20 * time.Second} {
		before(t, given, func(r *Refusals, w *written) {
			began := time.Now()
			for range 4 {
				mustRecord(t, r, refusal("org_1", "tok_1", "a"))
			}
			if first := w.take(); len(first) != 1 || first[0].Detail[DetailRepeated] != "" {
				t.Errorf("at once: %+v, want the first alone", first)
			}
			pass(window - time.Nanosecond)
			if early := w.take(); len(early) != 0 {
				t.Errorf("before the window is over: %+v", early)
			}
			pass(time.Nanosecond)
			late := w.take()
			if len(late) != 1 || late[0].Detail[DetailRepeated] != "3" || late[0].Detail["host"] != "h" ||
				late[0].Detail["since"] != began.UTC().Format(time.RFC3339) || !late[0].At.After(began) {
				t.Errorf("when the window of %v is over: %+v, want one for three since %v", window, late, began)
			}
			mustRecord(t, r, refusal("org_1", "tok_1", "a"))
			if next := w.take(); len(next) != 1 {
				t.Errorf("the next one: %+v, want it recorded at once", next)
			}
			pass(2 * window)
			if none := w.take(); len(none) != 0 {
				t.Errorf("nothing came after it, and there is %+v", none)
			}
		})
	}
}

// What differs in organization, caller, action or reason is another kind; without a
// caller the address is who asks. What was allowed always passes.
func TestRefusalsApart(t *testing.T) {
	before(t, 0, func(r *Refusals, w *written) {
		stranger := refusal("org_1", "", "a")
		elsewhere := stranger
		elsewhere.Caller.Address = "192.0.2.2"
		reason := refusal("org_1", "tok_1", "a")
		reason.Reason = "quota"
		for _, e := range []pullpass.Event{
			refusal("org_1", "tok_1", "a"), refusal("org_2", "tok_1", "a"), refusal("org_1", "tok_2", "a"), refusal("org_1", "tok_1", "b"),
			stranger, elsewhere, reason,
		} {
			mustRecord(t, r, e)
			if got := w.take(); len(got) != 1 {
				t.Errorf("%+v: recorded %d times, want once", e, len(got))
			}
		}
		same := refusal("org_1", "tok_1", "a")
		same.Caller.Address, same.Target = "192.0.2.9", "another"
		mustRecord(t, r, same)
		if got := w.take(); len(got) != 0 {
			t.Errorf("the same caller from another address is recorded: %+v", got)
		}
		allowed := refusal("org_1", "tok_1", "a")
		allowed.Decision = pullpass.DecisionAllowed
		for range 3 {
			mustRecord(t, r, allowed)
		}
		if got := w.take(); len(got) != 3 {
			t.Errorf("%d of 3 allowed events are recorded", len(got))
		}
	})
}

// Whoever is refused for many reasons gets 30 records at once and one every two
// seconds; the rest are one record of many, without what they do not share.
func TestManyKindsOfRefusals(t *testing.T) {
	before(t, 0, func(r *Refusals, w *written) {
		for i := range 40 {
			mustRecord(t, r, refusal("org_1", "tok_1", strconv.Itoa(i)))
		}
		if got := w.take(); len(got) != 30 {
			t.Errorf("%d of 40 kinds are recorded at once, want 30", len(got))
		}
		mustRecord(t, r, refusal("org_1", "tok_2", "0"))
		if got := w.take(); len(got) != 1 {
			t.Error("one caller's refusals are in another's way")
		}
		pass(2 * time.Second)
		mustRecord(t, r, refusal("org_1", "tok_1", "later"))
		if got := w.take(); len(got) != 1 {
			t.Error("two seconds later there is room for no kind more")
		}
		for i := range 40 {
			e := refusal("org_2", "", strconv.Itoa(i))
			mustRecord(t, r, e)
		}
		_ = w.take()
		pass(90 * time.Second)
		found := map[pullpass.OrganizationID]pullpass.Event{}
		for _, e := range w.take() {
			found[e.Organization] = e
		}
		for org, address := range map[pullpass.OrganizationID]string{"org_1": "192.0.2.1", "org_2": ""} {
			e := found[org]
			if e.Reason != reasonMany || e.Detail[DetailRepeated] != "10" || e.Detail["host"] != "" || e.Caller.Address != address {
				t.Errorf("%s: %+v, want one record of ten, from %q", org, e, address)
			}
		}
	})
}

// Memory is bounded: 4096 kinds, and callers are forgotten that are like new.
func TestRefusalsInMemory(t *testing.T) {
	before(t, 0, func(r *Refusals, w *written) {
		for i := range maxKinds + 10 {
			mustRecord(t, r, refusal("org_1", fmt.Sprintf("tok_%d", i), "a"))
		}
		if got := len(w.take()); got != 4096 {
			t.Errorf("%d kinds are told apart, want 4096", got)
		}
		pass(3 * time.Minute)
		r.mu.Lock()
		kinds, paces := len(r.kinds), len(r.paces)
		r.mu.Unlock()
		if kinds != 0 || paces != 0 {
			t.Errorf("after three minutes %d kinds and %d callers are in memory, want none", kinds, paces)
		}
		for i := range 30 {
			mustRecord(t, r, refusal("org_1", "tok_1", strconv.Itoa(i)))
		}
		pass(30 * time.Second)
		r.mu.Lock()
		paces = len(r.paces)
		r.mu.Unlock()
		if paces != 1 {
			t.Errorf("a caller whose pace is not like new is forgotten (%d)", paces)
		}
	})
}

// Close records what was counted, without waiting for the window.
func TestRefusalsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		r := NewRefusals(w, 0, func() time.Time { return now })
		e := refusal("org_1", "tok_1", "a")
		e.Detail = nil
		for range 3 {
			mustRecord(t, r, e)
		}
		r.Close()
		got := w.take()
		if len(got) != 2 || got[1].Detail[DetailRepeated] != "2" || !got[1].At.Equal(now) {
			t.Errorf("after Close: %+v, want the first, and one for two at %v", got, now)
		}
	})
}
