package storetest

import (
	"context"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
)

// Upgrade opens copies of a database of before there were signatures of the audit log,
// each time ended at a later point of the way. Wherever that was, the next start
// finishes the upgrade, and nobody is told that the log was changed. fresh makes a copy
// and returns what opens it.
func Upgrade(t *testing.T, fresh func() func(context.Context, *seal.Keyring) (*store.DB, error)) {
	const stride = 3 // where it is ended does not change between every two looks
	points := 0
	for done := false; !done; points += stride {
		open, keyring := fresh(), Keyring(t)
		db, err := open(endingAfter(t.Context(), points), keyring)
		if err == nil {
			done = true
			must(t, "Close", db.Close())
		}
		db, err = open(t.Context(), keyring)
		if err != nil {
			t.Fatalf("opening after an end at point %d: %v", points, err)
		}
		checkUpgraded(t, db, points)
		must(t, "Close", db.Close())
		if points > 2000 {
			t.Fatal("the upgrade does not end")
		}
	}
	if points < 20 {
		t.Errorf("the upgrade was ended at %d points, too few to show anything", points)
	}
	t.Logf("ended at %d points", points)
}

// checkUpgraded records in each organization and wants no record but that one.
func checkUpgraded(t *testing.T, db *store.DB, point int) {
	t.Helper()
	ctx := t.Context()
	orgs, err := db.Organizations(ctx, pullpass.Page{})
	must(t, "Organizations", err)
	if len(orgs.Items) != 3 {
		t.Fatalf("%d organizations, want 3", len(orgs.Items))
	}
	for _, org := range orgs.Items {
		before, err := audit.Verify(ctx, db, org.ID, audit.Head{})
		if err != nil || !before.Whole() {
			t.Fatalf("ended at point %d: Verify = %+v, %v, want it whole", point, before.Bad, err)
		}
		_, err = db.AppendEvents(ctx, []pullpass.Event{{Organization: org.ID, Action: "after", Decision: pullpass.DecisionAllowed}})
		must(t, "AppendEvents", err)
		after, err := audit.Verify(ctx, db, org.ID, audit.Head{})
		if err != nil || !after.Whole() || after.Head.Sequence != before.Head.Sequence+1 {
			t.Fatalf("ended at point %d: after a record the log has %d of them (%+v, %v), want %d: a break was recorded",
				point, after.Head.Sequence, after.Bad, err, before.Head.Sequence+1)
		}
	}
}
