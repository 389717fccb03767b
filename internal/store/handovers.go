package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/seal"
)

// sharedTables are what servers tell each other for a moment. On PostgreSQL they
// are unlogged: what is in them is in no write-ahead log, on no standby and in no
// backup of either, and a crash empties them, which costs one more call upstream.
func sharedTables(unlogged string) []string {
	return []string{
		`CREATE ` + unlogged + ` TABLE handovers (
			organization  TEXT   NOT NULL,
			id            TEXT   NOT NULL,
			lease         BIGINT NOT NULL,
			lease_until   BIGINT NOT NULL,
			version       BIGINT NOT NULL DEFAULT 0,
			sealed        BYTEA,
			data_key      BIGINT REFERENCES data_keys (number),
			refresh_at    BIGINT NOT NULL DEFAULT 0,
			serve_until   BIGINT NOT NULL DEFAULT 0,
			failed        BIGINT NOT NULL DEFAULT 0,
			failure       TEXT   NOT NULL DEFAULT '',
			failure_until BIGINT NOT NULL DEFAULT 0,
			PRIMARY KEY (organization, id)
		)`,
		`CREATE INDEX handovers_data_key ON handovers (data_key)`,
		`CREATE ` + unlogged + ` TABLE buckets (
			organization TEXT   NOT NULL,
			account      TEXT   NOT NULL,
			service      TEXT   NOT NULL,
			region       TEXT   NOT NULL,
			empty_at     BIGINT NOT NULL,
			PRIMARY KEY (organization, account, service, region)
		)`,
	}
}

// handover is a row, and the database's time when it was read.
type handover struct {
	lease, leaseUntil       int64
	version                 int64
	sealed                  []byte
	refreshAt, serveUntil   int64
	failed                  int64
	failure                 string
	failureUntil, databased int64
}

func handoverPlace(org pullpass.OrganizationID, key broker.Key, version int64) seal.AssociatedData {
	return seal.AssociatedData{Organization: org, Table: "handover", Row: key.String(), Field: "credential", Version: version}
}

// Claim says what is known of a key: what was minted, if it is another than the
// caller has, what was refused, or who is minting. If nothing is, the caller gets
// the lease: it mints, and the others wait. All times are the database's, so that
// servers whose clocks differ agree on them.
func (db *DB) Claim(ctx context.Context, org pullpass.OrganizationID, key broker.Key, c broker.Claim) (broker.Claimed, error) {
	const what = "share what is minted"
	var h handover
	var got broker.Claimed
	err := db.vital(ctx, what, func(x *tx) (err error) {
		if h, err = x.handoverOf(org, key); err != nil {
			return err
		}
		got = h.known(c)
		if got.Lease == 0 {
			return nil
		}
		_, err = x.exec(`UPDATE handovers SET lease = $3, lease_until = $4 WHERE organization = $1 AND id = $2`,
			org, key.String(), got.Lease, h.databased+c.Length.Microseconds())
		return err
	})
	if err != nil || got.Version == 0 {
		return got, err
	}
	got.Minted, err = db.sealer.Open(ctx, h.sealed, handoverPlace(org, key, h.version))
	if err != nil {
		return broker.Claimed{}, db.unreadable(ctx, org, key, h.version, err)
	}
	return got, nil
}

// handoverOf reads and locks a row, which is made if there is none.
func (x *tx) handoverOf(org pullpass.OrganizationID, key broker.Key) (h handover, err error) {
	read := func() error {
		return x.one(`SELECT lease, lease_until, version, sealed, refresh_at, serve_until, failed, failure, failure_until, `+x.db.dialect.Clock+`
			FROM handovers WHERE organization = $1 AND id = $2`+x.db.dialect.ForUpdate, org, key.String()).
			Scan(&h.lease, &h.leaseUntil, &h.version, &h.sealed, &h.refreshAt, &h.serveUntil, &h.failed, &h.failure, &h.failureUntil, &h.databased)
	}
	if err = read(); !errors.Is(err, sql.ErrNoRows) {
		return h, err
	}
	if _, err = x.exec(`INSERT INTO handovers (organization, id, lease, lease_until) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING`, org, key.String()); err != nil {
		return h, err
	}
	if err = read(); errors.Is(err, sql.ErrNoRows) {
		err = errAgain // somebody tidied up in between
	}
	return h, err
}

