package postgres

import (
	"context"
	"database/sql"
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
	set(config)
	pool := sql.OpenDB(newConnector(config))
	pool.SetMaxOpenConns(maxConnections)
	pool.SetMaxIdleConns(maxConnections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	migrating := config.Copy()
	for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		delete(migrating.RuntimeParams, limit)
	}
	d, err := dialect()
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	conns := store.Connections{Read: pool, Write: pool, Migrate: stdlib.OpenDB(*migrating)}
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return store.Open(ctx, conns, d, &listener{config: config, logger: logger}, keyring, o)
}

// defaults are what every session is told unless its address says otherwise. A
// server that stops in the middle of a transaction (a paused machine, a network
// that forgets a connection) gives its locks back after seconds, not when TCP
// finds out; and nobody waits for a lock, or runs, longer than anybody waits for
// the answer. The limits do not hold while the schema changes.
var defaults = map[string]string{
	"application_name":                    "pullpass",
	"idle_in_transaction_session_timeout": "3000",
	"lock_timeout":                        "2000",
	"statement_timeout":                   "30000",
	"tcp_keepalives_idle":                 "5",
	"tcp_keepalives_interval":             "2",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "10000",
}

const connectWithin = 4 * time.Second

func set(config *pgx.ConnConfig) {
	for name, value := range defaults {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	// What is acknowledged is on disk, whatever the default of the server is, and
	// whatever the address says.
	config.RuntimeParams["synchronous_commit"] = "on"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWithin
	}
	config.DialFunc = dialer().DialContext
	fatal := config.OnPgError
	config.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		// A standby stays one: after a failover the next connection finds the primary.
		return err.Code != readOnly && (fatal == nil || fatal(conn, err))
	}
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
		Prunable: []string{
			`CREATE OR REPLACE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS
				$$ BEGIN
					IF TG_OP = 'DELETE' THEN
						IF OLD.sequence <= (SELECT sequence FROM event_cuts WHERE organization = OLD.organization) THEN
							RETURN OLD;
						END IF;
					END IF;
					RAISE EXCEPTION 'audit records are append-only';
				END $$`,
		},
		ForUpdate: " FOR UPDATE",
		ForShare:  " FOR SHARE",
		Clock:     "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT)",
		Unlogged:  "UNLOGGED",
		Arrays:    true,
		EventRows: 64,
		Notify:    "SELECT pg_notify('" + channel + "', $1)",
		Fault:     fault,
		Reason:    reason,
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
	case "40001", "40P01", "55P03": // serialization, deadlock, lock_timeout
		return store.FaultBusy
	case "25P03", "57P01", "57P02", "57P05": // cut by a time limit, an administrator, a crash
		return store.FaultCut
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "25", "40", "53", "57", "58": // connection, transaction state, rollback, resources, operator, system
		return store.FaultLost
	}
	return store.FaultOther
}

const readOnly = "25006"

// reason says what keeps the database from working.
func reason(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code {
	case readOnly:
		return "the database is read-only: a standby, or a primary that was told so"
	case "53100":
		return "the database's disk is full"
	case "53200":
		return "the database is out of memory"
	case "53300":
		return "the database has no connection left (max_connections)"
	case "57P01", "57P02", "57P03":
		return "the database is starting, stopping or recovering"
	case "57014":
		return "the database stopped the statement: it took too long"
	}
	return ""
}

func networkFault(err error) store.Fault {
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &connect), pgconn.Timeout(err):
		return store.FaultLost
	case errors.As(err, &network), pgconn.SafeToRetry(err),
		errors.Is(err, net.ErrClosed), errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn):
		return store.FaultCut
	}
	return store.FaultOther
}

var _ store.Listener = (*listener)(nil)
