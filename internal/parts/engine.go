package parts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/moby/moby/client"
)

// Engine is a Docker Engine of our own, beside any other on the machine: its own
// containerd, socket and directories, no network bridge, no firewall rules.
// Containers have a loopback interface only.
type Engine struct {
	Host string // unix:///…/docker.sock

	dir        string
	bin        string
	bridged    bool
	containerd *daemon
	dockerd    *daemon
}

// StartEngine starts an engine whose files are all in dir (see NewDir: dir must be
// short, because the paths of sockets are limited to 107 bytes). Programs in bin,
// if it is given, come before the system's.
func StartEngine(ctx context.Context, dir, bin string) (*Engine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a Docker Engine needs root")
	}
	e := &Engine{Host: "unix://" + filepath.Join(dir, "docker.sock"), dir: dir, bin: bin}
	if err := e.Start(ctx); err != nil {
		e.Stop(ctx)
		return nil, err
	}
	return e, nil
}

// StartBridgedEngine starts an engine with bridges and firewall rules, as a machine
// has it. It changes the network that it runs in: give it a namespace of its own.
func StartBridgedEngine(ctx context.Context, dir, bin string) (*Engine, error) {
	e := &Engine{Host: "unix://" + filepath.Join(dir, "docker.sock"), dir: dir, bin: bin, bridged: true}
	if err := e.Start(ctx); err != nil {
		e.Stop(ctx)
		return nil, err
	}
	return e, nil
}

// Start starts what does not run of a killed engine, at the same address and with
// the same images and containers.
func (e *Engine) Start(ctx context.Context) error {
	if e.containerd == nil {
		if err := e.startContainerd(ctx); err != nil {
			return err
		}
	}
	return e.startDockerd(ctx)
}

func (e *Engine) startContainerd(ctx context.Context) error {
	path, err := find("containerd", e.bin)
	if err != nil {
		return err
	}
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n",
		e.in("containerd"), e.in("containerd-state"), e.in("containerd.sock"))
	if err := os.WriteFile(e.in("containerd.toml"), []byte(config), 0o600); err != nil {
		return err
	}
	e.containerd, err = command{
		path: path, args: []string{"--config", e.in("containerd.toml")},
		bin: e.bin, dir: e.dir, log: e.in("containerd.log"),
	}.start(ctx)
	if err != nil {
		return err
	}
	return e.containerd.ready(ctx, func(context.Context) error {
		_, err := os.Stat(e.in("containerd.sock"))
		return err
	})
}

func (e *Engine) startDockerd(ctx context.Context) error {
	path, err := find("dockerd", e.bin)
	if err != nil {
		return err
	}
	// The machine's own daemon.json is about the machine's own engine.
	if err := os.WriteFile(e.in("daemon.json"), []byte("{}\n"), 0o600); err != nil {
		return err
	}
	// A pid file left by SIGKILL names a process that may by now be another.
	if err := os.Remove(e.in("docker.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	network := []string{"--bridge", "none", "--iptables=false", "--ip-forward=false"}
	if e.bridged {
		network = nil
	}
	e.dockerd, err = command{
		path: path,
		args: append([]string{
			"--config-file", e.in("daemon.json"), "--containerd", e.in("containerd.sock"),
			"--host", e.Host, "--data-root", e.in("docker"), "--exec-root", e.in("docker-exec"),
			"--pidfile", e.in("docker.pid"),
		}, network...),
		bin: e.bin, dir: e.dir, log: e.in("dockerd.log"),
	}.start(ctx)
	if err != nil {
		return err
	}
	return e.dockerd.ready(ctx, func(ctx context.Context) error { return Answers(ctx, e.Host) })
}

// Kill ends the engine as a crash would. Its containers keep running, as they do
// beside any engine that crashes, until Start.
func (e *Engine) Kill() {
	e.dockerd.kill()
	e.dockerd = nil
}

// Stop removes the engine's containers and networks, and ends it. What is left of
// a killed engine goes with its directory: see Dir.Remove.
func (e *Engine) Stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if e.dockerd != nil {
		clearOut(ctx, e.Host)
	}
	e.dockerd.stop(syscall.SIGTERM)
	e.containerd.stop(syscall.SIGTERM)
	e.dockerd, e.containerd = nil, nil
}

func (e *Engine) in(name string) string { return filepath.Join(e.dir, name) }

// clearOut removes containers and networks: the bridges of networks would outlive the
// engine. Errors do not matter: the engine may be half dead, and Dir.Remove follows.
func clearOut(ctx context.Context, host string) {
	docker, err := client.New(client.WithHost(host))
	if err != nil {
		return
	}
	defer func() { _ = docker.Close() }()
	list, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return
	}
	for _, c := range list.Items {
		_, _ = docker.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	}
	_, _ = docker.NetworkPrune(ctx, client.NetworkPruneOptions{})
}

// Answers reports, as an error, why no Docker Engine answers at host. With an
// empty host it asks where DOCKER_HOST says, or at the usual socket.
func Answers(ctx context.Context, host string) error {
	options := []client.Opt{client.FromEnv}
	if host != "" {
		options = []client.Opt{client.WithHost(host)}
	}
	docker, err := client.New(options...)
	if err != nil {
		return err
	}
	defer func() { _ = docker.Close() }()
	_, err = docker.Ping(ctx, client.PingOptions{})
	return err
}
