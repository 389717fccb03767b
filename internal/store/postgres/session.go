package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pullpass/pullpass/internal/store"
)

const (
	// restedFor is how long a connection may rest before it is tried before its use.
	restedFor = time.Second
	// provenWithin is how long it may take to show that it is alive.
	provenWithin = 500 * time.Millisecond
	// endedWithin bounds how long a transaction is rolled back that came too late.
	endedWithin = time.Second
)

// connector makes the sessions of a pool.
type connector struct {
	driver.Connector
	// doubts grows when a session does not answer: a network that has forgotten one
	// connection has mostly forgotten all, so each is tried before its next use.
	doubts atomic.Int64
}

func newConnector(config *pgx.ConnConfig) *connector {
	never := stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false })
	return &connector{Connector: stdlib.GetConnector(*config, never)}
}

// Connect opens a session.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	doubts := c.doubts.Load()
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := conn.(*stdlib.Conn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a connection of pgx is a %T", conn), conn.Close())
	}
	return &session{Conn: inner, connector: c, doubts: doubts, used: time.Now()}, nil
}

// session is a connection that proves itself when there is doubt about it, and
// whose transactions do not commit after their deadline.
type session struct {
	*stdlib.Conn
	connector *connector
	doubts    int64 // of the pool, when this one last answered
	used      time.Time
}

// ResetSession tries the connection before its next use, if it has rested or
// another one did not answer. A bad one is thrown away.
func (s *session) ResetSession(ctx context.Context) error {
	doubts := s.connector.doubts.Load()
	if time.Since(s.used) > restedFor || s.doubts != doubts {
		proving, cancel := context.WithTimeout(ctx, provenWithin)
		defer cancel()
		if err := s.Conn.Ping(proving); err != nil {
			s.note(proving, err)
			return driver.ErrBadConn
		}
	}
	s.used, s.doubts = time.Now(), doubts
	return s.Conn.ResetSession(ctx)
}

// note remembers that the session did not answer in time.
func (s *session) note(ctx context.Context, err error) {
	if err != nil && (errors.Is(ctx.Err(), context.DeadlineExceeded) || pgconn.Timeout(err)) {
		s.connector.doubts.Add(1)
	}
}

// ExecContext runs a statement.
func (s *session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.Conn.ExecContext(ctx, query, args)
	s.note(ctx, err)
	return result, err
}

// QueryContext runs a query.
func (s *session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.Conn.QueryContext(ctx, query, args)
	s.note(ctx, err)
	return rows, err
}

// BeginTx begins a transaction that ends with ctx.
func (s *session) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	inner, err := s.Conn.BeginTx(ctx, o)
	if err != nil {
		s.note(ctx, err)
		return nil, err
	}
	return &transaction{Tx: inner, ctx: ctx, session: s, began: time.Now()}, nil
}

// transaction commits before its deadline or not at all.
type transaction struct {
	driver.Tx
	ctx     context.Context //nolint:containedctx // driver.Tx takes none, and this one ends the transaction
	session *session
	began   time.Time // not before the database began it
}

// tooLate is what the database answers when the deadline has passed: the check
// divides by zero.
const tooLate = "22012"

// Commit asks the database to commit, if it is not too late by the database's own
// clock: what waits in the socket of a database that hangs is not carried out
// when it goes on, long after somebody was told that it failed. Both clocks count
// from the begin, so they need not agree.
func (t *transaction) Commit() error {
	text := "COMMIT"
	if until, ok := t.ctx.Deadline(); ok {
		text = fmt.Sprintf("SELECT 1 / CASE WHEN clock_timestamp() < transaction_timestamp() + interval '%d microseconds' THEN 1 ELSE 0 END; COMMIT",
			max(0, until.Sub(t.began).Microseconds()))
	}
	conn := t.session.Conn.Conn().PgConn()
	if conn.IsClosed() {
		return pgconn.ErrConnClosed // nothing can be sent
	}
	results, err := conn.Exec(t.ctx, text).ReadAll()
	t.session.note(t.ctx, err)
	var refused *pgconn.PgError
	switch {
	case err == nil:
		if results[len(results)-1].CommandTag.String() == "ROLLBACK" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	case errors.As(err, &refused) && refused.Severity == "ERROR":
		t.end(conn)
		if refused.Code == tooLate {
			return fmt.Errorf("the database came to it too late: %w", context.DeadlineExceeded)
		}
		return err
	case pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed): // nothing of it was sent
		return err
	}
	// A connection that is cut while the answer is read is "closed", too, and pgx calls
	// that safe to retry; but the commit was on its way.
	return fmt.Errorf("%w: %w", store.ErrOutcome, err)
}

// end rolls back what was refused at its commit, or closes the connection.
func (t *transaction) end(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), endedWithin)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		_ = conn.Close(ctx) // in whatever state it is
	}
}

var (
	_ driver.SessionResetter    = (*session)(nil)
	_ driver.ExecerContext      = (*session)(nil)
	_ driver.QueryerContext     = (*session)(nil)
	_ driver.ConnBeginTx        = (*session)(nil)
	_ driver.ConnPrepareContext = (*session)(nil)
	_ driver.NamedValueChecker  = (*session)(nil)
)
