package store

import (
	"context"
	"database/sql"
	"sync"
)

// prepared keeps the statements of one pool compiled. SQLite compiles in this
// process, at several times the price of running a short query. A nil prepared
// keeps nothing: pgx has a cache of its own.
type prepared struct {
	pool *sql.DB
	mu   sync.RWMutex
	kept map[string]compiled
}

// compiled is a statement that stays open as long as its pool.
type compiled interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// preparedMost bounds what is kept. The texts are few (one for each combination
// of filters and page size that is in use); what comes beyond is compiled anew.
const preparedMost = 512

func newPrepared(pool *sql.DB, wanted bool) *prepared {
	if !wanted {
		return nil
	}
	return &prepared{pool: pool, kept: make(map[string]compiled)}
}

// find returns the compiled query, nil if there is none.
func (p *prepared) find(query string) compiled {
	if p == nil {
		return nil
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.kept[query]
}

// keep compiles a query for the next time. It is no loss if that fails now: the
// query runs uncompiled, and whatever is wrong with it is said there.
func (p *prepared) keep(ctx context.Context, query string) compiled {
	if p == nil || p.full() {
		return nil
	}
	// Not under the lock: compiling waits for a connection, and who has the
	// connection may wait for the lock.
	s, err := p.pool.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.kept[query]; first != nil {
		defer func() { _ = s.Close() }() // somebody else was faster; nothing runs in ours
		return first
	}
	p.kept[query] = s
	return s
}

func (p *prepared) full() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.kept) >= preparedMost
}

// reader is the reading pool with its compiled statements.
type reader struct {
	pool     *sql.DB
	prepared *prepared
	local    bool
}

func (r reader) compiled(ctx context.Context, query string) compiled {
	if s := r.prepared.find(query); s != nil {
		return s
	}
	return r.prepared.keep(ctx, query)
}

func (r reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := r.compiled(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return r.pool.QueryContext(ctx, query, args...)
}

// QueryRowContext reads one row. A database in this process has read it before
// anybody could want it no more: watching for that would cost two goroutines,
// which is more than the read. One beyond a network may hang.
func (r reader) QueryRowContext(ctx context.Context, query string, args ...any) scanner {
	if !r.local {
		ctx, cancel := bounded(ctx)
		return boundedRow{r.pool.QueryRowContext(ctx, query, args...), cancel}
	}
	if ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	if s := r.compiled(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return r.pool.QueryRowContext(ctx, query, args...)
}

// boundedRow is a row that is over when it was read.
type boundedRow struct {
	*sql.Row
	over context.CancelFunc
}

// Scan reads the row.
func (r boundedRow) Scan(dest ...any) error {
	defer r.over()
	return r.Row.Scan(dest...)
}
