package storetest

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/store"
)

// forger is whoever has the database's own password, and not the keys.
type forger struct {
	*world
}

func (f forger) exec(statement string, args ...any) {
	f.t.Helper()
	if _, err := f.Schema().Write.ExecContext(f.t.Context(), statement, args...); err != nil {
		f.t.Fatalf("%s: %v", statement, err)
	}
}

func (f forger) unlock() {
	if f.Shared() {
		f.exec(`ALTER TABLE events DISABLE TRIGGER ALL`)
		return
	}
	f.exec(`DROP TRIGGER events_no_update`)
	f.exec(`DROP TRIGGER events_no_delete`)
}

func (f forger) events() []pullpass.Event {
	f.t.Helper()
	list, err := f.Events(f.t.Context(), f.org, pullpass.EventFilter{}, pullpass.Page{Limit: pullpass.MaxPage})
	must(f.t, "Events", err)
	return list.Items
}

// cut takes the end of the chain away and sets the head back.
func (f forger) cut(to pullpass.Event) {
	f.exec(`DELETE FROM events WHERE organization = $1 AND sequence > $2`, f.org, to.Sequence)
	f.exec(`UPDATE event_heads SET sequence = $2, hash = $3 WHERE organization = $1`, f.org, to.Sequence, to.Hash)
}

// rewrite renames the caller of a record and computes every later hash anew.
func (f forger) rewrite(sequence int64) {
	events := f.events()
	head := audit.Head{}
	for _, e := range events {
		if e.Sequence == sequence {
			e.Caller.Name = "somebody else"
		}
		e.Previous = head.Hash
		e.Hash = audit.Hash(e)
		head = audit.Head{Sequence: e.Sequence, Hash: e.Hash}
		f.exec(`UPDATE events SET caller_name = $3, previous = $4, hash = $5 WHERE organization = $1 AND sequence = $2`,
			f.org, e.Sequence, e.Caller.Name, e.Previous, e.Hash)
	}
	f.exec(`UPDATE event_heads SET hash = $2 WHERE organization = $1`, f.org, head.Hash)
}

// forgeries are chains that fit in themselves, made by a database's owner.
var forgeries = map[string]func(forger){
	"truncated, head set": func(f forger) { f.cut(f.events()[3]) },
	"rewritten":           func(f forger) { f.rewrite(3) },
	"signature blanked": func(f forger) {
		f.rewrite(3)
		f.exec(`UPDATE event_heads SET signature = '' WHERE organization = $1`, f.org)
	},
	"key deleted": func(f forger) { f.rewrite(2); f.exec(`DELETE FROM audit_keys WHERE organization = $1`, f.org) },
	"key replaced": func(f forger) {
		f.rewrite(2)
		f.exec(`UPDATE audit_keys SET sealed = $2 WHERE organization = $1`, f.org, []byte("mine"))
	},
	"beginning called cut": func(f forger) { f.forgeCut("") },
	"head's signature as a cut's": func(f forger) {
		f.forgeCut("(SELECT signature FROM event_heads h WHERE h.organization = event_cuts.organization)")
	},
}

// testForgedChain has the server that wrote the chain find the forgery, so does
// one that has just started, and the next record does not heal it.
func testForgedChain(t *testing.T, open Open, name string) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	w.appendEvents(7)
	f := forger{w}
	f.unlock()
	forgeries[name](f)
	fresh := openStore(t, open, keyring)
	for who, db := range map[string]*store.DB{"the server that wrote it": w.DB, "a server that has just started": fresh} {
		r, err := audit.Verify(t.Context(), db, w.org, audit.Head{})
		if err != nil || r.Whole() {
			t.Errorf("%s: Verify = %+v, %v; want it found", who, r, err)
		}
	}
	if _, err := w.AppendEvents(t.Context(), []pullpass.Event{sampleEvent(w.org, "next")}); err != nil {
		t.Fatalf("AppendEvents: %v", err)
	}
	r, err := audit.Verify(t.Context(), openStore(t, open, keyring), w.org, audit.Head{})
	if err != nil || r.Whole() {
		t.Errorf("after the next record: Verify = %+v (%+v), %v; want it found for ever", r, r.Bad, err)
	}
}

func (f forger) forgeCut(signature string) {
	e := f.events()[6]
	f.exec(`INSERT INTO event_cuts (organization, sequence, hash, signature, cut_at) VALUES ($1, $2, $3, '', 0)`, f.org, e.Sequence, e.Hash)
	if signature != "" {
		f.exec(`UPDATE event_cuts SET signature = ` + signature)
	}
	f.exec(`DELETE FROM events WHERE organization = $1 AND sequence <= $2`, f.org, e.Sequence)
}

