package store

import (
	"context"

	"github.com/pullpass/pullpass/internal/seal"
)

const dataKeyColumns = `SELECT number, kek, wrapped FROM data_keys`

func scanDataKey(row scanner) (k seal.DataKey, err error) {
	err = row.Scan(&k.Number, &k.KEK, &k.Wrapped)
	return k, err
}

// NewestDataKey returns the data key that seals new values.
func (db *DB) NewestDataKey(ctx context.Context) (seal.DataKey, error) {
	k, err := scanDataKey(db.read.QueryRowContext(ctx, dataKeyColumns+` ORDER BY number DESC LIMIT 1`))
	return k, db.explain("find the newest data key", err)
}

// DataKey returns the data key with this number.
func (db *DB) DataKey(ctx context.Context, number int64) (seal.DataKey, error) {
	k, err := scanDataKey(db.read.QueryRowContext(ctx, dataKeyColumns+` WHERE number = $1`, number))
	return k, db.explain("find the data key of a sealed value", err)
}

// AddDataKey stores a wrapped data key; Conflict if its number is taken.
func (db *DB) AddDataKey(ctx context.Context, k seal.DataKey) error {
	return db.vital(ctx, "add a data key", func(x *tx) error {
		_, err := x.exec(`INSERT INTO data_keys (number, kek, wrapped, created_at) VALUES ($1, $2, $3, $4)`,
			k.Number, k.KEK, k.Wrapped, micros(db.now()))
		return err
	})
}

// KeysInUse returns the ids of the key-encryption keys that some data key is
// wrapped with. All others may be retired.
func (db *DB) KeysInUse(ctx context.Context) ([]string, error) {
	ids, err := all(ctx, db.read, scanID[string], `SELECT DISTINCT kek FROM data_keys ORDER BY kek`)
	return ids, db.explain("find the keys in use", err)
}
