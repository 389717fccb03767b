package storetest

import (
	"testing"
)

// tampering prepares the chain of w for tampering: it takes the triggers away
// and keeps a copy. The function it returns runs one statement, has Verify find
// the first bad record, and puts everything back.
func tampering(t *testing.T, w *world) func(name string, bad int64, statement string, sequence int64) {
	t.Helper()
	db := w.Schema().Write
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if w.Shared() {
		exec(`ALTER TABLE events DISABLE TRIGGER ALL`)
	} else {
		exec(`DROP TRIGGER events_no_update`)
		exec(`DROP TRIGGER events_no_delete`)
	}
	exec(`CREATE TABLE kept_events AS SELECT * FROM events`)
	exec(`CREATE TABLE kept_heads AS SELECT * FROM event_heads`)
	return func(name string, bad int64, statement string, sequence int64) {
		t.Helper()
		exec(statement, w.org, sequence)
		switch r := w.verify(); {
		case r.Whole():
			t.Errorf("%s: the chain is said to be whole", name)
		case r.Bad.Sequence != bad:
			t.Errorf("%s: found at %d (%s), want %d", name, r.Bad.Sequence, r.Bad.Problem, bad)
		}
		exec(`DELETE FROM events`)
		exec(`INSERT INTO events SELECT * FROM kept_events`)
		exec(`DELETE FROM event_heads`)
		exec(`INSERT INTO event_heads SELECT * FROM kept_heads`)
	}
}