// testOldChainPutBack replays an old state with its own, good signature. The
// server that runs knows better; one that has just started needs what was kept: a
// head, or a checkpoint.
func testOldChainPutBack(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	old := w.appendEvents(4)
	f := forger{w}
	f.unlock()
	f.exec(`CREATE TABLE kept_heads AS SELECT * FROM event_heads`)
	kept := w.appendEvents(3)
	last := kept[len(kept)-1]
	f.exec(`DELETE FROM events WHERE organization = $1 AND sequence > $2`, w.org, old[3].Sequence)
	f.exec(`DELETE FROM event_heads`)
	f.exec(`INSERT INTO event_heads SELECT * FROM kept_heads`)

	if r := w.verify(); r.Whole() || r.Bad.Sequence != old[3].Sequence+1 || r.Bad.Problem != audit.Truncated {
		t.Errorf("the server that wrote it: Verify = %+v (%+v), want it truncated", r, r.Bad)
	}
	fresh := openStore(t, open, keyring)
	r, err := audit.Verify(t.Context(), fresh, w.org, audit.Head{Sequence: last.Sequence, Hash: last.Hash})
	if err != nil || r.Whole() || r.Bad.Problem != audit.Truncated {
		t.Errorf("since a kept head: Verify = %+v, %v, want it truncated", r, err)
	}
	_, err = w.AppendEvents(t.Context(), []pullpass.Event{sampleEvent(w.org, "next")})
	must(t, "AppendEvents", err)
	if r, err := audit.Verify(t.Context(), fresh, w.org, audit.Head{}); err != nil || r.Whole() || r.Bad.Problem != audit.Broken {
		t.Errorf("after the next record: Verify = %+v, %v; want the break on record for everybody", r, err)
	}
}

func testVerifySince(t *testing.T, open Open) {
	w := newWorld(t, open)
	events := w.appendEvents(7)
	since := func(i int, change func(*audit.Head)) (audit.Report, error) {
		h := audit.Head{Sequence: events[i].Sequence, Hash: events[i].Hash}
		if change != nil {
			change(&h)
		}
		return audit.Verify(t.Context(), w.DB, w.org, h)
	}
	if r, err := since(2, nil); err != nil || !r.Whole() || r.Checked != 4 || r.From.Sequence != 3 {
		t.Errorf("since record 3: %+v, %v, want 4 whole", r, err)
	}
	if r, err := since(6, nil); err != nil || !r.Whole() || r.Checked != 0 {
		t.Errorf("since the last: %+v, %v", r, err)
	}
	if r, err := since(2, func(h *audit.Head) { h.Hash = events[3].Hash }); err != nil || r.Whole() || r.Bad.Sequence != 3 {
		t.Errorf("since another hash: %+v, %v, want record 3", r, err)
	}
	if r, err := since(6, func(h *audit.Head) { h.Sequence = 99 }); err != nil || r.Whole() || r.Bad.Problem != audit.Truncated {
		t.Errorf("since a record that is not there: %+v, %v, want truncated", r, err)
	}
}

// testCheckpoint keeps a checkpoint and an export, and checks them with nothing
// but the key; keys are rotated in between.
func testCheckpoint(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	if _, _, _, err := w.Checkpoint(t.Context(), w.org); !pullpass.IsKind(err, pullpass.Conflict) {
		t.Errorf("Checkpoint without records: %v", err)
	}
	w.appendEvents(5)
	head, note, key, err := w.Checkpoint(t.Context(), w.org)
	must(t, "Checkpoint", err)
	_, err = w.NewDataKey(t.Context())
	must(t, "NewDataKey", err)
	rotation, err := w.Rotate(t.Context())
	must(t, "Rotate", err)
	if rotation.Retired == 0 {
		t.Errorf("Rotate = %+v, want the old data key gone", rotation)
	}
	later := openStore(t, open, keyring)
	w.appendEvents(2)
	if r, err := audit.Verify(t.Context(), later, w.org, head); err != nil || !r.Whole() || r.Checked != 2 {
		t.Errorf("after a rotation: Verify since %s = %+v (%+v), %v", head, r, r.Bad, err)
	}
	if _, _, same, err := later.Checkpoint(t.Context(), w.org); err != nil || same != key {
		t.Errorf("after a rotation the key is %q, %v, want %q", same, err, key)
	}
	opened, err := audit.OpenCheckpoint(note, key)
	if err != nil || opened.Head != head || opened.Organization != w.org {
		t.Fatalf("OpenCheckpoint = %+v, %v, want %s of %s", opened, err, head, w.org)
	}
	var export bytes.Buffer
	for _, e := range (forger{w}).events() {
		line, err := json.Marshal(e)
		must(t, "Marshal", err)
		export.Write(append(line, '\n'))
	}
	if r, err := audit.VerifyExport(&export, &opened); err != nil || !r.Whole() || r.Checked != 7 {
		t.Errorf("VerifyExport = %+v (%+v), %v, want 7 whole", r, r.Bad, err)
	}
}

