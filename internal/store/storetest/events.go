package storetest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/store"
)

func sprint(v any) string { return fmt.Sprintf("%+v", v) }

func sampleEvent(org pullpass.OrganizationID, action string) pullpass.Event {
	return pullpass.Event{
		Organization: org, At: time.Date(2026, 1, 2, 3, 4, 5, 6789, time.FixedZone("x", 3600)), Action: action,
		Decision: pullpass.DecisionAllowed, Reason: "because",
		Caller:  pullpass.EventActor{Kind: pullpass.CallerRunner, ID: "run_1", Name: "one", Address: "127.0.0.1"},
		Project: "prj_1", Environment: "env_1", Runner: "run_1", Registry: "reg_1", Generation: 3, Integration: "int_1", Target: "t",
		Detail: map[string]string{"host": "hub.example", "repository": "team/app"},
	}
}

func (w *world) appendEvents(n int) []pullpass.Event {
	w.t.Helper()
	events := make([]pullpass.Event, n)
	for i := range events {
		events[i] = sampleEvent(w.org, "action."+strconv.Itoa(i))
	}
	events, err := w.AppendEvents(w.t.Context(), events)
	must(w.t, "AppendEvents", err)
	return events
}

func (w *world) verify() audit.Report {
	w.t.Helper()
	report, err := audit.Verify(w.t.Context(), w.DB, w.org, audit.Head{})
	must(w.t, "Verify", err)
	return report
}

func testEvents(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "other")
	ctx := t.Context()
	if r := w.verify(); !r.Whole() || r.Checked != 0 {
		t.Errorf("Verify of an empty chain = %+v", r)
	}
	mixed, err := w.AppendEvents(ctx, []pullpass.Event{
		sampleEvent(w.org, "a"), sampleEvent(other.org, "b"), sampleEvent(w.org, "c"), {Organization: w.org, Action: "bare"},
	})
	must(t, "AppendEvents", err)
	for i, want := range []int64{1, 1, 2, 3} {
		if mixed[i].Sequence != want {
			t.Errorf("event %d has sequence %d, want %d", i, mixed[i].Sequence, want)
		}
	}
	list, err := w.Events(ctx, w.org, pullpass.EventFilter{}, pullpass.Page{})
	must(t, "Events", err)
	if diff := cmp.Diff([]pullpass.Event{mixed[0], mixed[2], mixed[3]}, list.Items); diff != "" {
		t.Errorf("Events differ from what AppendEvents returned:\n%s", diff)
	}
	if list.Items[1].Previous != list.Items[0].Hash || list.Items[1].Hash != audit.Hash(list.Items[1]) {
		t.Errorf("the chain does not link: %+v", list.Items)
	}
	for range 3 {
		w.appendEvents(250) // more than one page of Verify, more than one insert
	}
	if r := w.verify(); !r.Whole() || r.Checked != 753 {
		t.Errorf("Verify = %+v, want 753 whole", r)
	}
	_, err = w.AppendEvents(ctx, []pullpass.Event{sampleEvent(w.org, "x"), sampleEvent(pullpass.NewOrganizationID(), "y")})
	wantKind(t, "an event of no organization", err, pullpass.NotFound)
	if r := w.verify(); !r.Whole() || r.Checked != 753 {
		t.Errorf("after a refused batch: Verify = %+v, want 753 whole", r)
	}
	testEventFilters(t, w)
}

