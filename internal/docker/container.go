package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// List returns this runner's containers.
func (e *Engine) List(ctx context.Context, environment pullpass.EnvironmentID) ([]runner.Actual, error) {
	filters := client.Filters{}.Add("label", labelRunner+"="+string(e.runner))
	if environment != "" {
		filters.Add("label", labelEnvironment+"="+string(environment))
	}
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, e.explain(ctx, "cannot list containers", err)
	}
	var found []runner.Actual
	for _, c := range list.Items {
		a, ok := e.fromLabels(c.ID, c.Names, c.Labels)
		if !ok || c.State == container.StateRemoving {
			continue
		}
		a.State = state(c.State)
		// The list has the exit code in a sentence for people only; and it is read
		// from a copy that the engine renews only after it has told of an exit.
		if a.State == runner.Exited || environment != "" {
			if a, err = e.inspect(ctx, c.ID); missing(err) {
				continue
			} else if err != nil {
				return nil, e.explain(ctx, "cannot look at container "+short(c.ID), err)
			}
		}
		found = append(found, a)
	}
	return found, nil
}

func state(s container.ContainerState) runner.State {
	switch s {
	case container.StateCreated:
		return runner.Created
	case container.StateExited, container.StateDead:
		return runner.Exited
	}
	return runner.Running // paused and restarting ones too: they have a process
}

// errForeign says that a container is not this runner's.
var errForeign = errors.New("the container belongs to somebody else")

func (e *Engine) inspect(ctx context.Context, id string) (runner.Actual, error) {
	r, err := e.client.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return runner.Actual{}, err
	}
	if r.Container.Config == nil || r.Container.State == nil {
		return runner.Actual{}, fmt.Errorf("the engine says nothing of container %s", short(id))
	}
	a, ok := e.fromLabels(r.Container.ID, []string{r.Container.Name}, r.Container.Config.Labels)
	if !ok {
		return runner.Actual{}, errForeign
	}
	a.State, a.ExitCode = state(r.Container.State.Status), r.Container.State.ExitCode
	return a, nil
}

// Start creates and starts a container, or starts the one that is there already.
func (e *Engine) Start(ctx context.Context, s runner.StartRequest) (runner.Actual, error) {
	what := fmt.Sprintf("cannot start service %s", s.Service.Name)
	id, made, err := e.create(ctx, s)
	if err != nil {
		return runner.Actual{}, e.explainStart(ctx, what, err)
	}
	if _, err := e.client.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		if made || !errdefs.IsConflict(err) {
			// What could not start must not be found later as if it only waited
			// to be started: the next try makes it anew.
			_, _ = e.client.ContainerRemove(context.WithoutCancel(ctx), id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
		return runner.Actual{}, e.explainStart(ctx, what, err)
	}
	a, err := e.inspect(ctx, id)
	return a, e.explain(ctx, what, err)
}

// create makes the container unless it is there; made says which.
func (e *Engine) create(ctx context.Context, s runner.StartRequest) (id string, made bool, err error) {
	there, err := e.inspect(ctx, name(s))
	switch {
	case err == nil && there.Environment == s.Environment && there.Service == s.Service.Name && there.Start == s.Start:
		return there.ID, false, nil
	case err == nil, errors.Is(err, errForeign):
		return "", false, nameTaken(name(s))
	case !missing(err):
		return "", false, err
	}
	if err := e.network(ctx, s.Environment); err != nil {
		return "", false, err
	}
	host, err := e.hostConfig(ctx, s)
	if err != nil {
		return "", false, err
	}
	c, err := e.client.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name(s), Config: e.config(s), HostConfig: host,
		// Services of one environment find each other by name.
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			networkName(s.Environment): {Aliases: []string{s.Service.Name}},
		}},
	})
	if errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in use") {
		// Made between our look and our try, by a predecessor's last request perhaps.
		there, err := e.appear(ctx, name(s))
		return there.ID, false, err
	}
	return c.ID, true, err
}

// appear waits for a container whose name is reserved: an engine reserves the name
// first, and shows the container when it is complete.
func (e *Engine) appear(ctx context.Context, name string) (runner.Actual, error) {
	const tries, wait = 50, 100 * time.Millisecond
	for range tries {
		there, err := e.inspect(ctx, name)
		if err == nil || ctx.Err() != nil {
			return there, err
		}
		if !missing(err) {
			break
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return runner.Actual{}, nameTaken(name)
}

func (e *Engine) config(s runner.StartRequest) *container.Config {
	env := make([]string, 0, len(s.Service.Env))
	for _, k := range slices.Sorted(maps.Keys(s.Service.Env)) {
		env = append(env, k+"="+s.Service.Env[k])
	}
	return &container.Config{
		Image: s.Reference, Cmd: s.Service.Command, Env: env, Labels: e.labels(s),
		Entrypoint: s.Service.Entrypoint, User: s.Service.User, WorkingDir: s.Service.WorkingDir,
	}
}

func nameTaken(name string) error {
	return &pullpass.Error{
		Kind: pullpass.Conflict, Code: runner.CodeNameTaken,
		What:  "cannot create container " + name,
		Cause: "a container of that name is there, and it is not this runner's",
		Hint:  "docker rename " + name + " " + name + "-old",
	}
}

// explainStart tells the ways in which an image or a machine keeps a container from
// starting apart.
func (e *Engine) explainStart(ctx context.Context, what string, err error) error {
	var known *pullpass.Error
	if err == nil || ctx.Err() != nil || client.IsErrConnectionFailed(err) || errors.As(err, &known) {
		if known != nil {
			return known
		}
		return e.explain(ctx, what, err)
	}
	f := &pullpass.Error{Kind: pullpass.Unavailable, Code: runner.CodeStartFailed, What: what, Err: err}
	text := err.Error()
	switch {
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory: unknown"):
		f.Cause, f.Hint = "the image does not hold the program that the command names", "correct the command of the service, or the image"
	case strings.Contains(text, "No command specified"), strings.Contains(text, "no command specified"):
		f.Cause, f.Hint = "neither the service nor the image names a command", "give the service a command"
	case strings.Contains(text, "exec format error"):
		f.Cause, f.Hint = "the image is made for another processor", "build the image for the platform of the runner"
	case strings.Contains(text, "bind source path does not exist"):
		f.Cause = "the engine does not see the runner's directories: it runs in a virtual machine, or in another mount namespace"
		f.Hint = "give the runner a state directory that the engine sees too: pullpass runner --server URL --state DIR"
	case strings.Contains(text, "No such image"):
		f.Cause, f.Hint = "the image was removed from the engine between pull and start", "the runner pulls it again"
	}
	return f
}

// Output writes what the container has written, both streams in the engine's order.
func (e *Engine) Output(ctx context.Context, a runner.Actual, w io.Writer) error {
	logs, err := e.client.ContainerLogs(ctx, a.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return e.explain(ctx, "cannot read the output of container "+short(a.ID), err)
	}
	defer func() { _ = logs.Close() }()
	_, err = stdcopy.StdCopy(w, w, logs)
	return e.explain(ctx, "reading the output of container "+short(a.ID), err)
}
