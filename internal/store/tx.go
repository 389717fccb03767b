package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// tx is a transaction with its context: queries in it cannot use another.
type tx struct {
	ctx     context.Context //nolint:containedctx // a transaction lives and ends with it
	tx      *sql.Tx
	db      *DB
	changed []string // payloads for those who watch, sent after the commit
	fresh   []string // queries that were not compiled
	lane    lane
}

// answerWithin is how long any transaction or query may take, whoever asks: a
// database that hangs is noticed, and not waited for.
const answerWithin = 8 * time.Second

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, answerWithin)
}

// attempts bounds how often a transaction is tried that lost against another.
const attempts = 8

// attemptsCut bounds how often one is tried whose connection was cut: if the
// database is gone, whoever asks is to hear it soon.
const attemptsCut = 3

// tx runs f in a writing transaction, again if it lost a lock or a race, and maps
// what comes out to the kinds of error. f must not keep results of a failed try.
//
// On a disk that is almost full it adds no rows. What it removes and changes is in
// place of what was there.
func (db *DB) tx(ctx context.Context, what string, f func(*tx) error) error {
	return db.run(ctx, what, ordinary, f)
}

// vital is tx for what must not fail when the disk is almost full: what issuing
// credentials and their record need, and what makes room.
func (db *DB) vital(ctx context.Context, what string, f func(*tx) error) error {
	return db.run(ctx, what, vital, f)
}

// first is vital for what goes before all others: they wait for it, and it does not
// wait for them.
func (db *DB) first(ctx context.Context, what string, f func(*tx) error) error {
	return db.run(ctx, what, first, f)
}

func (db *DB) run(ctx context.Context, what string, in lane, f func(*tx) error) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := db.try(ctx, in, f)
		if err == nil {
			return nil
		}
		if attempt+1 < db.attemptsAfter(err) && pause(ctx, attempt) {
			continue
		}
		return db.explain(what, err)
	}
}

func (db *DB) try(ctx context.Context, in lane, f func(*tx) error) error {
	if err := db.present(); err != nil {
		return err
	}
	db.disk.Ensure()
	ctx, leave, err := db.lanes.enter(ctx, in)
	if err != nil {
		return err
	}
	x, err := db.transact(ctx, in, f)
	leave()
	if err != nil {
		if errors.Is(context.Cause(ctx), errYield) {
			return fmt.Errorf("%w: %w", errAgain, errYield)
		}
		return err
	}
	for _, payload := range x.changed {
		db.heard(payload)
	}
	return nil
}

// transact is one transaction, in its turn.
func (db *DB) transact(ctx context.Context, in lane, f func(*tx) error) (*tx, error) {
	t, err := db.conns.Write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	x := &tx{ctx: db.statement(ctx), tx: t, db: db, lane: in}
	if err := f(x); err != nil {
		return nil, rollback(t, err)
	}
	if err := x.notify(); err != nil {
		return nil, rollback(t, err)
	}
	if err := t.Commit(); err != nil {
		return nil, err
	}
	if err := db.present(); err != nil { // removed meanwhile: it is in no file that anybody finds again
		return nil, err
	}
	for _, query := range x.fresh {
		db.writes.keep(ctx, query)
	}
	return x, nil
}

// statement is the context of a statement inside a transaction. The transaction
// ends with its own context; in a database of this process a statement is over
// before that could matter, and watching for it costs more than the statement.
func (db *DB) statement(ctx context.Context) context.Context {
	if db.dialect.Local {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func rollback(t *sql.Tx, cause error) error {
	if err := t.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return errors.Join(cause, fmt.Errorf("rolling back: %w", err))
	}
	return cause
}

// errAgain asks for another try: something that was read outside the transaction
// has changed.
var errAgain = errors.New("changed meanwhile")

// attemptsAfter is how often a transaction may be tried that failed with err.
// Until the database is told to commit, nothing has happened; after that nobody
// knows, and a second try could do it twice.
func (db *DB) attemptsAfter(err error) int {
	var decided *pullpass.Error
	switch {
	case errors.As(err, &decided), errors.Is(err, ErrOutcome):
		return 1
	case errors.Is(err, errAgain):
		return attempts
	}
	switch db.dialect.Fault(err) {
	case FaultBusy:
		return attempts
	case FaultCut:
		return attemptsCut
	}
	return 1
}

// pause waits a little, longer after each try; false if the context ends first.
func pause(ctx context.Context, attempt int) bool {
	most := 4 * time.Millisecond << attempt
	timer := time.NewTimer(most/2 + rand.N(most/2)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// mayAdd refuses to add rows where there is room for more important ones only.
func (x *tx) mayAdd(query string) error {
	if x.lane != ordinary || !strings.HasPrefix(query, "INSERT") {
		return nil
	}
	return x.db.disk.Room()
}

func (x *tx) exec(query string, args ...any) (int64, error) {
	if err := x.mayAdd(query); err != nil {
		return 0, err
	}
	var result sql.Result
	var err error
	if s := x.compiled(query); s != nil {
		result, err = s.ExecContext(x.ctx, args...)
	} else {
		result, err = x.tx.ExecContext(x.ctx, query, args...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (x *tx) one(query string, args ...any) scanner {
	return x.QueryRowContext(x.ctx, query, args...)
}

// QueryContext and QueryRowContext make the transaction a querier.
func (x *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := x.mayAdd(query); err != nil {
		return nil, err
	}
	if s := x.compiled(query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return x.tx.QueryContext(ctx, query, args...)
}

func (x *tx) QueryRowContext(ctx context.Context, query string, args ...any) scanner {
	if err := x.mayAdd(query); err != nil {
		return refusedRow{err}
	}
	if s := x.compiled(query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return x.tx.QueryRowContext(ctx, query, args...)
}

// refusedRow is the row of a query that was not run.
type refusedRow struct{ err error }

// Scan returns why.
func (r refusedRow) Scan(...any) error { return r.err }

// compiled finds the query among those compiled. A new one is noted, to be
// compiled when the transaction has given its connection back: it may be the
// only one of the pool.
func (x *tx) compiled(query string) compiled {
	s, ok := x.db.writes.find(query).(*sql.Stmt)
	if !ok {
		x.fresh = append(x.fresh, query)
		return nil
	}
	return x.tx.StmtContext(x.ctx, s)
}

// querier reads: a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) scanner
}

// scanner is a row: *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// all reads every row of a query.
func all[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) (items []T, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, rows.Err()
}
