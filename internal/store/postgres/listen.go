package postgres

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

const channel = "pullpass_changes"

// listener hears what other servers change, on a connection of its own.
type listener struct {
	config *pgx.ConnConfig
	logger *slog.Logger
}

// Listen calls heard for each notification until ctx ends. After each connection
// it calls missed: PostgreSQL keeps nothing for a server that was not listening.
func (l *listener) Listen(ctx context.Context, heard func(string), missed func()) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 5*time.Second
	for ctx.Err() == nil {
		err := l.listen(ctx, heard, func() { wait.Reset(); missed() })
		if ctx.Err() != nil {
			return
		}
		l.logger.Warn("lost the connection that hears changes of other servers; connecting again", "error", err)
		timer := time.NewTimer(wait.NextBackOff())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (l *listener) listen(ctx context.Context, heard func(string), connected func()) error {
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // it is of no use any more, in whatever state
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	connected()
	for {
		n, err := l.next(ctx, conn)
		if err != nil {
			return err
		}
		if n != "" {
			heard(n)
		}
	}
}

// quiet is how long nothing may be heard before the connection is tried: a
// server that vanished without closing it would never be noticed otherwise.
const quiet = 30 * time.Second

func (l *listener) next(ctx context.Context, conn *pgx.Conn) (string, error) {
	waiting, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	switch {
	case err == nil:
		return n.Payload, nil
	case ctx.Err() != nil || waiting.Err() == nil:
		return "", err
	}
	ping, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return "", conn.Ping(ping)
}
