package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// Options of a store; zero values mean the defaults.
type Options struct {
	Now    func() time.Time // the clock: time.Now
	Logger *slog.Logger     // where it is said what a caller is not told: nowhere
	// Quotas are the operator's limits, where they are not the defaults.
	Quotas map[pullpass.Quota]int64
	// Disk is the disk of a database in this process's files. Nil: it has room.
	Disk Disk
}

// Disk keeps room for what must not fail.
type Disk interface {
	Ensure()     // sees that a small write fits
	Room() error // refuses what would take the room of others
}

// noDisk is the disk of a database elsewhere: its operator watches it.
type noDisk struct{}

func (noDisk) Ensure()     {}
func (noDisk) Room() error { return nil }

// DB is the store. It is safe for concurrent use.
type DB struct {
	dialect   Dialect
	conns     Connections
	read      reader
	writes    *prepared // of the writing pool
	lanes     *lanes    // to the one connection that writes; nil where there are many
	keyring   *seal.Keyring
	sealer    *seal.Sealer
	now       func() time.Time
	hub       *hub
	recent    *recent
	heads     *heads
	log       *slog.Logger
	quotas    map[pullpass.Quota]int64
	disk      Disk
	usesFail  atomic.Bool // noting the use of tokens fails
	auditKeys *auditKeys
	stop      context.CancelFunc
	running   sync.WaitGroup
}

//go:embed migrations/*.sql
var migrations embed.FS

// Open brings the schema up to date and returns the store. The sub-packages call
// it with their dialect; it owns the connections from here on.
func Open(ctx context.Context, conns Connections, d Dialect, listener Listener, keyring *seal.Keyring, o Options) (*DB, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Disk == nil {
		o.Disk = noDisk{}
	}
	db := &DB{
		dialect: d, conns: conns, now: o.Now, hub: newHub(), recent: newRecent(), heads: newHeads(), auditKeys: newAuditKeys(), log: o.Logger, quotas: o.Quotas, disk: o.Disk,
		read:   reader{conns.Read, newPrepared(conns.Read, d.Prepare), d.Local},
		writes: newPrepared(conns.Write, d.Prepare),
	}
	if d.Local {
		db.lanes = &lanes{}
	}
	db.keyring, db.sealer = keyring, keyring.Sealer(db)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	db.stop = stop
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(db.fault(err), db.Close())
	}
	if listener != nil {
		db.running.Go(func() { listener.Listen(background, db.heard, db.hub.wakeAll) })
	}
	return db, nil
}

// auditSeals is the migration from which on the heads of audit chains are signed.
const auditSeals = 39

// migrate brings the schema up to date. Each step is one transaction, and can be the
// last one before a power cut.
func (db *DB) migrate(ctx context.Context) (err error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := append([]goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(migration(2, db.dialect.AppendOnly), migration(6, sharedTables(db.dialect.Unlogged)), migration(auditSeals, db.dialect.Prunable, db.signHeads)),
		goose.WithLogger(goose.NopLogger()),
	}, db.dialect.GooseOptions...)
	pool := db.conns.Write
	if db.conns.Migrate != nil {
		pool = db.conns.Migrate
		defer func() { err = errors.Join(err, pool.Close()) }()
	}
	provider, err := goose.NewProvider(db.dialect.Goose, pool, dir, options...)
	if err != nil {
		return err
	}
	if err := refuseNewer(ctx, provider); err != nil {
		return err
	}
	if before := versionOf(ctx, pool); before > 0 && before < auditSeals {
		if err := db.readyToSeal(ctx); err != nil {
			return err
		}
	}
	_, err = provider.Up(ctx)
	// Without a lock, of two servers that start on a new database one finds the
	// other's tables half way. What it did is rolled back, and the next try finds
	// the work done.
	for attempt := 0; err != nil && len(db.dialect.GooseOptions) == 0 && attempt < attempts && pause(ctx, attempt); attempt++ {
		_, err = provider.Up(ctx)
	}
	return err
}

// versionOf reads goose's table; where there is none, the database is new.
func versionOf(ctx context.Context, pool *sql.DB) (version int64) {
	if pool.QueryRowContext(ctx, `SELECT MAX(version_id) FROM goose_db_version`).Scan(&version) != nil {
		return 0
	}
	return version
}

// migration is one whose statements differ between databases, or that does more than
// statements can.
func migration(version int64, statements []string, more ...func(context.Context, *sql.Tx) error) *goose.Migration {
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		for _, f := range more {
			if err := f(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}}, nil)
}

// Close ends the store and closes its connections.
func (db *DB) Close() error {
	db.stop()
	db.running.Wait()
	db.hub.close()
	if db.conns.Read == db.conns.Write {
		return db.conns.Write.Close()
	}
	return errors.Join(db.conns.Read.Close(), db.conns.Write.Close())
}

// micros and moment translate times: microseconds since 1970, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// createdAt is the time of creation: what the caller gave, or now, as precise as
// it is stored.
func (db *DB) createdAt(t time.Time) time.Time {
	if t.IsZero() {
		t = db.now()
	}
	return moment(micros(t))
}

// Schema gives SQL access to the connections for tests that look at, or tamper
// with, what is stored. Nothing else may use it.
func (db *DB) Schema() Connections { return db.conns }

var _ seal.DataKeys = (*DB)(nil)

// page cuts what a query with limit+1 rows gave into a list.
func page[T any](items []T, limit int, id func(T) string) pullpass.List[T] {
	if len(items) <= limit {
		return pullpass.List[T]{Items: items}
	}
	items = items[:limit]
	return pullpass.List[T]{Items: items, Next: id(items[limit-1])}
}
