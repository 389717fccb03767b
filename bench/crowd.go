package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
)

// crowd is an organization with as many registries as environments.
type crowd struct {
	server  *process.Server
	token   pullpass.Secret // of a runner that only asks
	project pullpass.ProjectID
	runner  pullpass.RunnerID
	n       int
}

// measureCrowd creates environments in an organization of many registries, while
// others ask for credentials; then a runner takes them all.
func measureCrowd(ctx context.Context, s *setting) ([]figure, error) {
	c := &crowd{n: 1_000}
	if s.quick {
		c.n = 100
	}
	var err error
	if c.server, err = s.startServer(ctx); err != nil {
		return nil, err
	}
	defer c.server.Stop()
	if err := c.populate(ctx); err != nil {
		return nil, err
	}
	creates, issues, err := c.createBesideIssues(ctx)
	if err != nil {
		return nil, err
	}
	poll, err := c.pollBytes(ctx)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d registries × %d environments: ", c.n, c.n)
	create, issue := percentile(creates, 99), percentile(issues, 99)
	figures := []figure{
		{what: what + "p99 of a create", got: milliseconds(create), unit: "ms", goal: "≤ 200 ms",
			met: create <= 200*time.Millisecond},
		{what: "p99 of a credential meanwhile", got: milliseconds(issue), unit: "ms", goal: "≤ 20 ms",
			met: issue <= 20*time.Millisecond},
		{what: "largest answer to a runner's poll", got: float64(poll) / (1 << 20), unit: "MiB", goal: "≤ 1 MiB",
			met: poll <= 1<<20},
	}
	host := os.Getenv("PULLPASS_TEST_DOCKER_HOST")
	if host == "" {
		return figures, errors.New("the runner's memory needs a Docker Engine: make bench starts one")
	}
	held, err := c.runnerMemory(ctx, s, host)
	if err != nil {
		return figures, err
	}
	return append(figures, figure{what: "memory of the runner that has them all", got: float64(held) / (1 << 20), unit: "MiB",
		goal: "≤ 64 MiB", met: held <= 64<<20}), nil
}

func (c *crowd) populate(ctx context.Context) error {
	owner := c.server.Owner
	p, err := owner.CreateProject(ctx, pullpass.Project{Name: "crowd"})
	if err != nil {
		return err
	}
	for i := range c.n {
		_, err := owner.CreateRegistry(ctx, pullpass.Registry{
			Name: fmt.Sprintf("registry-%d", i), Host: fmt.Sprintf("registry-%d.example", i), Auth: pullpass.AuthBasic, Username: "u",
		}, pullpass.NewSecret("password"))
		if err != nil {
			return err
		}
	}
	runner, token, err := c.server.Join(ctx, "crowd")
	c.project, c.runner, c.token = p.ID, runner.ID, token
	return err
}

func (c *crowd) create(ctx context.Context, runner pullpass.RunnerID, name string) (pullpass.Environment, error) {
	return c.server.Owner.CreateEnvironment(ctx, pullpass.Environment{Project: c.project, Runner: runner, Name: name,
		Services: []pullpass.Service{{Name: "main", Image: "registry-0.example/app:1"}}})
}

// createBesideIssues creates all over four connections while one caller asks for
// credentials.
func (c *crowd) createBesideIssues(ctx context.Context) (creates, issues []time.Duration, err error) {
	first, err := c.create(ctx, c.runner, "first")
	if err != nil {
		return nil, nil, err
	}
	own, err := client.New(c.server.URL, client.WithToken(c.token), client.WithTransport(process.KeptAlive(4)))
	if err != nil {
		return nil, nil, err
	}
	working, done := context.WithCancel(ctx)
	defer done()
	var mu sync.Mutex
	var failure error
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failure = errors.Join(failure, err)
	}
	var asking, creating sync.WaitGroup
	asking.Go(func() {
		request := api.CredentialRequest{Environment: first.ID, Host: "registry-0.example", Repository: "app", Action: pullpass.ActionPull}
		for working.Err() == nil {
			began := time.Now()
			if _, err := own.Credential(ctx, request); err != nil {
				fail(err)
				return
			}
			issues = append(issues, time.Since(began))
		}
	})
	const callers = 4
	for caller := range callers {
		creating.Go(func() {
			for i := caller; i < c.n; i += callers {
				began := time.Now()
				if _, err := c.create(ctx, c.runner, fmt.Sprintf("e-%d", i)); err != nil {
					fail(err)
					return
				}
				mu.Lock()
				creates = append(creates, time.Since(began))
				mu.Unlock()
			}
		})
	}
	creating.Wait()
	done()
	asking.Wait()
	return creates, issues, failure
}

// pollBytes walks what a runner is answered, and returns the largest answer.
func (c *crowd) pollBytes(ctx context.Context) (largest int64, err error) {
	for after := ""; ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.URL+api.PathRunnerEnvironments+"?after="+after, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return 0, err
		}
		if resp.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("the poll answers %s", resp.Status)
		}
		largest = max(largest, int64(len(text)))
		_, rest, _ := strings.Cut(string(text), `"next":"`)
		if after, _, _ = strings.Cut(rest, `"`); after == "" {
			return largest, nil
		}
	}
}

// runnerMemory starts a runner that has as many environments, all stopped, and
// returns the most memory that it held until it had reported each of them.
func (c *crowd) runnerMemory(ctx context.Context, s *setting, host string) (int64, error) {
	r, err := process.StartRunner(ctx, c.server, filepath.Join(s.dir, "keeper"), host)
	if err != nil {
		return 0, err
	}
	defer func() { r.Stop() }()
	for joined := false; !joined; { // and has written down who it is
		has, err := c.server.Owner.Runner(ctx, r.ID)
		if err != nil {
			return 0, err
		}
		joined = has.Phase == pullpass.RunnerActive
	}
	r.Kill()
	for i := range c.n {
		e, err := c.create(ctx, r.ID, fmt.Sprintf("stopped-%d", i))
		if err != nil {
			return 0, err
		}
		if _, err := c.server.Owner.StopEnvironment(ctx, e.ID); err != nil {
			return 0, err
		}
	}
	if err := r.Restart(ctx); err != nil {
		return 0, err
	}
	for stopped := 0; stopped < c.n; {
		stopped = 0
		for e, err := range c.server.Owner.AllEnvironments(ctx, pullpass.EnvironmentFilter{Runner: r.ID, Phase: pullpass.PhaseStopped}) {
			if err != nil {
				return 0, err
			}
			if e.Phase == pullpass.PhaseStopped {
				stopped++
			}
		}
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kib << 10, err
}
