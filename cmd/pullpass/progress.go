package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// watch follows an environment until it is as wanted or cannot become so: bars
// on a terminal, plain lines on a pipe, nothing with --json.
func watch(ctx context.Context, c *client.Client, t *terminal, e pullpass.Environment) (pullpass.Environment, error) {
	display := newDisplay(t)
	defer display.close()
	for !settled(e) {
		next, err := c.WaitEnvironment(ctx, e.ID, e.Revision, 20*time.Second)
		if err != nil {
			return e, err
		}
		e = next
		display.update(e)
	}
	return e, nil
}

// settled reports whether waiting on will not help: it is as wanted, or its
// runner has said what keeps it.
func settled(e pullpass.Environment) bool {
	switch e.Wanted {
	case pullpass.WantedRunning:
		return e.Phase == pullpass.PhaseRunning || e.Phase == pullpass.PhaseFailed
	case pullpass.WantedStopped:
		return e.Phase == pullpass.PhaseStopped || e.Phase == pullpass.PhaseFailed
	}
	return e.Phase == pullpass.PhaseDeleted
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
				mpb.PrependDecorators(decor.Name(s.Name+" ")),
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
