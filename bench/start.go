package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
)

// measureStart starts one environment from a 200 MB image, beside docker pull and
// docker run of the same image on the same engine; the image is removed before
// each. Pairs alternate, so that both meet the same machine.
func measureStart(ctx context.Context, s *setting) ([]figure, error) {
	host := os.Getenv("PULLPASS_TEST_DOCKER_HOST")
	if host == "" {
		return nil, errors.New("no Docker Engine: run it through make bench, which starts one")
	}
	pairs, megabytes := 20, 200
	if s.quick {
		pairs, megabytes = 2, 20
	}
	r, err := newRace(ctx, s, host, megabytes)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var ours, theirs []time.Duration
	for range pairs {
		took, err := r.docker(ctx)
		if err != nil {
			return nil, fmt.Errorf("docker pull and run: %w", err)
		}
		theirs = append(theirs, took)
		if took, err = r.environment(ctx); err != nil {
			return nil, fmt.Errorf("starting the environment: %w", err)
		}
		ours = append(ours, took)
	}
	our, their := median(ours), median(theirs)
	met := float64(our) <= 1.1*float64(their) || our <= their+150*time.Millisecond
	return []figure{{
		what: fmt.Sprintf("environment start, %d MB image, median of %d pairs", megabytes, pairs),
		got:  milliseconds(our), unit: "ms",
		peer: fmt.Sprintf("docker pull + run: %.0f ms (ratio %.2f)", milliseconds(their), float64(our)/float64(their)),
		goal: "≤ 1.1× or + 150 ms", met: met,
	}}, nil
}

// docker is the peer: the command line with the credential in its config.
func (r *race) docker(ctx context.Context) (time.Duration, error) {
	if err := r.forget(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := r.run(ctx, "pull", "--quiet", r.image); err != nil {
		return 0, err
	}
	id, err := r.run(ctx, "run", "--detach", r.image)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	_, err = r.run(ctx, "rm", "--force", strings.TrimSpace(id))
	return took, err
}

// environment is from the request until the server knows that it runs.
func (r *race) environment(ctx context.Context) (time.Duration, error) {
	if err := r.forget(ctx); err != nil {
		return 0, err
	}
	r.count++
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	began := time.Now()
	e, err := r.server.Owner.CreateEnvironment(ctx, pullpass.Environment{
		Project: r.project, Runner: r.agent.ID, Name: fmt.Sprintf("race-%d", r.count),
		Services: []pullpass.Service{{Name: "main", Image: r.image}},
	})
	if err != nil {
		return 0, err
	}
	if e, err = process.Await(ctx, r.server.Owner, e, pullpass.PhaseRunning); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if err := r.server.Owner.DeleteEnvironment(ctx, e.ID); err != nil {
		return 0, err
	}
	_, err = process.Await(ctx, r.server.Owner, e, pullpass.PhaseDeleted)
	return took, err
}

// forget removes the image, so that the next start pulls it again.
func (r *race) forget(ctx context.Context) error {
	images, err := r.run(ctx, "images", "--quiet", "--no-trunc")
	if err != nil {
		return err
	}
	for _, id := range strings.Fields(images) {
		if _, err := r.run(ctx, "rmi", "--force", id); err != nil {
			return err
		}
	}
	return nil
}

func (r *race) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...) //nolint:gosec // our own arguments
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+r.host, "DOCKER_CONFIG="+r.config)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
