package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/pullpass/pullpass/api"
)

// How long each part of a connection may take. None of these ends the work on a
// request: each route's own time does, which is shorter.
const (
	headerWithin   = 10 * time.Second
	bodyWithin     = 15 * time.Second
	unreadWithin   = time.Second // the rest of a body that nobody wants
	readWithin     = writeWithin
	writeWithin    = (api.MaxWait + 30) * time.Second
	idleFor        = 2 * time.Minute
	stopWithin     = 15 * time.Second
	maxHeaderBytes = 16 << 10
)

// Serve answers on l until ctx ends; then long polls answer at once, running
// requests are let finish, and it returns nil.
func Serve(ctx context.Context, l net.Listener, s *Server) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerWithin,
		ReadTimeout:       readWithin,
		WriteTimeout:      writeWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       withConnection,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(&loggedListener{l, s.log}) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.Drain()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err := server.Shutdown(stopping)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(errors.New("some requests did not finish in time"), server.Close())
	}
	if stopped := <-failed; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

// allow gives an answer more time than answers usually have.
func allow(w http.ResponseWriter, d time.Duration) {
	connection, until := http.NewResponseController(w), time.Now().Add(d)
	// Where there is no connection (in tests) there is no deadline either.
	_ = connection.SetReadDeadline(until)
	_ = connection.SetWriteDeadline(until)
}

// loggedListener says why no connection can be accepted: the process has no file
// descriptor left. net/http tries again, and would say so among its chatter only.
type loggedListener struct {
	net.Listener
	log *slog.Logger
}

func (l *loggedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		l.log.Warn("cannot accept connections", "error", err)
	}
	return c, err
}
