package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
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
	for attempt := 0; ; attempt++ {
		err := db.tryAppendOutput(ctx, what, org, id, service, output{start: start, position: offset, data: data})
		if !isAgain(err) || attempt+1 == attempts || !pause(ctx, attempt) {
			return err
		}
	}
}

// tryAppendOutput opens and seals outside of the transaction (KMS may be slow), and
// starts over if another chunk was faster.
func (db *DB) tryAppendOutput(ctx context.Context, what string, org pullpass.OrganizationID, id pullpass.EnvironmentID, service string, chunk output) error {
	old, err := db.storedOutput(ctx, org, id, service)
	if err != nil && !isBroken(err) { // what was changed in the database is replaced
		return db.explain(what, err)
	}
	next, changed := old.append(chunk)
	s, err := db.seal(ctx, pullpass.NewSecret(string(next.data)), outputPlace(org, id, service, old.version+1))
	if err != nil {
		return db.explain(what, err)
	}
	if s.bytes == nil {
		s.bytes = []byte{} // NULL is not allowed
	}
	return db.tx(ctx, what, func(x *tx) error {
		if err := x.checkOutput(what, org, id, service, chunk.start); err != nil || !changed {
			return err
		}
		n, err := x.exec(`INSERT INTO environment_output (organization, environment, service, starts, position, data, data_key, version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (organization, environment, service) DO UPDATE SET starts = excluded.starts, position = excluded.position,
				data = excluded.data, data_key = excluded.data_key, version = excluded.version
			WHERE environment_output.version = excluded.version - 1`,
			org, id, service, next.start, next.position, s.bytes, s.key, old.version+1)
		if err == nil && n == 0 {
			return errOvertaken(what)
		}
		return err
	})
}

func outputPlace(org pullpass.OrganizationID, id pullpass.EnvironmentID, service string, version int64) seal.AssociatedData {
	return seal.AssociatedData{
		Organization: org, Table: "environment_output", Row: string(id), Field: "data", Version: version,
		Bound: []string{service},
	}
}

// storedOutput opens what is kept of a service; the zero output where there is
// nothing. What does not open keeps its version, for what takes its place.
func (db *DB) storedOutput(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID, service string) (output, error) {
	var o output
	var key sql.NullInt64
	err := db.read.QueryRowContext(ctx, `SELECT starts, position, data, data_key, version FROM environment_output
		WHERE organization = $1 AND environment = $2 AND service = $3`, org, id, service).Scan(&o.start, &o.position, &o.data, &key, &o.version)
	if errors.Is(err, sql.ErrNoRows) {
		return output{}, nil // it has not printed anything
	}
	if err != nil || !key.Valid { // without a key it is of before, in clear text, or empty
		return o, err
	}
	opened, err := db.sealer.Open(ctx, o.data, outputPlace(org, id, service, o.version))
	if err != nil {
		return output{version: o.version}, err
	}
	o.data = []byte(opened.Reveal())
	return o, nil
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
	version  int64 // of the row, if it is kept
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
	o, err := db.storedOutput(ctx, org, id, service)
	if err != nil || o.start != e.Start {
		return nil, 0, db.explain(what, err)
	}
	return o.data, o.position, nil
}

var outputSecrets = sealedTable{
	find:  `SELECT s.organization, s.environment, s.version, s.data, s.data_key, s.service FROM environment_output s`,
	bound: 1,
	keyed: true,
	replace: `UPDATE environment_output SET data = $5, data_key = $6
		WHERE organization = $1 AND environment = $2 AND version = $3 AND data_key = $4 AND service = $7`,
	place: func(r sealedRow) seal.AssociatedData {
		return outputPlace(r.organization, pullpass.EnvironmentID(r.id), r.bound[0], r.version)
	},
}

// sealClearOutput seals the output that versions of before kept in clear text.
func (db *DB) sealClearOutput(ctx context.Context, r *Rotation) error {
	for {
		old, err := all(ctx, db.read, outputSecrets.scan, `SELECT organization, environment, version, data, 0, service
			FROM environment_output WHERE data_key IS NULL AND length(data) > 0 LIMIT $1`, resealBatch)
		if err != nil || len(old) == 0 {
			return err
		}
		fresh := make([]sealed, len(old))
		for i, row := range old {
			place := outputSecrets.place(row)
			place.Version++
			if fresh[i], err = db.seal(ctx, pullpass.NewSecret(string(row.sealed)), place); err != nil {
				return err
			}
		}
		err = db.tx(ctx, "seal output", func(x *tx) error {
			for i, row := range old {
				_, err := x.exec(`UPDATE environment_output SET data = $5, data_key = $6, version = version + 1
					WHERE organization = $1 AND environment = $2 AND service = $3 AND version = $4 AND data_key IS NULL`,
					row.organization, row.id, row.bound[0], row.version, fresh[i].bytes, fresh[i].key)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.Resealed += len(old)
	}
}
