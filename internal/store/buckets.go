package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pullpass/pullpass/internal/broker"
)

// TakeTurn reserves the next turn of a bucket in one statement, whoever else does
// so at the same moment. A bucket is one number, the time at which all that was
// reserved has been used up (the generic cell rate algorithm:
// https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
func (db *DB) TakeTurn(ctx context.Context, b broker.Bucket, p broker.Pace, longest time.Duration) (broker.Turn, bool, error) {
	clock := db.dialect.Clock
	var emptyAt, now int64
	err := db.vital(ctx, "wait for a turn", func(x *tx) error {
		return x.one(`INSERT INTO buckets (organization, account, service, region, empty_at) VALUES ($1, $2, $3, $4, `+clock+` + $5)
			ON CONFLICT (organization, account, service, region) DO UPDATE
				SET empty_at = CASE WHEN buckets.empty_at > `+clock+` THEN buckets.empty_at ELSE `+clock+` END + $5
				WHERE buckets.empty_at + $5 - `+clock+` <= $6
			RETURNING empty_at, `+clock,
			b.Organization, b.Account, b.Service, b.Region, p.Every.Microseconds(), (longest+p.Tolerance()).Microseconds()).Scan(&emptyAt, &now)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return broker.Turn{}, false, nil
	}
	if err != nil {
		return broker.Turn{}, false, err
	}
	wait := time.Duration(emptyAt-now)*time.Microsecond - p.Tolerance()
	return broker.Turn{Wait: max(0, wait), Mark: emptyAt}, true, nil
}

// ReturnTurn gives a turn back that was not used, if none was taken after it: the
// others have their times already.
func (db *DB) ReturnTurn(ctx context.Context, b broker.Bucket, p broker.Pace, t broker.Turn) error {
	return db.tx(ctx, "give a turn back", func(x *tx) error {
		_, err := x.exec(`UPDATE buckets SET empty_at = empty_at - $5
			WHERE organization = $1 AND account = $2 AND service = $3 AND region = $4 AND empty_at = $6`,
			b.Organization, b.Account, b.Service, b.Region, p.Every.Microseconds(), t.Mark)
		return err
	})
}