// testPrune cuts the beginning off, and verifies over the cut.
func testPrune(t *testing.T, open Open) {
	w := newWorld(t, open)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var events []pullpass.Event
	for i := range 10 {
		e := sampleEvent(w.org, "a")
		e.At = start.AddDate(0, 0, i)
		events = append(events, e)
	}
	events, err := w.AppendEvents(t.Context(), events)
	must(t, "AppendEvents", err)
	if cut, n, err := w.PruneEvents(t.Context(), w.org, start); err != nil || cut.Sequence != 0 || n != 0 {
		t.Errorf("PruneEvents of nothing = %v, %d, %v", cut, n, err)
	}
	cut, n, err := w.PruneEvents(t.Context(), w.org, start.AddDate(0, 0, 4))
	if want := (audit.Head{Sequence: 4, Hash: events[3].Hash}); err != nil || cut != want || n != 4 {
		t.Errorf("PruneEvents = %v, %d, %v, want %v, 4", cut, n, err, want)
	}
	if r := w.verify(); !r.Whole() || r.Checked != 6 || r.Pruned != 4 {
		t.Errorf("Verify over the cut = %+v (%+v), want 6 whole, 4 pruned", r, r.Bad)
	}
	_, err = audit.Verify(t.Context(), w.DB, w.org, audit.Head{Sequence: 2, Hash: events[1].Hash})
	wantKind(t, "Verify since a pruned record", err, pullpass.Invalid)
	if cut, n, err := w.PruneEvents(t.Context(), w.org, start.AddDate(1, 0, 0)); err != nil || cut.Sequence != 9 || n != 5 {
		t.Errorf("PruneEvents of everything = %v, %d, %v: the newest stays", cut, n, err)
	}
	w.appendEvents(1)
	if r := w.verify(); !r.Whole() || r.Checked != 2 {
		t.Errorf("Verify after two prunes = %+v (%+v), want 2 whole", r, r.Bad)
	}
	if _, err := w.Schema().Write.ExecContext(t.Context(), `DELETE FROM events WHERE sequence > 9`); err == nil {
		t.Error("the database lets records behind the cut go")
	}
	(forger{w}).exec(`UPDATE event_cuts SET signature = 'AAAA' WHERE organization = $1`, w.org)
	if r := w.verify(); r.Whole() || r.Bad.Problem != audit.Unsigned {
		t.Errorf("Verify over a forged cut = %+v, want it unsigned", r)
	}
}

// testRetention removes by age, with a record of each removal and none of passes
// that find nothing; the rest verifies. Another organization's broken log does not
// matter.
func testRetention(t *testing.T, open Open) {
	w := newWorld(t, open)
	broken := populate(t, w.DB, "broken")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, org := range []pullpass.OrganizationID{broken.org, w.org} {
		for i := range 10 {
			e := sampleEvent(org, "a")
			e.At = start.AddDate(0, 0, i)
			_, err := w.AppendEvents(t.Context(), []pullpass.Event{e})
			must(t, "AppendEvents", err)
		}
	}
	(forger{broken}).exec(`UPDATE event_heads SET signature = 'AAAA' WHERE organization = $1`, broken.org)
	door := audit.NewDoor(w.DB, audit.Options{})
	defer func() { must(t, "Close", door.Close()) }()
	now := start.AddDate(0, 0, 9)
	r := audit.Retention{Store: w.DB, Door: door, Keep: 10 * 24 * time.Hour, Now: func() time.Time { return now }}
	wantKind(t, "Prune of nothing, beside a broken log", r.Prune(t.Context()), pullpass.Conflict)
	if r := w.verify(); r.Checked != 10 {
		t.Errorf("%d records after a pass that finds nothing, want 10", r.Checked)
	}
	r.Keep = 5 * 24 * time.Hour
	for range 3 {
		_ = r.Prune(t.Context()) // the broken one's error, looked at below
	}
	if r := w.verify(); !r.Whole() || r.Pruned != 4 || r.Checked != 7 {
		t.Errorf("Verify = %+v (%+v), want 4 pruned, 6 left, and one record of the prune", r, r.Bad)
	}
	events := (forger{w}).events()
	if last := events[len(events)-1]; last.Action != audit.ActionPrune || last.Reason != "retention" || last.Detail["before"] == "" {
		t.Errorf("the last record is %+v, want one of the prune", last)
	}
	if n := len((forger{broken}).events()); n != 10 {
		t.Errorf("the broken log has %d records, want all 10 and none more", n)
	}
}
