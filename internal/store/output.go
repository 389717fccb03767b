package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pullpass/pullpass"
)

// OutputKept is how much of a service's output is kept: its end.
const OutputKept = 64 << 10

// AppendOutput keeps what a service has printed. offset counts bytes since the
// environment's start; what is known already is skipped, so a repeated chunk
// changes nothing. A chunk beyond the end is taken too: what lies between was
// lost on the way, and what came before it is dropped. A chunk of an older start
// is refused.
func (db *DB) AppendOutput(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID, service string, start, offset int64, data []byte) error {
	const what = "keep the output"
	if offset < 0 || start < 1 || len(data) > 16*OutputKept {
		return errInvalid(what, "a chunk has an offset of 0 or more, a start of 1 or more and at most 1 MiB", "")
	}
	return db.tx(ctx, what, func(x *tx) error {
		if err := x.checkOutput(what, org, id, service, start); err != nil {
			return err
		}
		var old output
		err := x.one(`SELECT starts, position, data FROM environment_output
			WHERE organization = $1 AND environment = $2 AND service = $3`+db.dialect.ForUpdate, org, id, service).
			Scan(&old.start, &old.position, &old.data)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		next, changed := old.append(output{start: start, position: offset, data: data})
		if !changed {
			return nil
		}
		_, err = x.exec(`INSERT INTO environment_output (organization, environment, service, starts, position, data)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (organization, environment, service)
			DO UPDATE SET starts = excluded.starts, position = excluded.position, data = excluded.data`,
			org, id, service, next.start, next.position, next.data)
		return err
	})
}

// checkOutput holds the environment in place, so that two first chunks cannot
// race, and refuses chunks that do not belong to it.
func (x *tx) checkOutput(what string, org pullpass.OrganizationID, id pullpass.EnvironmentID, service string, start int64) error {
	e, err := scanEnvironment(x.one(environmentColumns+` WHERE organization = $1 AND id = $2 AND phase <> 'deleted'`+x.db.dialect.ForUpdate, org, id))
	if err != nil {
		return err
	}
	if e.Start != start {
		return errConflict("stale_start", what, "the environment was started anew since", "read the wanted environments again")
	}
	for _, s := range e.Services {
		if s.Name == service {
			return nil
		}
	}
	return errNotFound(what)
}

// output is the end of a stream: data begins at position.
type output struct {
	start    int64
	position int64
	data     []byte
}

func (o output) end() int64 { return o.position + int64(len(o.data)) }

// append joins a chunk to what is kept and cuts the result to its end.
func (o output) append(chunk output) (joined output, changed bool) {
	switch {
	case chunk.start != o.start || chunk.position > o.end():
		joined = chunk
	case chunk.end() <= o.end():
		return o, false
	default:
		fresh := chunk.data[o.end()-chunk.position:]
		joined = output{start: o.start, position: o.position, data: append(append([]byte(nil), o.data...), fresh...)}
	}
	if surplus := len(joined.data) - OutputKept; surplus > 0 {
		joined.position += int64(surplus)
		joined.data = joined.data[surplus:]
	}
	if joined.data == nil {
		joined.data = []byte{} // NULL is not allowed
	}
	return joined, true
}

// Output returns what is kept of a service's output since the last start, and
// the offset at which it begins.
func (db *DB) Output(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID, service string) ([]byte, int64, error) {
	const what = "read the output"
	e, err := db.Environment(ctx, org, id)
	if err != nil {
		return nil, 0, err
	}
	var o output
	err = db.read.QueryRowContext(ctx, `SELECT starts, position, data FROM environment_output
		WHERE organization = $1 AND environment = $2 AND service = $3 AND starts = $4`, org, id, service, e.Start).
		Scan(&o.start, &o.position, &o.data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil // it has not printed anything
	}
	return o.data, o.position, db.explain(what, err)
}
