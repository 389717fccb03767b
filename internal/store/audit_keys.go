package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/seal"
)

// auditKeys are the signers of the organizations, once they have been opened.
type auditKeys struct {
	mu      sync.Mutex
	signers map[pullpass.OrganizationID]*audit.Signer
}

func newAuditKeys() *auditKeys {
	return &auditKeys{signers: map[pullpass.OrganizationID]*audit.Signer{}}
}

func (k *auditKeys) find(org pullpass.OrganizationID) *audit.Signer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.signers[org]
}

func (k *auditKeys) keep(org pullpass.OrganizationID, s *audit.Signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signers[org] = s
}

func auditKeyPlace(org pullpass.OrganizationID) seal.AssociatedData {
	return seal.AssociatedData{Organization: org, Table: "audit_key", Row: string(org), Field: "seed", Version: 1}
}

// signer returns the signer of an organization, nil if it has none. A key that
// does not open is an error: nothing is recorded under a second one.
func (db *DB) signer(ctx context.Context, org pullpass.OrganizationID) (*audit.Signer, error) {
	if s := db.auditKeys.find(org); s != nil {
		return s, nil
	}
	var bytes []byte
	err := db.read.QueryRowContext(ctx, `SELECT sealed FROM audit_keys WHERE organization = $1`, org).Scan(&bytes)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil //nolint:nilnil // no key is an answer
	case err != nil:
		return nil, err
	}
	secret, err := db.sealer.Open(ctx, bytes, auditKeyPlace(org))
	if err != nil {
		return nil, fmt.Errorf("opening the audit key: %w", err)
	}
	seed, err := base64.StdEncoding.DecodeString(secret.Reveal())
	if err != nil {
		return nil, errors.New("the audit key does not read")
	}
	s, err := audit.NewSigner(org, seed)
	if err == nil {
		db.auditKeys.keep(org, s)
	}
	return s, err
}

// ownSigner is signer, with a new key where there is none. Of two servers that
// make one at once, one wins.
func (db *DB) ownSigner(ctx context.Context, org pullpass.OrganizationID) (*audit.Signer, error) {
	s, err := db.signer(ctx, org)
	if s != nil || err != nil {
		return s, err
	}
	_, fresh, err := db.newSigner(ctx, org)
	if err != nil {
		return nil, err
	}
	err = db.first(ctx, whatAppend, func(x *tx) error {
		_, err := x.exec(insertAuditKey, org, string(org), fresh.bytes, fresh.key, micros(db.now()))
		return err
	})
	if err != nil {
		return nil, err
	}
	return db.signer(ctx, org)
}

const insertAuditKey = `INSERT INTO audit_keys (organization, id, version, sealed, data_key, created_at) VALUES ($1, $2, 1, $3, $4, $5)
	ON CONFLICT (organization) DO NOTHING`

// newSigner makes a key, and seals it.
func (db *DB) newSigner(ctx context.Context, org pullpass.OrganizationID) (*audit.Signer, sealed, error) {
	const seedSize = 32
	seed := make([]byte, seedSize)
	_, _ = rand.Read(seed) // never fails
	s, err := audit.NewSigner(org, seed)
	if err != nil {
		return nil, sealed{}, err
	}
	fresh, err := db.seal(ctx, pullpass.NewSecret(base64.StdEncoding.EncodeToString(seed)), auditKeyPlace(org))
	return s, fresh, err
}

var auditKeySecrets = sealedTable{
	find: `SELECT s.organization, s.id, s.version, s.sealed, s.data_key FROM audit_keys s`,
	replace: `UPDATE audit_keys SET sealed = $5, data_key = $6
		WHERE organization = $1 AND id = $2 AND version = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData { return auditKeyPlace(r.organization) },
}

// AuditSeals returns what authenticates the organization's chain. What this
// server has seen is read first, so that the head in the database is as new.
func (db *DB) AuditSeals(ctx context.Context, org pullpass.OrganizationID) (audit.Seals, error) {
	const what = "find the end of the audit log"
	s := audit.Seals{Highest: db.heads.highestOf(org)}
	err := db.read.QueryRowContext(ctx, `SELECT sequence, hash, signature FROM event_heads WHERE organization = $1`, org).
		Scan(&s.Head.Sequence, &s.Head.Hash, &s.HeadSignature)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, db.explain(what, err)
	}
	err = db.read.QueryRowContext(ctx, `SELECT sequence, hash, signature FROM event_cuts WHERE organization = $1`, org).
		Scan(&s.Cut.Sequence, &s.Cut.Hash, &s.CutSignature)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, db.explain(what, err)
	}
	s.Signer, err = db.signer(ctx, org)
	var broken *pullpass.Error
	if errors.As(err, &broken) && broken.Code == seal.CodeBroken {
		return s, nil // somebody has written it: there is no key that opens
	}
	return s, db.explain(what, err)
}

// Checkpoint returns the end of the organization's chain as a signed note, and
// the key that verifies it.
func (db *DB) Checkpoint(ctx context.Context, org pullpass.OrganizationID) (head audit.Head, note, key string, err error) {
	s, err := db.AuditSeals(ctx, org)
	if err != nil {
		return head, "", "", err
	}
	if problem := s.Problem(); problem != "" || s.Signer == nil {
		return head, "", "", &pullpass.Error{
			Kind: pullpass.Conflict, Code: "audit_broken", What: "cannot sign the end of the audit log",
			Cause: cmp.Or(problem, "there are no records"), Hint: "pullpass audit verify",
		}
	}
	return s.Head, s.Signer.Checkpoint(s.Head), s.Signer.Key(), nil
}

// signHeads is part of the migration after which unsigned heads are a break: it signs
// those of before there were signatures, in the migration's own transaction, so that
// there is no moment between the two. The data key is there (see readyToSeal), and is
// read beside the transaction.
func (db *DB) signHeads(ctx context.Context, t *sql.Tx) error {
	heads, err := unsignedHeads(ctx, t)
	if err != nil {
		return err
	}
	for org, head := range heads {
		signer, fresh, err := db.newSigner(ctx, org)
		if err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, insertAuditKey, org, string(org), fresh.bytes, fresh.key, micros(db.now())); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `UPDATE event_heads SET signature = $2 WHERE organization = $1`, org, signer.Sign(head, audit.PurposeHead))
		if err != nil {
			return err
		}
	}
	return nil
}

func unsignedHeads(ctx context.Context, t *sql.Tx) (heads map[pullpass.OrganizationID]audit.Head, err error) {
	rows, err := t.QueryContext(ctx, `SELECT organization, sequence, hash FROM event_heads WHERE signature = '' AND sequence > 0`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	heads = map[pullpass.OrganizationID]audit.Head{}
	for rows.Next() {
		var org pullpass.OrganizationID
		var head audit.Head
		if err := rows.Scan(&org, &head.Sequence, &head.Hash); err != nil {
			return nil, err
		}
		heads[org] = head
	}
	return heads, rows.Err()
}

// readyToSeal sees that there is a data key, which cannot be made within a migration.
func (db *DB) readyToSeal(ctx context.Context) error {
	_, err := db.sealer.Seal(ctx, pullpass.NewSecret("none"), seal.AssociatedData{Table: "none"})
	return err
}