func testEventFilters(t *testing.T, w *world) {
	denied := sampleEvent(w.org, "only.one")
	denied.Decision, denied.Caller.ID, denied.Project, denied.Environment, denied.Registry = pullpass.DecisionDenied, "usr_9", "prj_9", "env_9", "reg_9"
	denied.At = denied.At.Add(time.Hour)
	_, err := w.AppendEvents(t.Context(), []pullpass.Event{denied})
	must(t, "AppendEvents", err)
	for name, f := range map[string]pullpass.EventFilter{
		"action": {Action: "only.one"}, "decision": {Decision: pullpass.DecisionDenied}, "caller": {Caller: "usr_9"},
		"project": {Project: "prj_9"}, "environment": {Environment: "env_9"}, "registry": {Registry: "reg_9"},
		"time": {From: denied.At, To: denied.At.Add(time.Microsecond)},
	} {
		list, err := w.Events(t.Context(), w.org, f, pullpass.Page{})
		if err != nil || len(list.Items) != 1 || list.Items[0].Action != "only.one" {
			t.Errorf("Events by %s: %d items (%v), want the one", name, len(list.Items), err)
		}
	}
	list, err := w.Events(t.Context(), w.org, pullpass.EventFilter{From: denied.At.Add(time.Microsecond)}, pullpass.Page{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("Events after the last: %d items (%v), want none", len(list.Items), err)
	}
	_, err = w.Events(t.Context(), w.org, pullpass.EventFilter{}, pullpass.Page{After: "x"})
	wantKind(t, "a page after something else", err, pullpass.Invalid)
}

// testEventsTwoServers appends to two chains from two servers at once: no gap,
// no fork.
func testEventsTwoServers(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	other := populate(t, w.DB, "other")
	second := openStore(t, open, keyring)
	const writers, batches = 6, 10
	var all sync.WaitGroup
	for i := range writers {
		db := []*store.DB{w.DB, second}[i%2]
		all.Go(func() {
			for range batches {
				batch := []pullpass.Event{sampleEvent(w.org, "a"), sampleEvent(other.org, "b"), sampleEvent(w.org, "c")}
				if i%3 == 0 {
					batch[0], batch[1] = batch[1], batch[0]
				}
				if _, err := db.AppendEvents(t.Context(), batch); err != nil {
					t.Errorf("AppendEvents: %v", err)
				}
			}
		})
	}
	all.Wait()
	for world, want := range map[*world]int64{w: 2 * writers * batches, other: writers * batches} {
		if r := world.verify(); !r.Whole() || r.Checked != want {
			t.Errorf("Verify = %+v (%+v), want %d whole", r, r.Bad, want)
		}
	}
}

func testEventsAppendOnly(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.appendEvents(2)
	for _, statement := range []string{`UPDATE events SET reason = 'x'`, `DELETE FROM events`} {
		if _, err := w.Schema().Write.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("the database allowed %s", statement)
		}
	}
	if r := w.verify(); !r.Whole() || r.Checked != 2 {
		t.Errorf("Verify = %+v, want 2 whole", r)
	}
}

// testEventsTampered changes the chain as somebody with the database's own
// password could, past the triggers, at its beginning, middle and end.
func testEventsTampered(t *testing.T, open Open) {
	w := newWorld(t, open)
	const length = 7
	w.appendEvents(length)
	tamper := tampering(t, w)
	columns := []string{"previous", "hash", "at", "action", "decision", "reason", "caller_kind", "caller_id", "caller_name", "caller_address",
		"project", "environment", "runner", "registry", "generation", "integration", "target", "detail"}
	for _, sequence := range []int64{1, 4, length} {
		for _, column := range columns {
			value := "'x'"
			switch column {
			case "at", "generation":
				value = column + " + 1"
			case "detail":
				value = `'{"host":"hub.example","repository":"team/other"}'`
			}
			tamper(fmt.Sprintf("%s of %d", column, sequence), sequence, "UPDATE events SET "+column+" = "+value+" WHERE organization = $1 AND sequence = $2", sequence)
		}
		tamper(fmt.Sprintf("deletion of %d", sequence), sequence, "DELETE FROM events WHERE organization = $1 AND sequence = $2", sequence)
	}
	tamper("a number moved", 3, "UPDATE events SET sequence = 99 WHERE organization = $1 AND sequence = $2", 3)
	tamper("the last two gone", length-1, "DELETE FROM events WHERE organization = $1 AND sequence >= $2", length-1)
	tamper("the head put back", length-1, "UPDATE event_heads SET sequence = $2 WHERE organization = $1", length-1)
	tamper("the head gone", 1, "DELETE FROM event_heads WHERE organization = $1 AND sequence >= $2", 0)
	tamper("everything gone", 1, "DELETE FROM events WHERE organization = $1 AND sequence > $2", 0)
	if r := w.verify(); !r.Whole() || r.Checked != length {
		t.Errorf("after all was put back: %+v, want %d whole", r, length)
	}
}
