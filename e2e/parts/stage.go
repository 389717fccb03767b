package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pullpass/pullpass/internal/parts"
)

// stage is what stands around the command while it runs.
type stage struct {
	opts  options
	dir   *parts.Dir
	skips string

	mu      sync.Mutex
	env     map[string]string
	stops   []func(context.Context)
	missing []string
}

// part is one thing that tests need and that this command can start.
type part struct {
	name     string
	env      string   // where tests look for it
	packages []string // Debian's packages that it comes from
	start    func(ctx context.Context, s *stage, dir string) (value string, err error)
}

func allParts() []part {
	return []part{
		{"docker", parts.EnvDockerHost, []string{"docker.io"}, startDocker},
		{"postgres", parts.EnvPostgres, []string{"postgresql"}, startPostgres},
		{"registry", parts.EnvRegistry, []string{"docker-registry"}, startRegistry},
		{"clients", "", []string{"skopeo", "podman", "buildah", "awscli", "busybox-static", "git", "amazon-ecr-credential-helper", "strace", "systemd",
			"zsh", "fish", "mandoc"}, nil},
	}
}

func partNames() []string {
	var names []string
	for _, p := range allParts() {
		names = append(names, p.name)
	}
	return names
}

// setUp installs and starts the parts. The stage is to be torn down, error or not.
func setUp(ctx context.Context, opts options) (*stage, error) {
	s := &stage{opts: opts, env: map[string]string{}}
	var wanted []part
	var packages []string
	for _, p := range allParts() {
		if !slices.Contains(opts.only, p.name) || s.given(ctx, p) {
			continue
		}
		wanted = append(wanted, p)
		packages = append(packages, p.packages...)
	}
	if slices.ContainsFunc(wanted, func(p part) bool { return p.name == "docker" }) && opts.engine == currentEngine {
		packages = append(packages, enginePackages...)
	}
	if err := install(ctx, packages, os.Stderr); err != nil {
		return s, err
	}
	var err error
	if s.dir, err = parts.NewDir(); err != nil {
		return s, err
	}
	s.skips = filepath.Join(s.dir.Path, "skips")
	s.set(parts.EnvSkips, s.skips)
	s.startAll(ctx, wanted)
	if err := ctx.Err(); err != nil {
		return s, errors.New("interrupted")
	}
	if parts.Strict() && len(s.missing) > 0 {
		return s, errors.New("CI=true, so a missing part is a failure:\n  " + strings.Join(s.missing, "\n  "))
	}
	return s, nil
}

// given reports whether a part is there already: its variable is set, or, where any
// engine will do, one answers.
func (s *stage) given(ctx context.Context, p part) bool {
	if p.env == "" {
		return false
	}
	if os.Getenv(p.env) != "" {
		return true
	}
	if p.name != "docker" || s.opts.engine != anyEngine || parts.Answers(ctx, "") != nil {
		return false
	}
	s.set(p.env, usualHost())
	return true
}

// startAll starts parts side by side and notes what did not start.
func (s *stage) startAll(ctx context.Context, wanted []part) {
	var group sync.WaitGroup
	for _, p := range wanted {
		if p.start == nil {
			continue
		}
		group.Go(func() {
			dir, err := s.dir.Sub(p.name)
			if err == nil {
				var value string
				if value, err = p.start(ctx, s, dir); err == nil {
					s.set(p.env, value)
					return
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.missing = append(s.missing, fmt.Sprintf("%s: %v (on Debian as root this is installed and started; or set %s)", p.name, err, p.env))
		})
	}
	group.Wait()
}

func (s *stage) set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.env[name] = value
}

func (s *stage) onTearDown(stop func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops = append(s.stops, stop)
}

// environment is ours and where the parts are.
func (s *stage) environment() []string {
	env := os.Environ()
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		env = append(env, name+"="+s.env[name])
	}
	return env
}

// reportSkips lists what was not there and which tests it kept from running.
func (s *stage) reportSkips(w io.Writer) {
	text, err := os.ReadFile(s.skips)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		_, _ = fmt.Fprintf(w, "parts: the list of skipped tests: %v\n", err)
	}
	tests := slices.Compact(slices.Sorted(strings.Lines(string(text))))
	if len(tests)+len(s.missing) == 0 {
		return
	}
	var report strings.Builder
	for _, line := range s.missing {
		fmt.Fprintf(&report, "missing: %s\n", line)
	}
	for _, line := range tests {
		fmt.Fprintf(&report, "skipped: %s", line)
	}
	_, _ = io.WriteString(w, "\n"+report.String())
}

// tearDown stops what was started and removes every file of it, also what tests
// started for themselves and could not stop.
func (s *stage) tearDown(ctx context.Context) error {
	var group sync.WaitGroup
	for _, stop := range s.stops {
		group.Go(func() { stop(context.WithoutCancel(ctx)) })
	}
	group.Wait()
	if s.dir == nil {
		return nil
	}
	return errors.Join(s.dir.Remove(), parts.Sweep(os.TempDir()))
}
