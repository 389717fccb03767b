package main

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// memoryShare is how much of the machine's memory the server may fill before it
// collects garbage at any price; the rest is for the kernel and for stacks.
const memoryShare = 0.8

// memoryLimit is what the server should stay below: a share of what its control
// group or its machine has, whichever is less. False: neither says anything.
func memoryLimit(root fs.FS) (bytes int64, ok bool) {
	least := int64(math.MaxInt64)
	for _, n := range append(groupLimits(root), totalMemory(root)) {
		if n > 0 {
			least = min(least, n)
		}
	}
	if least == math.MaxInt64 {
		return 0, false
	}
	return int64(float64(least) * memoryShare), true
}

// totalMemory reads MemTotal, which is in KiB.
func totalMemory(root fs.FS) int64 {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// groupLimits are those of the control groups that this process is in, of both
// versions (https://docs.kernel.org/admin-guide/cgroup-v2.html). Inside a
// container the path may be the host's; then its root is the container's own.
func groupLimits(root fs.FS) []int64 {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	var limits []int64
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var base, file string
		switch {
		case parts[0] == "0":
			base, file = "sys/fs/cgroup", "memory.max"
		case strings.Contains(","+parts[1]+",", ",memory,"):
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			if text, err := fs.ReadFile(root, path.Join(base, at, file)); err == nil {
				n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // "max": none
				limits = append(limits, n)
			}
			if at == "/" {
				break
			}
		}
	}
	return limits
}
