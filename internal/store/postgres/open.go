package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
)

const maxConnections = 24 // of one server; PostgreSQL allows 100 in all by default

// Open opens the database that url names, in any form that libpq knows.
func Open(ctx context.Context, url string, keyring *seal.Keyring, o store.Options) (*store.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The parser's complaint may repeat the URL, and the URL holds a password.
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "database_url", What: "cannot open the database",
			Cause: "its address is not a PostgreSQL URL", Hint: "give it as postgres://USER:PASSWORD@HOST/DATABASE",
		}
	}
	// What is acknowledged is on disk, whatever the default of the server is.
	config.RuntimeParams["synchronous_commit"] = "on"
	config.RuntimeParams["application_name"] = "pullpass"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(maxConnections)
	pool.SetMaxIdleConns(maxConnections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	d, err := dialect()
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return store.Open(ctx, store.Connections{Read: pool, Write: pool}, d, &listener{config: config, logger: logger}, keyring, o)
}

// dialect is what PostgreSQL does differently. Its advisory lock lets one of
// several servers that start at once change the schema while the others wait.
func dialect() (store.Dialect, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		return store.Dialect{}, fmt.Errorf("preparing the lock of the schema: %w", err)
	}
	return store.Dialect{
		Goose:        goose.DialectPostgres,
		GooseOptions: []goose.ProviderOption{goose.WithSessionLocker(locker)},
		AppendOnly: []string{
			`CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS
				$$ BEGIN RAISE EXCEPTION 'audit records are append-only'; END $$`,
			`CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE ON events
				FOR EACH ROW EXECUTE FUNCTION events_append_only()`,
			`CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
				FOR EACH STATEMENT EXECUTE FUNCTION events_append_only()`,
		},
		ForUpdate: " FOR UPDATE",
		ForShare:  " FOR SHARE",
		Clock:     "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT)",
		Unlogged:  "UNLOGGED",
		EventRows: 64,
		Notify:    "SELECT pg_notify('" + channel + "', $1)",
		Fault:     fault,
	}, nil
}

// fault reads PostgreSQL's error codes:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func fault(err error) store.Fault {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return networkFault(err)
	}
	switch e.Code {
	case "23505":
		return store.FaultUnique
	case "23503":
		return store.FaultForeign
	case "23514", "23502", "22021", "22P05", "22001":
		return store.FaultCheck
	case "40001", "40P01", "55P03":
		return store.FaultBusy
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53", "57", "58": // connection, resources, operator, system
		return store.FaultLost
	}
	return store.FaultOther
}

func networkFault(err error) store.Fault {
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &connect), errors.As(err, &network), pgconn.SafeToRetry(err), pgconn.Timeout(err),
		errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn):
		return store.FaultLost
	}
	return store.FaultOther
}

var _ store.Listener = (*listener)(nil)
