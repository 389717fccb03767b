package runner

import (
	"context"
	"strconv"

	"github.com/pullpass/pullpass"
)

// startAll makes services run. All are prepared at once; each is started when those
// that it depends on have been started.
func startAll(ctx context.Context, jobs []*job) error {
	started := make(map[string]*start, len(jobs))
	for _, j := range jobs {
		started[j.s.Name] = &start{done: make(chan struct{})}
	}
	return each(jobs, func(j *job) (err error) {
		own := started[j.s.Name]
		defer func() {
			own.err = err
			close(own.done)
		}()
		if err := j.prepare(ctx); err != nil {
			return err
		}
		for _, name := range j.s.DependsOn {
			other := started[name]
			if other == nil {
				continue // the server refuses it; an older one does not know of it
			}
			select {
			case <-other.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			if other.err != nil {
				return j.failed(ctx, j.s.Name, CodeDependencyFailed, errDependency(j.s.Name, name, other.err))
			}
		}
		return j.launch(ctx)
	})
}

// start is how a service's start ended.
type start struct {
	done chan struct{}
	err  error // read once done is closed
}

// errDependency is as hopeless as why the other service did not start.
func errDependency(service, on string, why error) error {
	return &pullpass.Error{
		Kind: pullpass.KindOf(why), Code: CodeDependencyFailed, What: "the service " + service + " is not started",
		Cause: "it depends on " + strconv.Quote(on) + ", which could not be started",
		Hint:  "mend that one first; this one follows by itself",
	}
}
