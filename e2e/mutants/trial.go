package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A run of tests ends after grace and slack times what it takes without a mutant.
// memory bounds its address space in KiB: some mutants allocate for ever.
const (
	grace  = 20 * time.Second
	slack  = 6
	memory = 12 << 20
	quick  = 300 * time.Millisecond
)

// trial runs the tests of a target against its mutants.
type trial struct {
	target  target
	codes   []*code
	work    string
	workers int

	binaries map[string]string // by directory of the tests
	tests    []*test
}

// test is one test function, with what it takes and which mutants it reaches.
type test struct {
	dir     string
	name    string
	took    time.Duration
	reaches map[int]bool
}

// run tries every mutant that has no status yet.
func (t *trial) run(ctx context.Context, mutants []*mutant) error {
	if err := t.buildAll(ctx, mutants); err != nil {
		return err
	}
	if err := t.measure(ctx); err != nil {
		return err
	}
	work := make(chan *mutant)
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range t.workers {
		wait.Go(func() {
			for m := range work {
				err := t.try(ctx, m)
				if m.status == lived || m.status == notCovered {
					fmt.Fprintln(os.Stderr, m) // as it is found: a run takes long
				}
				if err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	for i, m := range mutants {
		if m.status == "" && ctx.Err() == nil {
			work <- m
		}
		if i%50 == 49 {
			fmt.Fprintf(os.Stderr, "%s: %d of %d\n", t.target.name, i+1, len(mutants))
		}
	}
	close(work)
	wait.Wait()
	return errors.Join(failed, ctx.Err())
}

// buildAll builds the test binaries with all mutants in them. What the compiler
// refuses there goes into a binary of its own.
func (t *trial) buildAll(ctx context.Context, mutants []*mutant) error {
	for {
		changed := map[string][]byte{}
		for _, c := range t.codes {
			for name := range c.files {
				var here []*mutant
				for _, m := range mutants {
					if m.file == name && m.status == "" && !m.apart {
						here = append(here, m)
					}
				}
				changed[name] = c.instrument(name, here)
			}
			highest := 0
			for _, m := range mutants {
				highest = max(highest, m.id)
			}
			packageName := ""
			for _, f := range c.files {
				packageName = f.tree.Name.Name
			}
			changed[filepath.Join(c.dir, "mutant_support.go")] = fmt.Appendf(nil, support, packageName, highest+1)
		}
		t.binaries = map[string]string{}
		output, err := t.build(ctx, "all", changed, t.binaries)
		if err == nil {
			return nil
		}
		if !setApart(output, mutants, t.codes) {
			return fmt.Errorf("building with mutants: %w\n%s", err, output)
		}
	}
}

// compileError is a line of the compiler's output.
var compileError = regexp.MustCompile(`(?m)^(internal/\S+\.go):(\d+):`)

// setApart takes the mutants out on whose lines the compiler found something, and
// says whether there were any.
func setApart(output string, mutants []*mutant, codes []*code) bool {
	some := false
	for _, e := range compileError.FindAllStringSubmatch(output, -1) {
		line, _ := strconv.Atoi(e[2])
		for _, m := range mutants {
			if m.file != e[1] || m.apart || m.status != "" {
				continue
			}
			for _, c := range codes {
				if c.files[m.file] == nil {
					continue
				}
				from, to := c.set.Position(m.node.Pos()).Line, c.set.Position(m.node.End()).Line
				if from <= line && line <= to {
					m.apart, some = true, true
				}
			}
		}
	}
	return some
}

// build builds the target's test binaries with changed files and returns the
// compiler's output.
func (t *trial) build(ctx context.Context, label string, changed map[string][]byte, binaries map[string]string) (string, error) {
	dir := filepath.Join(t.work, label)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range changed {
		path := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, name)] = path
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, text, 0o644); err != nil {
		return "", err
	}
	for _, tests := range t.target.tests {
		binary := filepath.Join(dir, strings.ReplaceAll(tests, "/", "_")+".test")
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-gcflags=-e", "-ldflags=-s -w",
			"-overlay", overlayFile, "-o", binary, "./internal/"+tests)
		if output, err := cmd.CombinedOutput(); err != nil {
			return string(output), err
		}
		binaries[tests] = binary
	}
	return "", nil
}

// measure runs each test alone, without a mutant: how long it takes, and which
// mutants it reaches.
func (t *trial) measure(ctx context.Context) error {
	for dir, binary := range t.binaries {
		output, err := t.command(ctx, dir, binary, "-test.list", ".").Output()
		if err != nil {
			return fmt.Errorf("listing the tests of %s: %w", dir, err)
		}
		for name := range strings.FieldsSeq(string(output)) {
			if !strings.HasPrefix(name, "Benchmark") {
				t.tests = append(t.tests, &test{dir: dir, name: name, reaches: map[int]bool{}})
			}
		}
	}
	for i, x := range t.tests {
		file := filepath.Join(t.work, fmt.Sprintf("reached-%d", i))
		cmd := t.command(ctx, x.dir, t.binaries[x.dir], "-test.run", "^"+x.name+"$")
		cmd.Env = append(cmd.Env, "MUTANT_REACHED="+file)
		started := time.Now()
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s fails without a mutant: %w\n%s", x.dir, x.name, err, output)
		}
		x.took = time.Since(started)
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for number := range strings.FieldsSeq(string(text)) {
			id, _ := strconv.Atoi(number)
			x.reaches[id] = true
		}
	}
	slices.SortFunc(t.tests, func(a, b *test) int { return int(a.took - b.took) })
	return nil
}

