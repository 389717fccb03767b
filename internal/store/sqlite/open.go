package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
)

// pragmas hold on every pooled connection because they are part of its name: a
// PRAGMA statement would reach one of them.
var pragmas = []string{
	"busy_timeout(5000)",
	"journal_mode(WAL)",
	"synchronous(FULL)",
	"foreign_keys(1)",
	"cache_size(-16384)", // KiB
	"temp_store(MEMORY)", // sorted rows never touch another file
	"secure_delete(1)",   // what was deleted is not left in free pages
	// A large transaction makes a large write-ahead log, which would stay so until
	// the server stops.
	"journal_size_limit(16777216)", // bytes
}

// Open opens the database file at path, making it and its directory, for their
// owner only, if there is none.
func Open(ctx context.Context, path string, keyring *seal.Keyring, o store.Options) (*store.DB, error) {
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("making the database file: %w", err)
	}
	write, err := sql.Open("sqlite", dsn(path, "_txlock", "immediate"))
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	write.SetMaxOpenConns(1)
	// Readers see the file through the page cache that the kernel has anyway: a
	// database of a million environments is then read as fast as a small one.
	read, err := sql.Open("sqlite", dsn(path, "_pragma", "query_only(1)", "mmap_size(2147418112)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database: %w", err), write.Close())
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	d := dialect
	if d.Present, err = stillThere(path); err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	return store.Open(ctx, store.Connections{Read: read, Write: write}, d, nil, keyring, o)
}

// stillThere returns what tells whether the file at path is still the one that is
// there now.
func stillThere(path string) (func() error, error) {
	opened, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return func() error {
		now, err := os.Stat(path)
		if err == nil && !os.SameFile(opened, now) {
			err = fmt.Errorf("%s is another file than the one that is open", path)
		}
		return err
	}, nil
}

func dsn(path, key string, values ...string) string {
	query := url.Values{"_pragma": slices.Clone(pragmas)}
	for _, value := range values {
		query.Add(key, value)
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String()
}

// makeFile makes the file before SQLite would, which does not care who reads it.
// The journal files that SQLite makes beside it get the same mode.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&^fs.FileMode(0o600) != 0 {
		err = f.Chmod(0o600)
	}
	return errors.Join(err, f.Close())
}

// There is one writer: a transaction needs no row locks, and there is nobody to
// notify.
var dialect = store.Dialect{
	Goose: goose.DialectSQLite3,
	AppendOnly: []string{
		`CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END`,
		`CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END`,
	},
	Prunable: []string{
		`DROP TRIGGER events_no_delete`,
		`CREATE TRIGGER events_no_delete BEFORE DELETE ON events
			WHEN OLD.sequence > COALESCE((SELECT sequence FROM event_cuts WHERE organization = OLD.organization), 0)
			BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END`,
	},
	Prepare:   true,
	Local:     true,
	Clock:     "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
	EventRows: 1,
	Copy:      "VACUUM INTO $1",
	Fault:     fault,
	Reason:    reason,
}

// reason says what keeps the database from working.
func reason(err error) string {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_FULL:
		return "the disk is full"
	case sqlite3.SQLITE_READONLY:
		return "the database file, or its file system, is read-only"
	case sqlite3.SQLITE_IOERR:
		return "the disk fails to read or to write (full, read-only or broken)"
	case sqlite3.SQLITE_CANTOPEN:
		return "the database file cannot be opened"
	case sqlite3.SQLITE_NOMEM:
		return "there is no memory left"
	}
	return ""
}

func fault(err error) store.Fault {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return store.FaultOther
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return store.FaultUnique
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return store.FaultForeign
	case sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		return store.FaultCheck
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return store.FaultBusy
	case sqlite3.SQLITE_TOOBIG:
		return store.FaultCheck
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM:
		return store.FaultLost
	}
	return store.FaultOther
}
