package runner

import (
	"context"

	"github.com/pullpass/pullpass"
)

// halt ends the containers and keeps them, so that their output can be read.
func (w *worker) halt(ctx context.Context, e pullpass.Environment, there []Actual) error {
	w.view.begin(e)
	w.view.update(func() {}) // says that it is stopping
	for _, a := range there {
		if err := w.retire(ctx, a, false); err != nil {
			return w.failed(ctx, a.Service, CodeStopFailed, err)
		}
	}
	w.view.clear(func(c pullpass.Condition) bool { return c.Severity == pullpass.SeverityError })
	w.view.update(func() {
		for i := range w.view.status {
			w.view.status[i].State, w.view.status[i].Pull = pullpass.ServiceStopped, nil
		}
	})
	return nil
}

// remove ends and deletes the containers, and the agent socket, then says so. The
// report is the last step: until the server has it, all of this is repeated.
func (w *worker) remove(ctx context.Context, there []Actual, gone bool) (finished bool, err error) {
	w.mu.Lock()
	e := w.wanted
	w.mu.Unlock()
	if !gone {
		w.view.begin(e)
		w.view.update(func() {})
	}
	for _, a := range there {
		if err := w.retire(ctx, a, true); err != nil {
			return false, w.failed(ctx, "", CodeStopFailed, err)
		}
	}
	if err := w.r.o.Driver.Release(ctx, w.id); err != nil {
		return false, w.failed(ctx, "", CodeStopFailed, err)
	}
	if err := w.r.o.Agents.Close(ctx, w.id); err != nil {
		return false, w.failed(ctx, "", CodeAgentFailed, err)
	}
	if gone {
		return true, nil
	}
	err = w.r.o.Server.ReportStatus(ctx, w.id, pullpass.StatusUpdate{
		Runner: w.r.o.ID, Start: e.Start, Phase: pullpass.PhaseDeleted,
	})
	if pullpass.IsKind(err, pullpass.NotFound) {
		err = nil
	}
	return err == nil, err
}

// retire stops one container with grace, and removes it if asked to.
func (w *worker) retire(ctx context.Context, a Actual, remove bool) error {
	if a.State == Running {
		if err := w.r.o.Driver.Stop(ctx, a, w.r.o.Grace); err != nil {
			return err
		}
	}
	if !remove {
		return nil
	}
	w.out.forget(a)
	return w.r.o.Driver.Remove(ctx, a)
}
