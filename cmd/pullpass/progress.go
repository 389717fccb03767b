package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/printable"
)

// watch follows an environment until it is as wanted or cannot become so: bars
// on a terminal, plain lines on a pipe, nothing with --json.
func watch(ctx context.Context, c *client.Client, t *terminal, e pullpass.Environment) (pullpass.Environment, error) {
	display := newDisplay(t)
	defer display.close()
	absent, runner := outage{t: t}, absentRunner{t: t}
	runner.update(e)
	for !settled(e) {
		next, err := c.WaitEnvironment(ctx, e.ID, e.Revision, 20*time.Second)
		if absent.waitOut(ctx, err) {
			continue
		}
		if err != nil {
			return e, err
		}
		absent.over()
		e = next
		runner.update(e)
		display.update(e)
	}
	return e, nil
}

// watchEnd follows an environment until its services have ended or cannot start; one
// that runs on is left alone after a moment, unless its end is waited for.
func watchEnd(ctx context.Context, c *client.Client, t *terminal, e pullpass.Environment, untilEnd bool) (pullpass.Environment, error) {
	e, err := watch(ctx, c, t, e)
	deadline, absent, runner := time.Now().Add(lookAgain), outage{t: t}, absentRunner{t: t}
	for err == nil && e.Phase == pullpass.PhaseRunning && (untilEnd || time.Now().Before(deadline)) {
		wait := 20 * time.Second
		if !untilEnd {
			wait = time.Until(deadline)
		}
		var next pullpass.Environment
		switch next, err = c.WaitEnvironment(ctx, e.ID, e.Revision, wait); {
		case err == nil:
			absent.over()
			e = next
			runner.update(e)
		case absent.waitOut(ctx, err):
			err = nil
		}
	}
	return e, err
}

// settled reports whether waiting on will not help: it is as wanted, or its
// runner has said what keeps it.
func settled(e pullpass.Environment) bool {
	if e.Phase == pullpass.PhaseDeleted || e.Wanted == pullpass.WantedDeleted {
		return true // nobody waits for an end here: somebody else has asked for it
	}
	switch e.Wanted {
	case pullpass.WantedRunning:
		// Stopped: every command has ended with code 0.
		return e.Phase == pullpass.PhaseRunning || e.Phase == pullpass.PhaseFailed || ended(e)
	case pullpass.WantedStopped:
		return e.Phase == pullpass.PhaseStopped || e.Phase == pullpass.PhaseFailed
	}
	return false
}

// ended reports that the services of this start have ended by themselves.
func ended(e pullpass.Environment) bool {
	return e.Phase == pullpass.PhaseStopped && len(e.Status) > 0 &&
		!slices.ContainsFunc(e.Status, func(s pullpass.ServiceStatus) bool { return s.State != pullpass.ServiceExited })
}

type display interface {
	update(pullpass.Environment)
	close()
}

func newDisplay(t *terminal) display {
	switch {
	case t.json:
		return silent{}
	case isTerminal(t.talk):
		return &bars{progress: mpb.New(mpb.WithOutput(t.talk), mpb.WithWidth(60)), bars: map[string]*mpb.Bar{}}
	}
	return &plainLines{t: t, last: map[string]string{}}
}

type silent struct{}

func (silent) update(pullpass.Environment) {}
func (silent) close()                      {}

// plainLines prints a line for each change of state.
type plainLines struct {
	t    *terminal
	last map[string]string
}

func (p *plainLines) update(e pullpass.Environment) {
	for _, s := range e.Status {
		line := fmt.Sprintf("%s: %s", s.Name, s.State)
		if s.Pull != nil && s.State == pullpass.ServicePulling {
			line = fmt.Sprintf("%s: pulling, %d of %d layers", s.Name, s.Pull.LayersDone, s.Pull.LayersTotal)
		}
		if p.last[s.Name] != line {
			p.last[s.Name] = line
			p.t.say("%s", line)
		}
	}
}

func (p *plainLines) close() {}

// bars draws a bar for each service that pulls.
type bars struct {
	progress *mpb.Progress
	bars     map[string]*mpb.Bar
}

func (b *bars) update(e pullpass.Environment) {
	for _, s := range e.Status {
		if s.Pull == nil || s.Pull.BytesTotal == 0 {
			continue
		}
		bar := b.bars[s.Name]
		if bar == nil {
			bar = b.progress.AddBar(s.Pull.BytesTotal,
				mpb.PrependDecorators(decor.Name(printable.Escape(s.Name)+" ")),
				mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f")))
			b.bars[s.Name] = bar
		}
		bar.SetTotal(s.Pull.BytesTotal, false)
		bar.SetCurrent(s.Pull.BytesDone)
		if s.State != pullpass.ServicePulling {
			bar.SetTotal(s.Pull.BytesTotal, true)
		}
	}
}

func (b *bars) close() {
	for _, bar := range b.bars {
		if !bar.Completed() {
			bar.Abort(false)
		}
	}
	b.progress.Wait()
}
