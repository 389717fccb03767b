package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
)

// Options are what a Runner is made of. Zero durations and counts get defaults.
type Options struct {
	ID       pullpass.RunnerID
	Version  string
	Server   Server
	Driver   Driver
	Resolver Resolver
	Agents   Agents
	Trials   Trials // nil: this runner tries nothing for others
	Log      *slog.Logger

	// AWSIdentity is what the runner knows of its own AWS principal: its ARN, or why
	// there is none; nil: it has none. It is asked at every heartbeat, and answers at
	// once.
	AWSIdentity func() (arn, message string)
	Machine     string        // what this machine calls itself, to tell two apart
	Parallel    int           // images pulled at the same time; 4
	Stall       time.Duration // without progress, after which a pull ends; 1 min
	Probe       time.Duration // in which a registry sends the beginning of an image; 10 s
	ImageSpace  int64         // bytes of images on the engine that the runner has pulled; 0: any number
	ImageAge    time.Duration // since its last use, after which an image is removed; 0: never
	MaxImage    int64         // bytes of all layers, compressed; 0: any number
	Grace       time.Duration // between asking a container to end and ending it; 10 s
	Heartbeat   time.Duration // 10 s
	Resync      time.Duration // between looks at the engine when nothing happens; 1 min
	RetryMin    time.Duration // first wait after a failure; 1 s
	RetryMax    time.Duration // longest wait after failures; 30 s
}

// Runner closes the difference between wanted and actual environments.
type Runner struct {
	o     Options
	asks  *turns      // asking servers and registries, and starting: cheap, and often waiting
	pulls *turns      // the engine downloads
	sweep atomic.Bool // look for containers that nothing wants

	able    atomic.Pointer[[]string] // what it could do when the engine answered last
	process string                   // tells this process from another one with the same token

	mu      sync.Mutex
	workers map[pullpass.EnvironmentID]*worker
	wg      sync.WaitGroup // of workers

	trials *trials
}

// New returns a Runner; Run does the work.
func New(o Options) (*Runner, error) {
	switch {
	case o.Server == nil, o.Driver == nil, o.Resolver == nil, o.Agents == nil:
		return nil, errors.New("runner: Server, Driver, Resolver and Agents are needed")
	case o.ID == "":
		return nil, errors.New("runner: an ID is needed: it labels every container")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.Parallel, 4)
	setDefault(&o.Stall, time.Minute)
	setDefault(&o.Probe, 10*time.Second)
	setDefault(&o.Grace, 10*time.Second)
	setDefault(&o.Heartbeat, 10*time.Second)
	setDefault(&o.Resync, time.Minute)
	setDefault(&o.RetryMin, time.Second)
	setDefault(&o.RetryMax, 30*time.Second)
	if o.AWSIdentity == nil {
		o.AWSIdentity = func() (string, string) { return "", "" }
	}
	r := &Runner{
		o:       o,
		asks:    newTurns(asksPerPull * o.Parallel),
		pulls:   newTurns(o.Parallel),
		process: rand.Text(),
		workers: map[pullpass.EnvironmentID]*worker{},
		trials:  newTrials(),
	}
	r.sweep.Store(true)
	return r, nil
}

const (
	// asksPerPull: a service that waits for an answer costs a connection, one that is
	// pulled costs the engine's disk and network. Slow answers must not keep others
	// from asking.
	asksPerPull = 32
	askTime     = time.Minute // for all that is asked before a pull
)

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Run works until ctx is done, and then leaves containers and sockets' directories
// as they are: a successor adopts them. It returns an error only when the server no
// longer knows this runner, or knows that another machine works as it.
func (r *Runner) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var loops sync.WaitGroup
	var cloned error
	loops.Go(func() {
		cloned = r.beat(ctx)
		if cloned != nil {
			cancel()
		}
	})
	loops.Go(func() { r.watch(ctx) })
	loops.Go(func() { r.collect(ctx) })
	err := r.poll(ctx)
	cancel()
	loops.Wait()
	r.wg.Wait()
	r.trials.wg.Wait()
	if cloned != nil {
		return cloned
	}
	if err == nil {
		r.signOff(ctx)
	}
	return err
}

// beat tells the server that the runner lives, and whether its engine does. It ends
// early, with the server's reason, where another machine works as this runner.
func (r *Runner) beat(ctx context.Context) error {
	for {
		err := r.o.Server.Heartbeat(ctx, r.report(ctx))
		var refusal *pullpass.Error
		switch {
		case errors.As(err, &refusal) && refusal.Code == pullpass.CodeRunnerCloned:
			return err
		case err != nil && ctx.Err() == nil:
			r.o.Log.WarnContext(ctx, "heartbeat failed", "error", err)
		}
		if !sleep(ctx, jitter(r.o.Heartbeat)) {
			return nil
		}
	}
}

// signOff says that this process ends, so that nobody waits for it. Where it cannot
// be said, the server finds out by the silence.
func (r *Runner) signOff(ctx context.Context) {
	const within = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	report := r.own()
	report.Phase = pullpass.RunnerInactive
	if able := r.able.Load(); able != nil {
		report.Capabilities = *able
	}
	if err := r.o.Server.Heartbeat(ctx, report); err != nil {
		r.o.Log.InfoContext(ctx, "signing off failed", "error", err)
	}
}

// own is what a report says of the process itself.
func (r *Runner) own() pullpass.RunnerReport {
	arn, message := r.o.AWSIdentity()
	return pullpass.RunnerReport{
		Version: r.o.Version, AWSClaim: arn, AWSMessage: message, Process: r.process, Machine: r.o.Machine,
		Phase: pullpass.RunnerActive, At: time.Now(),
	}
}

// report asks the engine; a runner whose engine does not answer is degraded, and
// says why and what to do.
func (r *Runner) report(ctx context.Context) pullpass.RunnerReport {
	report := r.own()
	ask, cancel := context.WithTimeout(ctx, r.o.Heartbeat)
	defer cancel()
	info, err := r.o.Driver.Info(ask)
	if err != nil {
		report.Phase, report.Message = pullpass.RunnerDegraded, pullpass.Explain(err)
		return report
	}
	report.Capabilities = r.capabilities(info.Capabilities)
	r.able.Store(&report.Capabilities)
	return report
}

// watch turns what happens on the engine into work.
func (r *Runner) watch(ctx context.Context) {
	lost := false
	for e := range r.o.Driver.Watch(ctx) {
		switch e.Kind {
		case ContainerChanged:
			r.mu.Lock()
			w := r.workers[e.Environment]
			r.mu.Unlock()
			if w != nil {
				w.poke()
			}
		case Disconnected:
			r.o.Log.WarnContext(ctx, "the engine stopped answering")
			lost = true
			r.each(func(w *worker) { w.unwatch(); w.poke() })
		case Reconnected:
			r.sweep.Store(true)
			if lost {
				r.o.Log.InfoContext(ctx, "the engine answers again: looking at every container")
				r.each(func(w *worker) { w.unwatch() })
			}
			r.each(func(w *worker) { w.poke() })
		}
	}
}

func (r *Runner) each(f func(*worker)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		f(w)
	}
}
