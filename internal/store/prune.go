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
	const what = "prune the audit log"
	seals, err := db.AuditSeals(ctx, org)
	if err != nil {
		return audit.Head{}, 0, err
	}
	if problem := seals.Problem(); problem != "" || seals.Signer == nil {
		return audit.Head{}, 0, errConflict("audit_broken", what, "its end is not as this server wrote it: "+problem, "pullpass audit verify")
	}
	var cut audit.Head
	err = db.tx(ctx, what, func(x *tx) error {
		cut, err = x.cut(org, before, seals.Signer)
		return err
	})
	if err != nil || cut.Sequence == 0 {
		return cut, 0, err
	}
	removed, err := db.removeEvents(ctx, org, cut)
	return cut, removed, err
}

// cut writes the cut, if it is a later one, and returns what is in force.
func (x *tx) cut(org pullpass.OrganizationID, before time.Time, signer *audit.Signer) (audit.Head, error) {
	head, _, err := x.lockHead(org)
	if err != nil {
		return head, err
	}
	old := audit.Head{}
	err = x.one(`SELECT sequence, hash FROM event_cuts WHERE organization = $1`, org).Scan(&old.Sequence, &old.Hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return old, err
	}
	var last int64
	err = x.one(`SELECT COALESCE(MIN(sequence), $3) - 1 FROM events WHERE organization = $1 AND at >= $2`, org, micros(before), head.Sequence).Scan(&last)
	if err != nil {
		return old, err
	}
	delivered := head.Sequence
	err = x.one(`SELECT delivered FROM audit_webhooks WHERE organization = $1`, org).Scan(&delivered)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return old, err
	}
	last = min(last, delivered, head.Sequence-1)
	if last <= old.Sequence {
		return old, nil
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
