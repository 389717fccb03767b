package runner

import (
	"slices"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// view is what an environment's worker knows to be actual: the status it reports.
type view struct {
	runner  pullpass.RunnerID
	changed func(pullpass.StatusUpdate) // told of each change, in order; must not block and must not call the view

	mu         sync.Mutex
	wanted     pullpass.Wanted
	start      int64
	status     []pullpass.ServiceStatus
	conditions []pullpass.Condition
	told       bool // there has been a report
}

// newView starts from what the server was last told, by a predecessor perhaps.
func newView(id pullpass.RunnerID, e pullpass.Environment) *view {
	return &view{
		runner: id, wanted: e.Wanted, start: e.Start,
		status: slices.Clone(e.Status), conditions: slices.Clone(e.Conditions),
		changed: func(pullpass.StatusUpdate) {},
	}
}

// begin takes up a wish. What was true of an older start is forgotten.
func (v *view) begin(e pullpass.Environment) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.status
	if v.start != e.Start {
		old, v.conditions = nil, nil
	}
	v.wanted, v.start = e.Wanted, e.Start
	v.status = make([]pullpass.ServiceStatus, 0, len(e.Services))
	for _, s := range e.Services {
		i := slices.IndexFunc(old, func(o pullpass.ServiceStatus) bool { return o.Name == s.Name })
		if i < 0 {
			v.status = append(v.status, pullpass.ServiceStatus{Name: s.Name, State: pullpass.ServiceWaiting})
			continue
		}
		v.status = append(v.status, old[i])
	}
}

// of returns the status of a service.
func (v *view) of(service string) pullpass.ServiceStatus {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.status {
		if s.Name == service {
			return s
		}
	}
	return pullpass.ServiceStatus{}
}

// set changes the status of a service.
func (v *view) set(service string, f func(*pullpass.ServiceStatus)) {
	v.update(func() { v.change(service, f) })
}

// state changes the state of a service and leaves the rest.
func (v *view) state(service string, to pullpass.ServiceState) {
	v.set(service, func(s *pullpass.ServiceStatus) { s.State = to })
}

// is says that a container is there, clears the errors of getting it there, and adds
// what follows from its state. It is one report: whoever sees a service ended also sees why.
func (v *view) is(a Actual, follows ...pullpass.Condition) {
	v.update(func() {
		v.drop(func(c pullpass.Condition) bool { return c.Service == a.Service && c.Severity == pullpass.SeverityError })
		v.change(a.Service, func(s *pullpass.ServiceStatus) {
			s.Container, s.Digest, s.Pull, s.ExitCode = a.ID, a.Digest, nil, nil
			switch a.State {
			case Running:
				s.State = pullpass.ServiceRunning
			case Exited:
				s.State = pullpass.ServiceExited
				s.ExitCode = &a.ExitCode
			default:
				s.State = pullpass.ServiceStarting
			}
		})
		for _, c := range follows {
			v.add(c)
		}
	})
}

// fail says that a step failed, for one service or, with "", for all: the cause and the
// state in one report.
func (v *view) fail(service, code string, err error) {
	v.update(func() {
		v.add(condition(err, service, code, time.Now()))
		v.change(service, func(s *pullpass.ServiceStatus) {
			if s.State != pullpass.ServiceRunning {
				s.State = pullpass.ServiceFailed
			}
		})
	})
}

// note adds a condition; see add.
func (v *view) note(c pullpass.Condition) {
	v.update(func() { v.add(c) })
}

// clear removes conditions.
func (v *view) clear(which func(pullpass.Condition) bool) {
	v.update(func() { v.drop(which) })
}

// change changes the status of a service; the caller holds the lock, as update does.
func (v *view) change(service string, f func(*pullpass.ServiceStatus)) {
	for i := range v.status {
		if v.status[i].Name == service {
			f(&v.status[i])
		}
	}
}

// add adds a condition. One that says the same as before keeps its time; an error
// takes the place of the service's earlier one. The caller holds the lock, as update does.
func (v *view) add(c pullpass.Condition) {
	kept := v.conditions[:0:0]
	for _, o := range v.conditions {
		same := o.Service == c.Service &&
			(o.Code == c.Code || (o.Severity == pullpass.SeverityError && c.Severity == pullpass.SeverityError))
		if same && o.Code == c.Code && o.What == c.What && o.Cause == c.Cause {
			c.At = o.At
		}
		if !same {
			kept = append(kept, o)
		}
	}
	v.conditions = append(kept, c)
}

// drop removes conditions; the caller holds the lock, as update does.
func (v *view) drop(which func(pullpass.Condition) bool) {
	v.conditions = slices.DeleteFunc(slices.Clone(v.conditions), which)
}

// update changes the view and tells of it.
func (v *view) update(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
	v.told = true
	v.changed(v.now()) // under the lock: two services change it at once, and the later report must arrive later
}

// now is the report of what the view holds.
func (v *view) now() pullpass.StatusUpdate {
	return pullpass.StatusUpdate{
		Runner: v.runner, Start: v.start, Phase: phase(v.wanted, v.status, v.conditions),
		Status: slices.Clone(v.status), Conditions: slices.Clone(v.conditions),
	}
}

// report returns what was reported last; ok is false before the first report.
func (v *view) report() (u pullpass.StatusUpdate, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now(), v.told
}

// phase sums up the services.
func phase(wanted pullpass.Wanted, status []pullpass.ServiceStatus, conditions []pullpass.Condition) pullpass.Phase {
	count := map[pullpass.ServiceState]int{}
	broken := false // an exit with a code other than 0
	for _, s := range status {
		count[s.State]++
		broken = broken || (s.State == pullpass.ServiceExited && s.ExitCode != nil && *s.ExitCode != 0)
	}
	failed := slices.ContainsFunc(conditions, func(c pullpass.Condition) bool {
		return c.Severity == pullpass.SeverityError && c.Code != CodeServiceExited
	})
	ended := count[pullpass.ServiceExited] + count[pullpass.ServiceStopped]
	switch {
	case wanted == pullpass.WantedDeleted:
		return pullpass.PhaseDeleting
	case wanted == pullpass.WantedStopped && count[pullpass.ServiceRunning] == 0 && !failed:
		return pullpass.PhaseStopped
	case wanted == pullpass.WantedStopped:
		return pullpass.PhaseStopping
	case failed:
		return pullpass.PhaseFailed
	case count[pullpass.ServiceRunning] == len(status):
		return pullpass.PhaseRunning
	case count[pullpass.ServiceRunning]+ended < len(status):
		return pullpass.PhaseStarting
	case count[pullpass.ServiceRunning] > 0:
		return pullpass.PhaseRunning // the conditions name those that exited
	case broken:
		return pullpass.PhaseFailed
	}
	return pullpass.PhaseStopped
}
