package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

// On a disk that is almost full only records are written of what is given out or taken
// away. Refusals are answered all the same, counted, and recorded with room again.
func TestRoomIsForVitalRecords(t *testing.T) {
	store, full := &faulty{}, true
	now := time.Now()
	door := audit.NewDoor(store, audit.Options{Room: func() error {
		if full {
			return &pullpass.Error{Kind: pullpass.Unavailable, Code: pullpass.CodeDiskReserved}
		}
		return nil
	}})
	refusals := audit.NewRefusals(door, time.Hour, func() time.Time { return now })
	event := func(action string, d pullpass.Decision) pullpass.Event {
		return pullpass.Event{Organization: "org_1", Action: action, Decision: d, Reason: "r", Caller: pullpass.EventActor{ID: "tok_1"}}
	}
	for _, action := range []string{"credential.issue", "credential.grant", "identity.issue", "token.exchange", "token.delete", "member.delete", "audit.prune"} {
		if err := refusals.Record(t.Context(), event(action, pullpass.DecisionAllowed)); err != nil {
			t.Errorf("%s: %v", action, err)
		}
	}
	written := len(store.events)
	for _, action := range []string{"project.create", "token.create", "registry.update", "user.sign_in"} {
		if err := refusals.Record(t.Context(), event(action, pullpass.DecisionAllowed)); pullpass.CodeOf(err) != pullpass.CodeDiskReserved {
			t.Errorf("%s: %v, want it refused", action, err)
		}
	}
	for range 10 {
		for _, d := range []pullpass.Decision{pullpass.DecisionDenied, pullpass.DecisionFailed} {
			if err := refusals.Record(t.Context(), event("credential.issue", d)); err != nil {
				t.Errorf("a refusal (%s): %v", d, err)
			}
		}
	}
	if len(store.events) != written {
		t.Errorf("%d more records were written", len(store.events)-written)
	}
	full = false
	refusals.Close()
	if err := errors.Join(door.Close()); err != nil {
		t.Fatal(err)
	}
	if len(store.events) != written+1 || store.events[written].Detail[audit.DetailRepeated] != "20" {
		t.Errorf("with room again: %+v, want one record of 20", store.events[written:])
	}
}