// try runs the tests that reach a mutant, the quick ones together and first.
func (t *trial) try(ctx context.Context, m *mutant) error {
	binaries, tests := t.binaries, t.tests
	if m.apart {
		label := fmt.Sprintf("apart-%d", m.id)
		defer func() { _ = os.RemoveAll(filepath.Join(t.work, label)) }()
		binaries = map[string]string{}
		for _, c := range t.codes {
			if c.files[m.file] != nil {
				if _, err := t.build(ctx, label, map[string][]byte{m.file: c.alone(m)}, binaries); err != nil {
					m.status = notViable
					return ctx.Err()
				}
			}
		}
	} else {
		tests = slices.DeleteFunc(slices.Clone(tests), func(x *test) bool { return !x.reaches[m.id] })
	}
	m.status = notCovered
	for len(tests) > 0 {
		batch := tests[:1]
		for len(batch) < len(tests) && tests[len(batch)].took < quick && tests[len(batch)].dir == batch[0].dir {
			batch = tests[:len(batch)+1]
		}
		tests = tests[len(batch):]
		if m.status = t.runTests(ctx, m, binaries, batch); m.status != lived {
			break
		}
	}
	return ctx.Err()
}

// runTests runs a batch of tests of one directory against a mutant.
func (t *trial) runTests(ctx context.Context, m *mutant, binaries map[string]string, batch []*test) status {
	limit := grace
	names := make([]string, len(batch))
	for i, x := range batch {
		names[i] = x.name
		limit += slack * x.took
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := t.command(ctx, batch[0].dir, binaries[batch[0].dir],
		"-test.failfast", "-test.run", "^("+strings.Join(names, "|")+")$")
	cmd.Env = append(cmd.Env, fmt.Sprintf("MUTANT=%d", m.id))
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return timedOut
	case err != nil:
		return killed
	}
	return lived
}

// command prepares a test binary: in its package's directory, with a temporary
// directory and a home of its own, bounded memory, in a group that ends as one.
func (t *trial) command(ctx context.Context, dir, binary string, args ...string) *exec.Cmd {
	bounded := []string{"-c", fmt.Sprintf(`ulimit -v %d; d=$(mktemp -d "$0/run-XXXXXX") || exit 125; export TMPDIR="$d" HOME="$d"
"$@"; code=$?; rm -rf "$d"; exit $code`, memory), t.work, binary}
	cmd := exec.CommandContext(ctx, "sh", append(bounded, args...)...)
	cmd.Dir = filepath.Join("internal", dir)
	cmd.Env = append(os.Environ(), "GOCACHE="+goEnv("GOCACHE"), "GOMODCACHE="+goEnv("GOMODCACHE"), "GOPATH="+goEnv("GOPATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// goEnv returns one of Go's settings: what a test builds finds its caches, though
// its home is another.
var goEnv = func() func(string) string {
	var mu sync.Mutex
	known := map[string]string{}
	return func(name string) string {
		mu.Lock()
		defer mu.Unlock()
		if known[name] == "" {
			out, err := exec.Command("go", "env", name).Output()
			if err == nil {
				known[name] = string(bytes.TrimSpace(out))
			}
		}
		return known[name]
	}
}()
