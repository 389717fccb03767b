package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

// pruneBatch is how many records one transaction deletes: nobody waits long
// behind it to have something recorded.
const pruneBatch = 2000

// PruneEvents removes the organization's audit records of before a time. The cut,
// the number and hash of the last record that goes, is signed as the heads are,
// so that the rest still verifies and nobody else can make a cut. The newest
// record stays, and what the webhook has not delivered. It returns the cut and
// how many records went.
func (db *DB) PruneEvents(ctx context.Context, org pullpass.OrganizationID, before time.Time) (audit.Head, int64, error) {
	seals, err := db.sealsToPrune(ctx, org)
	if err != nil {
		return audit.Head{}, 0, err
	}
	var cut audit.Head
	err = db.vital(ctx, whatPrune, func(x *tx) error {
		cut, err = x.cut(org, before, seals.Signer)
		return err
	})
	if err != nil || cut.Sequence == 0 {
		return cut, 0, err
	}
	removed, err := db.removeEvents(ctx, org, cut)
	return cut, removed, err
}

const whatPrune = "prune the audit log"

// sealsToPrune refuses to prune a log whose end is not as it was written: what goes
// could be what shows who did that.
func (db *DB) sealsToPrune(ctx context.Context, org pullpass.OrganizationID) (audit.Seals, error) {
	seals, err := db.AuditSeals(ctx, org)
	if err != nil || seals.Head.Sequence == 0 {
		return seals, err
	}
	if problem := seals.Problem(); problem != "" || seals.Signer == nil {
		return seals, errConflict("audit_broken", whatPrune, "its end is not as this server wrote it: "+problem, "pullpass audit verify")
	}
	return seals, nil
}

// Prunable reports whether there are records of before a time that may go. It is
// asked before the prune is recorded, since a record makes a new end of the log.
func (db *DB) Prunable(ctx context.Context, org pullpass.OrganizationID, before time.Time) (bool, error) {
	if _, err := db.sealsToPrune(ctx, org); err != nil {
		return false, err
	}
	var some bool
	err := db.tx(ctx, "look for old audit records", func(x *tx) error {
		head, _, err := x.lockHead(org)
		if err != nil {
			return err
		}
		old, last, err := x.lastToGo(org, head, before)
		some = last > old.Sequence
		return err
	})
	return some, err
}

// lastToGo returns the cut in force, and the number of the last record that may go.
func (x *tx) lastToGo(org pullpass.OrganizationID, head audit.Head, before time.Time) (old audit.Head, last int64, err error) {
	err = x.one(`SELECT sequence, hash FROM event_cuts WHERE organization = $1`, org).Scan(&old.Sequence, &old.Hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return old, 0, err
	}
	err = x.one(`SELECT COALESCE(MIN(sequence), $3) - 1 FROM events WHERE organization = $1 AND at >= $2`, org, micros(before), head.Sequence).Scan(&last)
	if err != nil {
		return old, 0, err
	}
	delivered := head.Sequence
	err = x.one(`SELECT delivered FROM audit_webhooks WHERE organization = $1`, org).Scan(&delivered)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return old, 0, err
	}
	return old, min(last, delivered, head.Sequence-1), nil
}

// cut writes the cut, if it is a later one, and returns what is in force.
func (x *tx) cut(org pullpass.OrganizationID, before time.Time, signer *audit.Signer) (audit.Head, error) {
	head, _, err := x.lockHead(org)
	if err != nil {
		return head, err
	}
	old, last, err := x.lastToGo(org, head, before)
	if err != nil || last <= old.Sequence {
		return old, err
	}
	cut := audit.Head{Sequence: last}
	if err := x.one(`SELECT hash FROM events WHERE organization = $1 AND sequence = $2`, org, last).Scan(&cut.Hash); err != nil {
		return old, err
	}
	_, err = x.exec(`INSERT INTO event_cuts (organization, sequence, hash, signature, cut_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (organization) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash,
			signature = excluded.signature, cut_at = excluded.cut_at`,
		org, cut.Sequence, cut.Hash, signer.Sign(cut, audit.PurposeCut), micros(x.db.now()))
	return cut, err
}

func (db *DB) removeEvents(ctx context.Context, org pullpass.OrganizationID, cut audit.Head) (removed int64, err error) {
	for {
		var n int64
		err = db.tx(ctx, "remove pruned audit records", func(x *tx) error {
			n, err = x.exec(`DELETE FROM events WHERE organization = $1 AND sequence <= $2
				AND sequence < (SELECT MIN(sequence) FROM events WHERE organization = $1) + $3`, org, cut.Sequence, pruneBatch)
			return err
		})
		removed += n
		if err != nil || n == 0 {
			return removed, err
		}
	}
}
