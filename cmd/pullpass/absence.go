package main

import (
	"slices"

	"github.com/pullpass/pullpass"
)

// runnerAbsent reports whether a code says that a runner does nothing for now.
func runnerAbsent(code string) bool {
	switch code {
	case pullpass.CodeRunnerNotJoined, pullpass.CodeRunnerOffline, pullpass.CodeRunnerDegraded, pullpass.CodeRunnerTooOld:
		return true
	}
	return false
}

// waitsFor finds why an environment waits for its runner; nil: it does not.
func waitsFor(e pullpass.Environment) *pullpass.Condition {
	at := slices.IndexFunc(e.Conditions, func(c pullpass.Condition) bool {
		return c.Service == "" && (runnerAbsent(c.Code) || c.Code == pullpass.CodeRunnerNotForProject)
	})
	if at < 0 {
		return nil
	}
	return &e.Conditions[at]
}

// absentRunner tells a person who waits for an environment that its runner is not
// there, once for each reason, and that it is back.
type absentRunner struct {
	t    *terminal
	code string // what was told last; empty: it works
}

func (a *absentRunner) update(e pullpass.Environment) {
	c := waitsFor(e)
	switch {
	case c == nil && a.code != "":
		a.code = ""
		a.t.say("Its runner works again.")
	case c != nil && c.Code != a.code:
		a.code = c.Code
		a.t.say("Waiting: %s.", c.Cause)
		a.t.say("hint:  %s", c.Fix)
	}
}
