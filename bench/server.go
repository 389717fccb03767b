package main

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
	"syscall"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// server is a `pullpass server` process of its own, as it would be deployed:
// SQLite, durable, on this machine's disk.
type server struct {
	url   string
	owner *client.Client
	cmd   *exec.Cmd
	done  chan struct{}
}

func startServer(ctx context.Context, s *setting, args ...string) (*server, error) {
	dir, err := os.MkdirTemp(s.dir, "server-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.binary, append([]string{"--json", "server", //nolint:gosec // our own binary
		"--listen=127.0.0.1:0", "--log-level=error", "--data=" + filepath.Join(dir, "data")}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s (make build makes it): %w", s.binary, err)
	}
	srv := &server{cmd: cmd, done: make(chan struct{})}
	var started struct{ URL, Setup string }
	err = json.NewDecoder(bufio.NewReader(out)).Decode(&started)
	go func() {
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		close(srv.done)
	}()
	if err != nil {
		srv.stop()
		return nil, fmt.Errorf("reading where the server answers: %w", err)
	}
	srv.url = started.URL
	if err := srv.setUp(ctx, pullpass.NewSecret(started.Setup)); err != nil {
		srv.stop()
		return nil, err
	}
	return srv, nil
}

func (s *server) setUp(ctx context.Context, token pullpass.Secret) error {
	first, err := client.New(s.url)
	if err != nil {
		return err
	}
	_, owner, err := first.Setup(ctx, token, "bench", "owner")
	if err != nil {
		return err
	}
	s.owner, err = client.New(s.url, client.WithToken(owner), client.WithTransport(transport(16)))
	return err
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
}

// runner makes a runner and returns its token: what it would ask with.
func (s *server) runner(ctx context.Context, name string) (pullpass.Runner, pullpass.Secret, error) {
	made, join, err := s.owner.CreateRunner(ctx, pullpass.Runner{Name: name, Kind: pullpass.RunnerDocker})
	if err != nil {
		return made, pullpass.Secret{}, err
	}
	anyone, err := client.New(s.url)
	if err != nil {
		return made, pullpass.Secret{}, err
	}
	return anyone.Join(ctx, join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "bench"})
}

// transport keeps n connections open.
func transport(n int) *http.Transport {
	return &http.Transport{MaxIdleConns: n, MaxIdleConnsPerHost: n, MaxConnsPerHost: n, IdleConnTimeout: time.Minute}
}

var errNothing = errors.New("nothing was measured")
