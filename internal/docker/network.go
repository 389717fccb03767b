package docker

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// DefaultNetworks is where the networks of environments are cut from. Docker's own
// pools hold some thirty networks only.
const DefaultNetworks = "10.213.0.0/16"

const (
	networkBits = 27 // 29 containers in each, 2,048 networks in a /16
	// bridgePrefix begins the names of our bridges on the machine: rules of its
	// firewall find them by it. A name has 15 characters at most.
	bridgePrefix = "pp-"
	subnetTries  = 64
)

func networkName(id pullpass.EnvironmentID) string { return "pullpass-" + string(id) }

func bridgeName(id pullpass.EnvironmentID) string {
	sum := sha256.Sum256([]byte(id))
	return bridgePrefix + hex.EncodeToString(sum[:6])
}

// Isolate gives an environment a network of its own, and keeps the machine's metadata
// service from it. The condition says that this could not be done.
func (e *Engine) Isolate(ctx context.Context, id pullpass.EnvironmentID) (*pullpass.Condition, error) {
	if err := e.network(ctx, id); err != nil {
		return nil, err
	}
	return e.metadata.block(ctx, bridgeName(id)), nil
}

// network makes the environment's network unless it is there.
func (e *Engine) network(ctx context.Context, id pullpass.EnvironmentID) error {
	const what = "cannot make the environment's network"
	e.making.Lock() // services of one environment start at the same time
	defer e.making.Unlock()
	there, err := e.client.NetworkInspect(ctx, networkName(id), client.NetworkInspectOptions{})
	switch {
	case err == nil && there.Network.Labels[labelRunner] == string(e.runner):
		return nil
	case err == nil:
		return &pullpass.Error{
			Kind: pullpass.Conflict, Code: runner.CodeNameTaken, What: what,
			Cause: "a network named " + networkName(id) + " is there, and it is not this runner's",
			Hint:  "docker network rm " + networkName(id),
		}
	case !missing(err):
		return e.explain(ctx, what, err)
	}
	for i := range subnetTries {
		_, err = e.client.NetworkCreate(ctx, networkName(id), client.NetworkCreateOptions{
			Driver:  "bridge",
			IPAM:    &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet(e.networks, string(id), i)}}},
			Options: map[string]string{"com.docker.network.bridge.name": bridgeName(id)},
			Labels:  map[string]string{labelRunner: string(e.runner), labelEnvironment: string(id)},
		})
		if err == nil || errdefs.IsConflict(err) {
			return nil
		}
		if again, look := e.client.NetworkInspect(ctx, networkName(id), client.NetworkInspectOptions{}); look == nil && again.Network.Labels[labelRunner] == string(e.runner) {
			return nil // a predecessor's last request was faster
		}
		if !strings.Contains(strings.ToLower(err.Error()), "overlap") {
			break
		}
	}
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: runner.CodeNetworkFailed, What: what, Err: err,
		Hint: "see which networks the machine has: docker network ls; choose another range: pullpass runner --server URL --networks PREFIX",
	}
}

// subnet is one of those that the range holds: the same for the same environment, and
// another one at each try.
func subnet(all netip.Prefix, id string, try int) netip.Prefix {
	sum := sha256.Sum256([]byte(id))
	count := uint32(1) << (networkBits - all.Bits())
	n := (binary.BigEndian.Uint32(sum[:4]) + uint32(try)) % count //nolint:gosec // a few dozen
	base := all.Masked().Addr().As4()
	address := binary.BigEndian.Uint32(base[:]) + n<<(32-networkBits)
	var out [4]byte
	binary.BigEndian.PutUint32(out[:], address)
	return netip.PrefixFrom(netip.AddrFrom4(out), networkBits)
}

// Release removes the environment's network, when its containers are gone.
func (e *Engine) Release(ctx context.Context, id pullpass.EnvironmentID) error {
	const what = "cannot remove the environment's network"
	there, err := e.client.NetworkInspect(ctx, networkName(id), client.NetworkInspectOptions{})
	if missing(err) || (err == nil && there.Network.Labels[labelRunner] != string(e.runner)) {
		return nil
	}
	if err != nil {
		return e.explain(ctx, what, err)
	}
	if _, err = e.client.NetworkRemove(ctx, there.Network.ID, client.NetworkRemoveOptions{}); missing(err) {
		return nil
	}
	return e.explain(ctx, what, err)
}
