package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// orphanCheck is how often we look whether who started us is still there.
const orphanCheck = time.Second

// grace is what the command has to end in after the first signal.
const grace = 30 * time.Second

// child is the command that the parts are for.
type child struct {
	args []string
	// group: signal the command's whole process group (`go test` does not pass
	// signals on to test binaries). At a terminal it shares our group instead, so
	// that it can read from it, and the terminal signals us all.
	group bool

	mu      sync.Mutex
	process *os.Process
	stopped bool
}

func newChild(args []string) *child {
	return &child{args: args, group: !term.IsTerminal(int(os.Stdin.Fd()))}
}

// obey passes signals on to the command, and takes the death of our parent for one:
// `go run`, killed, does not tell us. A command that does not end after the first
// signal is killed after a while, or at the third.
func (c *child) obey(signals <-chan os.Signal, interrupt func()) {
	parent, tick := os.Getppid(), time.NewTicker(orphanCheck)
	defer tick.Stop()
	var patience <-chan time.Time // starts at the first signal
	for received := 0; ; {
		sig := syscall.SIGTERM
		select {
		case s := <-signals:
			sig, _ = s.(syscall.Signal)
		case <-patience:
			received, patience = 2, nil
		case <-tick.C:
			if os.Getppid() == parent {
				continue
			}
			parent = os.Getppid()
		}
		if received++; received > 2 {
			sig = syscall.SIGKILL
		} else if received == 1 {
			patience = time.After(grace)
		}
		interrupt()
		if c.group || sig != syscall.SIGINT {
			c.signal(sig)
		}
	}
}

// signal signals the command, and keeps it from starting if it does not run yet.
func (c *child) signal(sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.process == nil {
		return
	}
	pid := c.process.Pid
	if c.group {
		pid = -pid
	}
	_ = syscall.Kill(pid, sig) // an error means that it has ended already
}

// run runs the command to its end and returns its exit code, as a shell would: 128
// and the signal's number for a command that a signal ended.
func (c *child) run(ctx context.Context, env []string) (int, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.args[0], c.args[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: c.group}
	if err := c.start(cmd); err != nil {
		return 1, err
	}
	err := cmd.Wait()
	c.mu.Lock()
	c.process = nil // its pid may be another's from now on
	c.mu.Unlock()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), fmt.Errorf("%s: %w", c.args[0], err)
	}
	return exit.ExitCode(), nil
}

func (c *child) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return errors.New("interrupted before the command started")
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.process = cmd.Process
	return nil
}
