package docker

import (
	"context"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass/internal/runner"
)

// Unlimited is a limit that is not set.
const Unlimited = -1

// Limits are what one container may take of the engine's machine. Zero fields get
// defaults; negative ones are unlimited.
type Limits struct {
	Processes int64 // processes and threads; 4,096
	Memory    int64 // bytes, swap included; three quarters of the machine's
	Log       int64 // bytes of output that the engine keeps on disk; 64 MiB
}

const (
	defaultProcesses = 4096
	defaultLog       = 64 << 20
	// logFiles is what a log is split into: when the last one is full, the first one
	// is removed.
	logFiles = 2
)

func (l Limits) orDefaults() Limits {
	if l.Processes == 0 {
		l.Processes = defaultProcesses
	}
	if l.Log == 0 {
		l.Log = defaultLog
	}
	return l
}

// dropped are capabilities that Docker gives to every container and that hardly any
// needs: NET_RAW forges addresses on the network that containers share with the
// machine, MKNOD makes device files.
var dropped = []string{"NET_RAW", "MKNOD"}

// memory is what one container may use: by default not all that the machine has, so
// that a container that takes too much ends before the engine and the runner do.
func (e *Engine) memory(ctx context.Context) (int64, error) {
	if e.limits.Memory != 0 {
		return e.limits.Memory, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.machineMemory == 0 {
		info, err := e.client.Info(ctx, client.InfoOptions{})
		if err != nil {
			return 0, err
		}
		e.machineMemory = info.Info.MemTotal
	}
	return e.machineMemory / 4 * 3, nil
}

func (e *Engine) hostConfig(ctx context.Context, s runner.StartRequest) (*container.HostConfig, error) {
	memory, err := e.memory(ctx)
	if err != nil {
		return nil, err
	}
	h := &container.HostConfig{
		// No restart policy: the runner alone decides what runs.
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		CapDrop:       dropped,
		NetworkMode:   container.NetworkMode(networkName(s.Environment)),
		// A program with the set-user-id bit gives nobody more than the container has.
		SecurityOpt: []string{"no-new-privileges"},
	}
	if n := e.limits.Processes; n > 0 {
		h.PidsLimit = &n
	}
	if memory > 0 {
		h.Memory, h.MemorySwap = memory, memory
	}
	if n := e.limits.Log; n > 0 {
		h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{
			"max-size": strconv.FormatInt(n/logFiles, 10), "max-file": strconv.Itoa(logFiles),
		}}
	}
	for _, m := range s.Mounts {
		// Mounts, unlike binds, are refused when the source is not there.
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	return h, nil
}
