package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/pullpass/pullpass"
)

// CopyTo writes a consistent copy of the database into an empty file, while others
// read and write. A database of several servers is copied by its own tools.
func (db *DB) CopyTo(ctx context.Context, path string) (err error) {
	if db.dialect.Copy == "" {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: "backup_not_here", What: "cannot copy the database",
			Cause: "it is PostgreSQL, which copies itself", Hint: "pg_dump --format=custom --file=pullpass.dump DATABASE_URL"}
	}
	conn, err := db.conns.Read.Conn(ctx)
	if err != nil {
		return fmt.Errorf("copying the database: %w", db.fault(err))
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// Reading connections refuse to write; the copy is the one thing they may write.
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = 0"); err != nil {
		return fmt.Errorf("copying the database: %w", db.fault(err))
	}
	_, err = conn.ExecContext(ctx, db.dialect.Copy, path)
	_, restored := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only = 1")
	if err = errors.Join(err, restored); err != nil {
		return fmt.Errorf("copying the database: %w", db.fault(err))
	}
	return nil
}

// SchemaVersion returns the number of the newest migration that the database has.
func (db *DB) SchemaVersion(ctx context.Context) (int64, error) {
	var version int64
	err := db.conns.Read.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("reading the schema version: %w", db.fault(err))
	}
	return version, nil
}
