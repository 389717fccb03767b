// Package process runs the built pullpass as processes of its own, for tests and
// measurements of what is shipped: real signals, real files, real exit codes.
//
// The one idea: nothing is shared with the process but what a person would have:
// its arguments, its output, and its API.
//
//	srv, err := process.StartServer(ctx, "bin/pullpass", dir)
//	defer srv.Stop()
//	project, err := srv.Owner.CreateProject(ctx, pullpass.Project{Name: "x"})
package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// Server is a `pullpass server` process: SQLite, durable, on this machine's disk,
// unless its arguments say otherwise.
type Server struct {
	URL   string
	Owner *client.Client
	Token pullpass.Secret // the owner's
	Dir   string          // data, key and log lie in it
	*running
	binary string
	args   []string
}

// StartServer starts a server with its data in dir and sets it up.
func StartServer(ctx context.Context, binary, dir string, args ...string) (*Server, error) {
	s := &Server{Dir: dir, binary: binary, args: args}
	setup, err := s.start(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if err := s.setUp(ctx, setup); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// StartReplica starts another server beside s, on the same database and key, which
// args name.
func StartReplica(ctx context.Context, s *Server, dir string, args ...string) (*Server, error) {
	r := &Server{Dir: dir, binary: s.binary, args: args, Token: s.Token}
	if _, err := r.start(ctx, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	var err error
	r.Owner, err = client.New(r.URL, client.WithToken(r.Token), client.WithTransport(KeptAlive(16)))
	return r, err
}

// Restart starts the server again on its data and at its address.
func (s *Server) Restart(ctx context.Context) error {
	_, err := s.start(ctx, strings.TrimPrefix(s.URL, "http://"))
	return err
}

// LogPath is where the server's log goes.
func (s *Server) LogPath() string { return filepath.Join(s.Dir, "server.log") }

func (s *Server) start(ctx context.Context, listen string) (setup pullpass.Secret, err error) {
	log, err := os.OpenFile(s.LogPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return setup, err
	}
	defer func() { _ = log.Close() }()
	args := append([]string{"--json", "server", "--listen=" + listen, "--data=" + filepath.Join(s.Dir, "data")}, s.args...)
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return setup, err
	}
	if s.running, err = begin(cmd); err != nil {
		return setup, err
	}
	var started struct{ URL, Setup string }
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&started); err != nil {
		s.Kill()
		text, _ := os.ReadFile(s.LogPath())
		return setup, fmt.Errorf("the server does not say where it answers: %w\n%s", err, text)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	s.URL = started.URL
	return pullpass.NewSecret(started.Setup), nil
}

func (s *Server) setUp(ctx context.Context, token pullpass.Secret) error {
	authority := os.Getenv("PULLPASS_CA_FILE") // of a server with TLS
	first, err := client.New(s.URL, client.WithCAFile(authority))
	if err != nil {
		return err
	}
	if _, s.Token, err = first.Setup(ctx, token, "process", "owner"); err != nil {
		return err
	}
	options := []client.Option{client.WithToken(s.Token), client.WithCAFile(authority)}
	if authority == "" {
		options = append(options, client.WithTransport(KeptAlive(16)))
	}
	s.Owner, err = client.New(s.URL, options...)
	return err
}

// Join makes a runner and returns its own token: what it would ask with.
func (s *Server) Join(ctx context.Context, name string) (pullpass.Runner, pullpass.Secret, error) {
	_, token, err := s.Owner.CreateRunner(ctx, pullpass.Runner{Name: name, Kind: pullpass.RunnerDocker})
	if err != nil {
		return pullpass.Runner{}, pullpass.Secret{}, err
	}
	anyone, err := client.New(s.URL)
	if err != nil {
		return pullpass.Runner{}, pullpass.Secret{}, err
	}
	return anyone.Join(ctx, token, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "process"})
}

// KeptAlive is a transport that keeps n connections.
func KeptAlive(n int) *http.Transport {
	return &http.Transport{MaxIdleConns: n, MaxIdleConnsPerHost: n, MaxConnsPerHost: n, IdleConnTimeout: time.Minute}
}

// Runner is a `pullpass runner` process.
type Runner struct {
	ID    pullpass.RunnerID
	State string
	*running
	binary string
	args   []string
	log    string
}

// StartRunner adds a runner to the server and starts it beside the engine at
// host, with its state in dir.
func StartRunner(ctx context.Context, s *Server, dir, host string, args ...string) (*Runner, error) {
	made, token, err := s.Owner.CreateRunner(ctx, pullpass.Runner{Name: filepath.Base(dir), Kind: pullpass.RunnerDocker})
	if err != nil {
		return nil, err
	}
	return StartRunnerAs(ctx, s, made.ID, token, dir, host, args...)
}

// StartRunnerAs starts a process as a runner that was added before: with a join
// token, or, without one, with what its state or its arguments say.
func StartRunnerAs(ctx context.Context, s *Server, id pullpass.RunnerID, join pullpass.Secret, dir, host string, args ...string) (*Runner, error) {
	r := &Runner{ID: id, State: dir, binary: s.binary, log: dir + ".log"}
	r.args = append([]string{"runner", "run", "--server=" + s.URL, "--state=" + dir, "--docker-host=" + host}, args...)
	return r, r.start(ctx, join)
}

// Ended waits for the process to end by itself and returns its exit code.
func (r *running) Ended(ctx context.Context) (int, error) {
	select {
	case <-r.done:
		return r.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Restart starts the runner again: it remembers who it is.
func (r *Runner) Restart(ctx context.Context) error { return r.start(ctx, pullpass.Secret{}) }

// LogPath is where the runner's log goes.
func (r *Runner) LogPath() string { return r.log }

func (r *Runner) start(ctx context.Context, join pullpass.Secret) error {
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	args := r.args
	if !join.Empty() {
		args = append(args, "--join-token-file=-")
	}
	cmd := exec.CommandContext(ctx, r.binary, args...)
	cmd.Stderr = log
	cmd.Stdin = strings.NewReader(join.Reveal() + "\n")
	r.running, err = begin(cmd)
	return err
}

// running is a process that was started.
type running struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func begin(cmd *exec.Cmd) (*running, error) {
	cmd.Env = slices.DeleteFunc(os.Environ(), func(setting string) bool {
		return strings.HasPrefix(setting, "PULLPASS_") // the tests' own: a process gets what a person would give it
	})
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s (make build makes it): %w", cmd.Path, err)
	}
	r := &running{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(r.done)
	}()
	return r, nil
}

// PID is the process id.
func (r *running) PID() int { return r.cmd.Process.Pid }

// Stop asks the process to end and waits for it.
func (r *running) Stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	<-r.done
}

// Kill ends the process without asking: SIGKILL.
func (r *running) Kill() {
	_ = r.cmd.Process.Kill()
	<-r.done
}

// Await waits for an environment to reach a phase.
func Await(ctx context.Context, c *client.Client, e pullpass.Environment, phase pullpass.Phase) (pullpass.Environment, error) {
	for e.Phase != phase {
		next, err := c.WaitEnvironment(ctx, e.ID, e.Revision, 10*time.Second)
		if pullpass.IsKind(err, pullpass.NotFound) && phase == pullpass.PhaseDeleted {
			return e, nil
		}
		if err != nil && (ctx.Err() != nil || !pullpass.IsKind(err, pullpass.Unavailable)) {
			return e, errors.Join(err, fmt.Errorf("environment %s is %s: %+v", e.Name, e.Phase, e.Conditions))
		}
		if err == nil {
			e = next
		}
	}
	return e, nil
}