// known is what a row means to a claim. What is minted comes before what was
// refused: a refresh that fails takes nothing away, unless it is denied.
func (h *handover) known(c broker.Claim) broker.Claimed {
	left := func(until int64) time.Duration { return time.Duration(until-h.databased) * time.Microsecond }
	switch {
	case h.version != 0 && h.version != c.Have && h.serveUntil > h.databased:
		return broker.Claimed{Version: h.version, Refresh: left(h.refreshAt), Serve: left(h.serveUntil)}
	case h.failed != 0 && (h.failed == c.Waited || h.failureUntil > h.databased):
		return broker.Claimed{Failure: h.failure, FailureLasts: max(0, left(h.failureUntil))}
	case h.leaseUntil > h.databased:
		return broker.Claimed{Busy: h.lease, BusyFor: left(h.leaseUntil)}
	}
	// The time is in the number: no lease of this key ever gets it again, though
	// the row be deleted in between.
	return broker.Claimed{Lease: max(h.lease+1, h.databased)}
}

// unreadable removes what does not open, so that it is minted anew, and reports
// it once: nothing but a hand in the database does this.
func (db *DB) unreadable(ctx context.Context, org pullpass.OrganizationID, key broker.Key, version int64, cause error) error {
	var e *pullpass.Error
	if !errors.As(cause, &e) || e.Code != "seal_broken" {
		return db.explain("open what another server minted", cause)
	}
	err := db.tx(ctx, "remove what does not open", func(x *tx) error {
		_, err := x.exec(`DELETE FROM handovers WHERE organization = $1 AND id = $2 AND version = $3`, org, key.String(), version)
		return err
	})
	return errors.Join(cause, err)
}

// RenewLease makes a lease last from now on, unless it is over and taken.
func (db *DB) RenewLease(ctx context.Context, org pullpass.OrganizationID, key broker.Key, lease int64, length time.Duration) error {
	return db.tx(ctx, "renew a lease", func(x *tx) error {
		_, err := x.exec(`UPDATE handovers SET lease_until = `+db.dialect.Clock+` + $4
			WHERE organization = $1 AND id = $2 AND lease = $3 AND lease_until > 0`, org, key.String(), lease, length.Microseconds())
		return err
	})
}

// HandOver ends a lease with what came out and wakes those who wait for it. After
// another server has taken over it does nothing: what that one mints counts.
func (db *DB) HandOver(ctx context.Context, org pullpass.OrganizationID, key broker.Key, lease int64, o broker.Outcome) error {
	const what = "hand over what was minted"
	s, err := db.seal(ctx, o.Minted, handoverPlace(org, key, lease))
	if err != nil {
		return db.explain(what, err)
	}
	clock := db.dialect.Clock
	return db.tx(ctx, what, func(x *tx) (err error) {
		mine := []any{org, key.String(), lease}
		const where = ` WHERE organization = $1 AND id = $2 AND lease = $3`
		switch {
		case s.bytes != nil:
			_, err = x.exec(`UPDATE handovers SET lease_until = 0, failed = 0, failure = '', failure_until = 0,
				version = $3, sealed = $4, data_key = $5, refresh_at = `+clock+` + $6, serve_until = `+clock+` + $7`+where,
				append(mine, s.bytes, s.key, o.Refresh.Microseconds(), o.Serve.Microseconds())...)
		case o.Failure == "":
			_, err = x.exec(`UPDATE handovers SET lease_until = 0`+where, mine...)
		default:
			_, err = x.exec(`UPDATE handovers SET lease_until = 0, failed = $3, failure = $4, failure_until = `+clock+` + $5`+where,
				append(mine, o.Failure, o.FailureLasts.Microseconds())...)
		}
		if err == nil && o.Revoked {
			_, err = x.exec(`UPDATE handovers SET version = 0, sealed = NULL, data_key = NULL, serve_until = 0`+where, mine...)
		}
		x.changed = append(x.changed, string(org)+" "+key.String())
		return err
	})
}

// tidyAfter is how long what is over stays, for those who are about to read it.
const tidyAfter = time.Minute

// DeleteOldHandovers removes what nobody may use any more: credentials that are no
// longer served, refusals and leases that are over, buckets that are full again.
func (db *DB) DeleteOldHandovers(ctx context.Context) error {
	return db.tx(ctx, "remove old handovers", func(x *tx) error {
		then := fmt.Sprintf("%s - %d", db.dialect.Clock, tidyAfter.Microseconds())
		if _, err := x.exec(`DELETE FROM handovers WHERE serve_until < ` + db.dialect.Clock + ` AND lease_until < ` + then + ` AND failure_until < ` + then); err != nil {
			return err
		}
		_, err := x.exec(`DELETE FROM buckets WHERE empty_at < ` + then)
		return err
	})
}

// dropHandovers removes what an older data key than number seals: minting once
// more is less than sealing anew what lives for hours at most.
func (db *DB) dropHandovers(ctx context.Context, number int64) error {
	return db.tx(ctx, "drop handovers", func(x *tx) error {
		_, err := x.exec(`DELETE FROM handovers WHERE data_key < $1`, number)
		return err
	})
}

var _ broker.Shared = (*DB)(nil)
