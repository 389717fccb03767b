package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

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
	order := "sequence"
	switch {
	case !f.Newest:
		w.and("sequence > ", after)
	case after > 0:
		w.and("sequence < ", after)
	}
	if f.Newest {
		order += " DESC"
	}
	filterEvents(&w, f)
	items, err := all(ctx, db.read, scanEvent, `SELECT `+eventFields+` FROM events`+w.page(order, p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Event]{}, db.explain(what, err)
	}
	return page(items, p.Size(), func(e pullpass.Event) string { return strconv.FormatInt(e.Sequence, 10) }), nil
}

func filterEvents(w *where, f pullpass.EventFilter) {
	for _, c := range []struct{ condition, value string }{
		{"action = ", f.Action},
		{"decision = ", string(f.Decision)},
		{"project = ", string(f.Project)},
		{"registry = ", string(f.Registry)},
	} {
		if c.value != "" {
			w.and(c.condition, c.value)
		}
	}
	if f.Caller != "" {
		w.either("caller_id = ", "caller_name = ", f.Caller)
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
