package parts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
	pollEvery    = 25 * time.Millisecond
	logTail      = 4096 // bytes of a daemon's log in an error
)

// daemon is a process of ours with its log in a file.
type daemon struct {
	name    string
	log     string
	process *os.Process
	gone    chan struct{} // closed when the process has exited
}

// command says how to start a daemon.
type command struct {
	path string
	args []string
	bin  string // a directory to put first in PATH, if any
	dir  string
	log  string
	as   *account // nil: as ourselves
}

// start starts a daemon that outlives ctx: only stop and kill end it. It gets a
// process group of its own, so that Ctrl-C at the terminal reaches us first.
func (c command) start(ctx context.Context) (*daemon, error) {
	name := filepath.Base(c.path)
	log, err := os.OpenFile(c.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own copy
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.path, c.args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + daemonPath(c.bin), "HOME=" + c.dir} // nothing of ours is inherited
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownGroup(c.as)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	d := &daemon{name: name, log: c.log, process: cmd.Process, gone: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(d.gone)
	}()
	return d, nil
}

// daemonPath puts bin first: a dockerd of another version comes with the runc that
// it needs beside it.
func daemonPath(bin string) string {
	dirs := systemDirs
	if bin != "" {
		dirs = append([]string{bin}, dirs...)
	}
	return strings.Join(dirs, ":")
}

// ready waits until the probe succeeds. A daemon that exits or takes too long is
// an error with the end of its log.
func (d *daemon) ready(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.gone:
			return fmt.Errorf("%s exited before it was ready; the end of its log:\n%s", d.name, d.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; the end of its log:\n%s", d.name, errors.Join(ctx.Err(), err), d.tail())
		case <-tick.C:
		}
	}
}

// tail returns the end of the daemon's log.
func (d *daemon) tail() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	if len(text) > logTail {
		text = text[len(text)-logTail:]
	}
	return string(bytes.TrimSpace(text))
}

// stop asks the daemon to end with sig, and ends it with SIGKILL when it does not.
func (d *daemon) stop(sig syscall.Signal) {
	if d == nil {
		return
	}
	_ = d.process.Signal(sig) // an error means that it has ended already
	select {
	case <-d.gone:
	case <-time.After(stopTimeout):
		d.kill()
	}
}

// kill ends the daemon the hard way and waits until it is gone.
func (d *daemon) kill() {
	if d == nil {
		return
	}
	_ = d.process.Kill()
	<-d.gone
}

// freeAddress returns a loopback address on which nothing listens now. Something
// else can take it before we do: callers try more than once.
func freeAddress(ctx context.Context) (host, port string, err error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer func() { _ = l.Close() }()
	return net.SplitHostPort(l.Addr().String())
}

// attempts is how often a daemon that lost its port to someone else is started anew.
const attempts = 3
