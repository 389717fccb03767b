package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pullpass/pullpass"
)

// What one environment may use of the runner. A program inside that asks for more
// waits, or is told to come later; other environments do not notice.
const (
	maxConnections = 16
	maxBody        = 8 << 10
	maxHeader      = 8 << 10
	perSecond      = 10 // credentials
	burst          = 20
	answerWithin   = 30 * time.Second
)

// socket is one environment's.
type socket struct {
	path   string
	file   os.FileInfo // of the socket that we made at path
	server *http.Server
	done   chan struct{} // closed when nothing is accepted any more
	limit  *rate.Limiter

	mu          sync.Mutex
	environment pullpass.Environment
}

// listen makes the directory and the socket. A new socket takes the old one's place
// in one step, so that there is no moment without.
func (s *Sockets) listen(ctx context.Context, id pullpass.EnvironmentID) (*socket, error) {
	dir := s.dir(id)
	// Bin is mounted below a directory that containers cannot write to, so the place
	// for it has to be there. The modes are for whoever the container runs as.
	for _, d := range []string{dir, filepath.Join(dir, "bin")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
		if err := os.Chmod(d, 0o755); err != nil { //nolint:gosec // its parent is closed to others on the host
			return nil, err
		}
	}
	path, fresh := filepath.Join(dir, Socket), filepath.Join(dir, "agent.new")
	if answers(ctx, path) {
		return nil, &pullpass.Error{
			Kind: pullpass.Conflict, Code: "runner_running_already",
			What:  "cannot open the agent socket of " + string(id),
			Cause: "another process answers there: a runner with the same state directory",
			Hint:  "stop the other runner, or give this one its own --state",
		}
	}
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", fresh)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by then another's may have its place
	k := &socket{path: path, limit: rate.NewLimiter(perSecond, burst), done: make(chan struct{})}
	if err := k.settle(fresh); err != nil {
		_ = l.Close()
		return nil, err
	}
	k.server = &http.Server{
		Handler:           s.routes(k),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      answerWithin + 5*time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(k.done)
		if err := k.server.Serve(atMost(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("an agent socket failed", "environment", id, "error", err)
		}
	}()
	return k, nil
}

// settle puts the new socket where containers look for it.
func (k *socket) settle(fresh string) error {
	if err := os.Chmod(fresh, 0o666); err != nil { //nolint:gosec // any user of the container may connect; the host's cannot reach it
		return err
	}
	if err := os.Rename(fresh, k.path); err != nil {
		return err
	}
	var err error
	k.file, err = os.Lstat(k.path)
	return err
}

// stands reports whether the socket still accepts, at its place.
func (k *socket) stands() bool {
	select {
	case <-k.done:
		return false
	default:
	}
	file, err := os.Lstat(k.path)
	return err == nil && os.SameFile(file, k.file)
}

func (k *socket) know(e pullpass.Environment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.environment = e
}

func (k *socket) knows() pullpass.Environment {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.environment
}

func (k *socket) close() {
	_ = k.server.Close()
	<-k.done
}

func (k *socket) shutdown(ctx context.Context) error {
	err := k.server.Shutdown(ctx)
	if err != nil {
		_ = k.server.Close()
		err = fmt.Errorf("ending agent socket %s: %w", k.path, err)
	}
	<-k.done
	return err
}

// answers reports whether a process listens at path; a socket without one is what a
// runner that died has left.
func answers(ctx context.Context, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// atMost makes a listener that accepts the next connection when fewer than n are
// open; those that wait are in the kernel's queue.
func atMost(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	slots  chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type slotted struct {
	net.Conn
	release func()
}

func (s *slotted) Close() error {
	err := s.Conn.Close()
	s.release()
	return err
}
