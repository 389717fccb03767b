package main

import (
	"context"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/agent"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/docker"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/runner"
)

type runnerRun struct {
	config.Runner
	PlainHTTP bool `name:"plain-http" help:"Allow http to a server on another machine."`
}

func (r *runnerRun) Run(ctx context.Context, t *terminal, read reread) error {
	if err := r.Check(); err != nil {
		return misuseError{err}
	}
	log, level := newLeveledLogger(t.talk, r.Log)
	onHangup(ctx, log, func() error {
		cli, err := read()
		if err != nil {
			return err
		}
		setLevel(level, cli.Runner.Run.Log)
		warnUnread(log, r.Runner, cli.Runner.Run.Runner)
		return nil
	})
	state, err := openRunnerState(r.State)
	if err != nil {
		return err
	}
	defer state.close()
	if err := startable(&r.Runner); err != nil {
		return err
	}
	identity, err := r.identity(ctx, t, state, log)
	if err != nil {
		return err
	}
	return runAgent(ctx, &r.Runner, identity, state, log, r.options()...)
}

// startable refuses what would keep the runner from starting after it has joined: a
// one-time token is not spent for that.
func startable(c *config.Runner) error {
	if err := docker.CheckHost(c.DockerHost); err != nil {
		return err
	}
	if _, err := newHosts(c.Hosts); err != nil {
		return err
	}
	out, err := newEgress(egress.Options{Allow: c.AllowEgress})
	if err != nil {
		return err
	}
	out.Close()
	return nil
}

func (r *runnerRun) options() []client.Option {
	options := []client.Option{ourOptions()}
	if r.PlainHTTP {
		options = append(options, client.WithPlainHTTP())
	}
	return options
}

// runAgent is a runner from its parts; the demo runs one, too.
func runAgent(ctx context.Context, c *config.Runner, id runnerIdentity, state *runnerState, log *slog.Logger, options ...client.Option) error {
	server, err := client.New(c.Server, append(options, client.WithToken(id.Token.Secret()))...)
	if err != nil {
		return err
	}
	engine, err := docker.New(docker.Options{Host: c.DockerHost, Runner: id.Runner, Limits: limitsOf(c), Networks: networksOf(c)})
	if err != nil {
		return err
	}
	defer func() { _ = engine.Close() }()
	mappings, err := newMappings(c, log)
	if err != nil {
		return err
	}
	registries, closeRegistries, err := newRegistries(mappings.Hosts(), c.AllowEgress)
	if err != nil {
		return err
	}
	defer closeRegistries()
	ownHosts, err := newHosts(c.Hosts)
	if err != nil {
		return err
	}
	own, closeOwn, err := newRegistries(ownHosts, c.AllowEgress)
	if err != nil {
		return err
	}
	defer closeOwn()
	keys, err := newGrantKeys(server, id, state.write, log)
	if err != nil {
		return err
	}
	native, err := newNative(c, keys)
	if err != nil {
		return err
	}
	defer native.Close()
	identity := &ownIdentity{native: native, server: server, log: log}
	background, stop := context.WithCancel(ctx)
	var loops sync.WaitGroup
	defer loops.Wait()
	defer stop()
	loops.Go(func() { identity.run(background) })
	loops.Go(func() { keys.run(background) })
	port := serverPort{server, native, mappings, &skew{log: log}}
	bin, err := mountedPrograms(c.State, log)
	if err != nil {
		return err
	}
	sockets, err := agent.New(agent.Options{
		Dir: filepath.Join(c.State, "agents"), Bin: bin, RunnerName: id.Name, Server: insidePort{port}, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() { _ = sockets.Shutdown(context.WithoutCancel(ctx)) }()
	trials, err := newRunnerTrials(c, port, id.Name, log)
	if err != nil {
		return err
	}
	r, err := runner.New(runner.Options{
		ID: id.Runner, Version: version, Server: port, Driver: engine, AWSIdentity: identity.current, Machine: machineName(),
		Resolver: resolver{registries, own, mappings}, Agents: sockets, Trials: trials, Log: log, Parallel: c.Parallel, MaxImage: int64(max(0, c.MaxImage)),
		ImageSpace: int64(max(0, c.ImageSpace)), ImageAge: c.ImageAge,
	})
	if err != nil {
		return err
	}
	log.Info("runner started", "runner", id.Runner, "server", c.Server)
	return r.Run(ctx)
}

func limitsOf(c *config.Runner) docker.Limits {
	return docker.Limits{Processes: c.PidsLimit, Memory: int64(c.MemoryLimit), Log: int64(c.LogLimit)}
}

// networksOf is the zero prefix, which stands for the default, where none is given:
// Check has refused what is not one.
func networksOf(c *config.Runner) netip.Prefix {
	n, _ := netip.ParsePrefix(c.Networks)
	return n
}

// machineName is what this machine calls itself; nothing decides by it.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || len(name) > 253 {
		return "unnamed"
	}
	return name
}

// newMappings are the runner's own host mappings, to which the server's are added.
func newMappings(c *config.Runner, log *slog.Logger) (*runner.Mappings, error) {
	hosts, err := newHosts(c.Hosts)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(c.Server)
	return runner.NewMappings(hosts, err == nil && reference.IsLoopback(at.Hostname()), log), nil
}

// newRegistries makes a registry client.
func newRegistries(hosts *reference.Hosts, allow []string) (*oci.Client, func(), error) {
	out, err := newEgress(egress.Options{Allow: allow})
	if err != nil {
		return nil, nil, err
	}
	registries, err := oci.New(oci.Options{Egress: out, Hosts: hosts, UserAgent: "pullpass/" + version})
	if err != nil {
		out.Close()
		return nil, nil, err
	}
	return registries, out.Close, nil
}

// insidePort asks for the person inside an environment.
type insidePort struct{ serverPort }

func (p insidePort) Credential(ctx context.Context, r runner.CredentialRequest) (pullpass.Credential, error) {
	r.Inside = true
	return p.serverPort.Credential(ctx, r)
}
