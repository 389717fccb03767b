package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/agent"
	"github.com/pullpass/pullpass/internal/atomicfile"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/docker"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/runner"
)

type runnerRun struct {
	config.Runner
	PlainHTTP bool `name:"plain-http" help:"Allow http to a server on another machine."`
}

func (r *runnerRun) Run(ctx context.Context, t *terminal) error {
	if err := r.Check(); err != nil {
		return misuseError{err}
	}
	log := newLogger(t.talk, r.Log)
	identity, err := r.identity(ctx, t)
	if err != nil {
		return err
	}
	return runAgent(ctx, &r.Runner, identity, log, r.options()...)
}

func (r *runnerRun) options() []client.Option {
	options := []client.Option{userAgent()}
	if r.PlainHTTP {
		options = append(options, client.WithPlainHTTP())
	}
	return options
}

// runnerIdentity is what a runner remembers: who it is. All else is the engine's
// labels and the server's wanted state.
type runnerIdentity struct {
	Runner pullpass.RunnerID `json:"runner"`
	Name   string            `json:"name"`
	Token  api.Secret        `json:"token"`
}

// identity reads the runner's identity, or joins with the one-time token.
func (r *runnerRun) identity(ctx context.Context, t *terminal) (runnerIdentity, error) {
	path := filepath.Join(r.State, "runner.json")
	var id runnerIdentity
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		if json.Unmarshal(data, &id) != nil {
			return id, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read " + path, Cause: "it is not in the form in which it was written", Hint: "remove it and join again with a new token: pullpass runner add NAME"}
		}
		return id, nil
	case !errors.Is(err, fs.ErrNotExist):
		return id, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the runner's identity", Err: err}
	case r.JoinToken == "":
		return id, misuse("this runner has not joined yet", "pullpass runner add NAME prints a token; give it with --join-token-file - on standard input")
	}
	token, err := readSecret(t, r.JoinToken, "Join token: ")
	if err != nil {
		return id, err
	}
	principal, err := ownPrincipal(ctx, &r.Runner)
	if err != nil {
		return id, err
	}
	if id, err = join(ctx, r.Server, token, principal, r.options()...); err != nil {
		return id, err
	}
	return id, saveIdentity(path, id)
}

// join trades the one-time token for the runner's own; principal is its AWS
// identity, if it has one.
func join(ctx context.Context, server string, token pullpass.Secret, principal string, options ...client.Option) (runnerIdentity, error) {
	c, err := client.New(server, options...)
	if err != nil {
		return runnerIdentity{}, err
	}
	joined, own, err := c.Join(ctx, token, pullpass.RunnerDocker, pullpass.RunnerReport{Version: version, AWSIdentity: principal})
	if err != nil {
		return runnerIdentity{}, err
	}
	return runnerIdentity{Runner: joined.ID, Name: joined.Name, Token: api.NewSecret(own)}, nil
}

func saveIdentity(path string, id runnerIdentity) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keeping the runner's identity: %w", err)
	}
	if err := atomicfile.Write(path, data, 0o600); err != nil {
		return fmt.Errorf("keeping the runner's identity: %w", err)
	}
	return nil
}

// runAgent is a runner from its parts; the demo runs one, too.
func runAgent(ctx context.Context, c *config.Runner, id runnerIdentity, log *slog.Logger, options ...client.Option) error {
	server, err := client.New(c.Server, append(options, client.WithToken(id.Token.Secret()))...)
	if err != nil {
		return err
	}
	engine, err := docker.New(docker.Options{Host: c.DockerHost, Runner: id.Runner, Limits: limitsOf(c), Networks: networksOf(c)})
	if err != nil {
		return err
	}
	defer func() { _ = engine.Close() }()
	registries, closeRegistries, err := newRegistries(c.Hosts, c.AllowEgress)
	if err != nil {
		return err
	}
	defer closeRegistries()
	native, err := newNative(c, server, id)
	if err != nil {
		return err
	}
	defer native.Close()
	port := serverPort{server, native}
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
	trials, err := newRunnerTrials(c, port, id.Name)
	if err != nil {
		return err
	}
	r, err := runner.New(runner.Options{
		ID: id.Runner, Version: version, Server: port, Driver: engine, AWSIdentity: native.Identity,
		Resolver: resolver{registries}, Agents: sockets, Trials: trials, Log: log, Parallel: c.Parallel, MaxImage: int64(max(0, c.MaxImage)),
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

// newRegistries makes the registry client of a process.
func newRegistries(mappings, allow []string) (*oci.Client, func(), error) {
	hosts, err := newHosts(mappings)
	if err != nil {
		return nil, nil, err
	}
	out, err := egress.New(egress.Options{Allow: allow})
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
