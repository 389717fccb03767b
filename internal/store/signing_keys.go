package store

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/seal"
)

var _ identity.Keys = (*DB)(nil)

func signingKeyPlace(org pullpass.OrganizationID, alg string, sequence int64) seal.AssociatedData {
	return seal.AssociatedData{Organization: org, Table: "signing_key", Row: alg, Field: "private", Version: sequence}
}

// storedKey is a signing key before its private half is opened.
type storedKey struct {
	identity.StoredKey
	sealed []byte
}

func scanSigningKey(row scanner) (k storedKey, err error) {
	var active, created int64
	err = row.Scan(&k.Organization, &k.Algorithm, &k.Sequence, &k.ID, &k.sealed, &active, &created)
	k.ActiveFrom, k.CreatedAt = moment(active), moment(created)
	return k, err
}

// SigningKeys returns all signing keys of an organization, opened.
func (db *DB) SigningKeys(ctx context.Context, org pullpass.OrganizationID) ([]identity.StoredKey, error) {
	const what = "read the signing keys"
	rows, err := all(ctx, db.read, scanSigningKey, `SELECT organization, algorithm, sequence, id, sealed, active_from, created_at
		FROM signing_keys WHERE organization = $1 ORDER BY algorithm, sequence`, org)
	if err != nil {
		return nil, db.explain(what, err)
	}
	keys := make([]identity.StoredKey, len(rows))
	for i, row := range rows {
		keys[i] = row.StoredKey
		keys[i].Private, err = db.sealer.Open(ctx, row.sealed, signingKeyPlace(org, string(row.Algorithm), row.Sequence))
		if err != nil {
			return nil, db.explain(what, err)
		}
	}
	return keys, nil
}

// AddSigningKey stores a key with its private half sealed. If another server has
// taken the sequence number, the answer is Conflict.
func (db *DB) AddSigningKey(ctx context.Context, k identity.StoredKey) error {
	const what = "store a signing key"
	if k.Private.Empty() {
		return errInvalid(what, "it has no private half", "")
	}
	s, err := db.seal(ctx, k.Private, signingKeyPlace(k.Organization, string(k.Algorithm), k.Sequence))
	if err != nil {
		return db.explain(what, err)
	}
	return db.vital(ctx, what, func(x *tx) error {
		_, err := x.exec(`INSERT INTO signing_keys (organization, algorithm, sequence, id, sealed, data_key, active_from, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			k.Organization, k.Algorithm, k.Sequence, k.ID, s.bytes, s.key, micros(k.ActiveFrom), micros(k.CreatedAt))
		return err
	})
}

// DeleteSigningKeys deletes the keys of a chain that come before a number.
func (db *DB) DeleteSigningKeys(ctx context.Context, org pullpass.OrganizationID, alg identity.Algorithm, below int64) error {
	return db.tx(ctx, "delete old signing keys", func(x *tx) error {
		_, err := x.exec(`DELETE FROM signing_keys WHERE organization = $1 AND algorithm = $2 AND sequence < $3`, org, alg, below)
		return err
	})
}

var signingKeys = sealedTable{
	find: `SELECT s.organization, s.algorithm, s.sequence, s.sealed, s.data_key FROM signing_keys s`,
	replace: `UPDATE signing_keys SET sealed = $5, data_key = $6
		WHERE organization = $1 AND algorithm = $2 AND sequence = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData { return signingKeyPlace(r.organization, r.id, r.version) },
}
