package store

import (
	"context"
	"fmt"

	"github.com/pressly/goose/v3"

	"github.com/pullpass/pullpass"
)

// Ping reports whether the database can be written, by writing to it: a full
// disk, a read-only file system and a standby all answer what is only read.
func (db *DB) Ping(ctx context.Context) error {
	const what, statement = "write to the database", `UPDATE health SET checked_at = $1 WHERE id = 1`
	if db.dialect.Local {
		return db.tx(ctx, what, func(x *tx) error {
			_, err := x.exec(statement, micros(db.now()))
			return err
		})
	}
	// One statement: it holds nothing if this server stops in between.
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err := db.conns.Write.ExecContext(ctx, statement, micros(db.now()))
	return db.explain(what, err)
}

// CheckAudit reports whether the organization's audit chain can be extended: it
// takes the lock that the next record needs, and gives it back.
func (db *DB) CheckAudit(ctx context.Context, org pullpass.OrganizationID) error {
	return db.first(ctx, whatAppend, func(x *tx) error {
		_, _, err := x.lockHead(org)
		return err
	})
}

// CheckKeys reports whether the keyring has every key-encryption key that sealed
// values need. A server without one answers until somebody asks for a secret.
func (db *DB) CheckKeys(ctx context.Context) error {
	inUse, err := db.KeysInUse(ctx)
	if err != nil {
		return err
	}
	for _, id := range inUse {
		if err := db.keyring.Check(id); err != nil {
			return err
		}
	}
	return nil
}

// present refuses to write where the files of the database are no longer those
// that are open: what is written there is gone with the process.
func (db *DB) present() error {
	if db.dialect.Present == nil {
		return nil
	}
	if err := db.dialect.Present(); err != nil {
		return &pullpass.Error{
			Kind: pullpass.Unavailable, Code: "database_removed", What: "cannot write to the database",
			Cause: "its file was removed or replaced while the server runs", Err: err,
			Hint: "stop the server, put the data directory back, and start it again",
		}
	}
	return nil
}

// refuseNewer refuses a schema of a later version of this program: what that one
// restricts, this one does not know.
func refuseNewer(ctx context.Context, provider *goose.Provider) error {
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	if version <= known {
		return nil
	}
	return &pullpass.Error{
		Kind: pullpass.Conflict, Code: "schema_newer", What: "cannot open the database",
		Cause: fmt.Sprintf("a newer pullpass has written it (schema %d; this one knows up to %d)", version, known),
		Hint:  "run that version or a newer one, or restore the copy that was made before the upgrade",
	}
}
