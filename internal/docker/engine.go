package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// DefaultHost is where an engine listens if nobody says otherwise.
const DefaultHost = "unix:///var/run/docker.sock"

// Options say which engine, and for whom.
type Options struct {
	Host   string // unix:///var/run/docker.sock if empty; only a socket of this machine will do
	Runner pullpass.RunnerID
	Limits Limits
	// Networks is the range that environments' networks are cut from, a /27 each;
	// DefaultNetworks if it is not given.
	Networks netip.Prefix
}

// Engine is a Docker Engine as the place where one runner's containers run.
type Engine struct {
	client *client.Client
	socket string
	runner pullpass.RunnerID
	limits Limits

	networks netip.Prefix
	metadata metadata
	making   sync.Mutex // a network

	mu            sync.Mutex
	machineMemory int64 // what the engine's machine has; 0: not asked yet
}

var _ runner.Driver = (*Engine)(nil)

// CheckHost refuses an engine that New refuses for its address.
func CheckHost(host string) error {
	if host != "" && !strings.HasPrefix(host, "unix://") {
		return remote(host)
	}
	return nil
}

// New returns the engine at o.Host without asking it anything. An engine on another
// machine is refused: the agent socket of an environment is a directory of this
// machine, and could not be mounted there.
func New(o Options) (*Engine, error) {
	if o.Runner == "" {
		return nil, errors.New("docker: a runner id is needed: it labels every container")
	}
	if o.Host == "" {
		o.Host = DefaultHost
	}
	if err := CheckHost(o.Host); err != nil {
		return nil, err
	}
	socket := strings.TrimPrefix(o.Host, "unix://")
	if !o.Networks.IsValid() {
		o.Networks = netip.MustParsePrefix(DefaultNetworks)
	}
	if !o.Networks.Addr().Is4() || o.Networks.Bits() > networkBits {
		return nil, fmt.Errorf("docker: the range of networks is IPv4 and at least a /%d", networkBits)
	}
	c, err := client.New(client.WithHost(o.Host), client.WithUserAgent("pullpass-runner"))
	if err != nil {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: runner.CodeEngineMissing, What: "cannot use DOCKER_HOST", Err: err,
			Hint: "set DOCKER_HOST=" + DefaultHost,
		}
	}
	return &Engine{client: c, socket: socket, runner: o.Runner, limits: o.Limits.orDefaults(), networks: o.Networks}, nil
}

// Close ends idle connections to the engine.
func (e *Engine) Close() error { return e.client.Close() }

// Info asks the engine who it is.
func (e *Engine) Info(ctx context.Context) (runner.Info, error) {
	const what = "cannot use the Docker Engine"
	if _, err := e.client.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return runner.Info{}, e.explain(ctx, what, err)
	}
	v, err := e.client.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return runner.Info{}, e.explain(ctx, what, err)
	}
	if v.Os != "linux" {
		return runner.Info{}, &pullpass.Error{
			Kind: pullpass.Invalid, Code: runner.CodeEngineMissing, What: what,
			Cause: fmt.Sprintf("it runs %s containers", v.Os), Hint: "switch the engine to Linux containers",
		}
	}
	return runner.Info{
		Version: v.Version, API: e.client.ClientVersion(),
		Capabilities: []string{"docker", v.Os + "/" + v.Arch},
	}, nil
}

// Stop ends a container, by force after grace.
func (e *Engine) Stop(ctx context.Context, a runner.Actual, grace time.Duration) error {
	seconds := int((grace + time.Second - 1) / time.Second)
	_, err := e.client.ContainerStop(ctx, a.ID, client.ContainerStopOptions{Timeout: &seconds})
	if missing(err) {
		return nil
	}
	return e.explain(ctx, "cannot stop container "+short(a.ID), err)
}

// Remove ends and deletes a container, with the volumes that it alone has.
func (e *Engine) Remove(ctx context.Context, a runner.Actual) error {
	_, err := e.client.ContainerRemove(ctx, a.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if missing(err) || removing(err) {
		return nil
	}
	return e.explain(ctx, "cannot remove container "+short(a.ID), err)
}

func short(id string) string { return id[:min(len(id), 12)] }
