package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

// Every field of an event is a column, once: what is filtered by is what is
// hashed, so nobody can hide a record from a filter and keep the chain whole.
const eventFields = `organization, sequence, previous, hash, at, action, decision, reason,
	caller_kind, caller_id, caller_name, caller_address, project, environment, runner, registry, generation,
	integration, target, detail`

const eventFieldCount = 20

func eventArgs(e pullpass.Event) []any {
	return []any{
		e.Organization, e.Sequence, e.Previous, e.Hash, micros(e.At), e.Action, e.Decision, e.Reason,
		e.Caller.Kind, e.Caller.ID, e.Caller.Name, e.Caller.Address, e.Project, e.Environment, e.Runner, e.Registry, e.Generation,
		e.Integration, e.Target, asJSON{e.Detail},
	}
}

func scanEvent(row scanner) (e pullpass.Event, err error) {
	var at int64
	err = row.Scan(&e.Organization, &e.Sequence, &e.Previous, &e.Hash, &at, &e.Action, &e.Decision, &e.Reason,
		&e.Caller.Kind, &e.Caller.ID, &e.Caller.Name, &e.Caller.Address, &e.Project, &e.Environment, &e.Runner, &e.Registry, &e.Generation,
		&e.Integration, &e.Target, asJSON{&e.Detail})
	e.At = moment(at)
	return e, err
}

// AppendEvents appends events to the chains of their organizations in one
// durable transaction and returns them with Sequence, Previous and Hash. The
// heads are locked in one order, so that servers that append to several chains
// at once wait for each other and not in a circle.
func (db *DB) AppendEvents(ctx context.Context, events []pullpass.Event) ([]pullpass.Event, error) {
	var out []pullpass.Event
	err := db.tx(ctx, "append to the audit log", func(x *tx) error {
		out = make([]pullpass.Event, len(events))
		chains := map[pullpass.OrganizationID][]int{}
		for i, e := range events {
			out[i] = audit.Normalize(e)
			chains[e.Organization] = append(chains[e.Organization], i)
		}
		for _, org := range slices.Sorted(maps.Keys(chains)) {
			if err := x.extend(org, out, chains[org]); err != nil {
				return err
			}
		}
		return x.insertEvents(out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// extend links the events at the given places to the chain of org.
func (x *tx) extend(org pullpass.OrganizationID, events []pullpass.Event, places []int) error {
	head, err := x.lockHead(org)
	if err != nil {
		return err
	}
	for _, i := range places {
		e := &events[i]
		e.Sequence, e.Previous = head.Sequence+1, head.Hash
		e.Hash = audit.Hash(*e)
		head = audit.Head{Sequence: e.Sequence, Hash: e.Hash}
	}
	_, err = x.exec(`UPDATE event_heads SET sequence = $2, hash = $3 WHERE organization = $1`, org, head.Sequence, head.Hash)
	return err
}

func (x *tx) lockHead(org pullpass.OrganizationID) (head audit.Head, err error) {
	for range 2 {
		err = x.one(`SELECT sequence, hash FROM event_heads WHERE organization = $1`+x.db.dialect.ForUpdate, org).Scan(&head.Sequence, &head.Hash)
		if !errors.Is(err, sql.ErrNoRows) {
			return head, err
		}
		// The first event of the organization: whoever inserts second finds the row.
		if _, err := x.exec(`INSERT INTO event_heads (organization, sequence, hash) VALUES ($1, 0, '')
			ON CONFLICT (organization) DO NOTHING`, org); err != nil {
			return head, err
		}
	}
	return head, err
}

// insertEvents writes as many rows with one statement as is best for the
// database: PostgreSQL saves round trips, SQLite searches its parameters one by
// one.
func (x *tx) insertEvents(events []pullpass.Event) error {
	for chunk := range slices.Chunk(events, x.db.dialect.EventRows) {
		args := make([]any, 0, len(chunk)*eventFieldCount)
		for _, e := range chunk {
			args = append(args, eventArgs(e)...)
		}
		if _, err := x.exec(insertEvents(len(chunk)), args...); err != nil {
			return err
		}
	}
	return nil
}

func insertEvents(rows int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO events (` + eventFields + `) VALUES `)
	for i := range rows * eventFieldCount {
		switch {
		case i == 0:
			b.WriteString("($")
		case i%eventFieldCount == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteString(")")
	return b.String()
}

// Events lists the organization's audit records in order of their sequence. A
// page starts after the sequence in Page.After.
func (db *DB) Events(ctx context.Context, org pullpass.OrganizationID, f pullpass.EventFilter, p pullpass.Page) (pullpass.List[pullpass.Event], error) {
	const what = "list audit records"
	var after int64
	if p.After != "" {
		var err error
		if after, err = strconv.ParseInt(p.After, 10, 64); err != nil {
			return pullpass.List[pullpass.Event]{}, errInvalid(what, "the page does not start after a sequence number", "give the next of the page before")
		}
	}
	var w where
	w.and("organization = ", org)
	w.and("sequence > ", after)
	filterEvents(&w, f)
	items, err := all(ctx, db.read, scanEvent, `SELECT `+eventFields+` FROM events`+w.page("sequence", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Event]{}, db.explain(what, err)
	}
	return page(items, p.Size(), func(e pullpass.Event) string { return strconv.FormatInt(e.Sequence, 10) }), nil
}

func filterEvents(w *where, f pullpass.EventFilter) {
	for _, c := range []struct{ condition, value string }{
		{"action = ", f.Action},
		{"decision = ", string(f.Decision)},
		{"caller_id = ", f.Caller},
		{"project = ", string(f.Project)},
		{"registry = ", string(f.Registry)},
	} {
		if c.value != "" {
			w.and(c.condition, c.value)
		}
	}
	if f.Environment != "" {
		w.fixed("environment <> ''") // the partial index is for these
		w.and("environment = ", f.Environment)
	}
	if !f.From.IsZero() {
		w.and("at >= ", micros(f.From))
	}
	if !f.To.IsZero() {
		w.and("at < ", micros(f.To))
	}
}

// EventHead returns the last link of the organization's chain, the zero Head if
// it has no events.
func (db *DB) EventHead(ctx context.Context, org pullpass.OrganizationID) (audit.Head, error) {
	var h audit.Head
	err := db.read.QueryRowContext(ctx, `SELECT sequence, hash FROM event_heads WHERE organization = $1`, org).Scan(&h.Sequence, &h.Hash)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Head{}, nil
	}
	return h, db.explain("find the end of the audit log", err)
}

var (
	_ audit.Store  = (*DB)(nil)
	_ audit.Reader = (*DB)(nil)
)
