package parts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemonNames are the programs that may be ended because a directory of ours
// stands in their arguments; a `tail -f` of a log there is someone reading.
var daemonNames = []string{"containerd", "containerd-shim", "containerd-shim-runc-v2", "docker-registry", "dockerd", "postgres"}

// endDaemons kills the daemons whose arguments name dir, and their descendants
// (the processes in containers), until none is left.
func endDaemons(dir string) error {
	deadline := time.After(stopTimeout)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		pids, err := daemonsIn(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("ending process %d of %s: %w", pid, dir, err)
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("processes %v of %s do not end", pids, dir)
		}
	}
}

// daemonsIn lists the daemons of dir, parents before children.
func daemonsIn(dir string) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	var found []int
	for _, stat := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil {
			continue
		}
		parent, state, ok := readStat(stat)
		if !ok || state == "Z" {
			continue // gone meanwhile, or dead and only waiting to be reaped
		}
		children[parent] = append(children[parent], pid)
		if isDaemonOf(dir, pid) {
			found = append(found, pid)
		}
	}
	for i := 0; i < len(found); i++ {
		for _, child := range children[found[i]] {
			if !slices.Contains(found, child) {
				found = append(found, child)
			}
		}
	}
	return found, nil
}

// readStat reads parent and state of a process. The name before them is in
// parentheses and may hold anything, parentheses too.
func readStat(path string) (parent int, state string, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, "", false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0, "", false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, string(fields[0]), err == nil
}

func isDaemonOf(dir string, pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || pid == os.Getpid() {
		return false
	}
	args := strings.Split(string(text), "\x00")
	return slices.Contains(daemonNames, filepath.Base(args[0])) &&
		slices.ContainsFunc(args[1:], func(arg string) bool { return strings.Contains(arg+"/", dir+"/") })
}

// unmount detaches every mount at or below dir, the innermost first.
func unmount(dir string) error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4]+"/", dir+"/") {
			points = append(points, fields[4])
		}
	}
	for _, point := range slices.Backward(points) {
		err := syscall.Unmount(point, syscall.MNT_DETACH)
		if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("unmounting %s: %w", point, err)
		}
	}
	return nil
}
