package docker

import (
	"context"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// watchRetry is how long to wait before asking an engine that does not answer again.
const watchRetry = 500 * time.Millisecond

// Watch tells what happens to this runner's containers. Each time that the engine's
// event stream has been opened it says Reconnected, the first time too: what happened
// before is not in the stream.
func (e *Engine) Watch(ctx context.Context) <-chan runner.Event {
	out := make(chan runner.Event)
	go func() {
		defer close(out)
		retry := time.NewTicker(watchRetry)
		defer retry.Stop()
		for ctx.Err() == nil {
			if e.stream(ctx, out) {
				send(ctx, out, runner.Event{Kind: runner.Disconnected})
			}
			select {
			case <-retry.C:
			case <-ctx.Done():
			}
		}
	}()
	return out
}

// stream passes events on until the stream ends; it reports whether it ever began.
func (e *Engine) stream(ctx context.Context, out chan<- runner.Event) (began bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The engine registers the stream some time after it was asked for: Since tells
	// it to begin with what happened meanwhile. Hearing of something twice is harmless.
	r := e.client.Events(ctx, client.EventsListOptions{Since: strconv.FormatInt(time.Now().Unix(), 10), Filters: client.Filters{}.
		Add("type", string(events.ContainerEventType)).
		Add("event", string(events.ActionStart), string(events.ActionDie), string(events.ActionDestroy)).
		Add("label", labelRunner+"="+string(e.runner))})
	// Events returns before it says that the stream could not be opened: an answer to
	// another question tells that the engine is there.
	if _, err := e.client.Ping(ctx, client.PingOptions{}); err != nil {
		return false
	}
	select {
	case <-r.Err: //nolint:errcheck // why does not matter: it is tried again
		return false
	default:
	}
	if !send(ctx, out, runner.Event{Kind: runner.Reconnected}) {
		return true
	}
	for {
		select {
		case m := <-r.Messages:
			id := pullpass.EnvironmentID(m.Actor.Attributes[labelEnvironment])
			if !send(ctx, out, runner.Event{Kind: runner.ContainerChanged, Environment: id}) {
				return true
			}
		case <-r.Err: //nolint:errcheck // why does not matter: it is opened again
			return true
		case <-ctx.Done():
			return true
		}
	}
}

func send(ctx context.Context, out chan<- runner.Event, e runner.Event) bool {
	select {
	case out <- e:
		return true
	case <-ctx.Done():
		return false
	}
}
