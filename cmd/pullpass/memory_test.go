package main

import (
	"testing"
	"testing/fstest"
)

// The limit follows the control group where there is one, and the machine
// otherwise.
func TestMemoryLimit(t *testing.T) {
	const gib = 1 << 30
	machine := "MemTotal:        8388608 kB\nMemFree:  1 kB\n"
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"nothing is known", nil, 0},
		{"a machine of 8 GiB", map[string]string{"proc/meminfo": machine}, 8 * gib},
		{"a group without a limit", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 8 * gib},
		{"a group of 1 GiB", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "1073741824\n"}, gib},
		{"a group above it of 1 GiB", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "1073741824\n"}, gib},
		{"inside a container, with the host's path", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/docker/x\n",
			"sys/fs/cgroup/memory.max": "1073741824\n"}, gib},
		{"version 1", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "5:cpu,memory:/a\n4:devices:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1073741824\n"}, gib},
		{"version 1 without a limit", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "5:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 8 * gib},
	} {
		root := fstest.MapFS{}
		for name, text := range test.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		got, ok := memoryLimit(root)
		if want := int64(float64(test.want) * memoryShare); got != want || ok != (want != 0) {
			t.Errorf("%s: memoryLimit() = %d, %v, want %d", test.name, got, ok, want)
		}
	}
}
