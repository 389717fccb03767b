package iam

import (
	"fmt"
	"strings"
)

// nearMisses tells of the statements in a layer that were meant to allow the
// request, going by their action, and do not.
func (ev *evaluation) nearMisses(l *layer) []string {
	const most = 5
	var near []string
	for i := range l.statements {
		s := &l.statements[i]
		if s.effect != Allow || len(near) == most || !ev.matchesAction(s) || s.allActions() {
			continue
		}
		if what := ev.stumbles(s, l.kind); what != "" {
			near = append(near, fmt.Sprintf("%s %d, statement %d%s allows %s, but %s",
				ev.statementKind(l.kind, s).one(), s.policy, s.index, at(s), ev.request.Action, what))
		}
	}
	return near
}

// stumbles says on which element the statement fails first.
func (ev *evaluation) stumbles(s *statement, kind Kind) string {
	if !ev.matchesResource(s, kind) {
		switch {
		case !s.hasResource:
			return "it has no Resource"
		case !ev.isARN:
			return `only on named resources, and the action has none: it needs Resource "*"`
		}
		return "its Resource does not cover " + ev.request.Resource
	}
	if _, ok := ev.matchesPrincipal(s, kind); !ok {
		return "its Principal does not name " + ev.caller.orAnyone()
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if !c.holds(ev, s.effect) {
			return fmt.Sprintf("its condition %s on %s is not met: %s", c.operator.Canonical(), c.key, ev.given(c.key))
		}
	}
	return ""
}

// given shows a context key's values in a sentence.
func (ev *evaluation) given(key string) string {
	values := ev.lookup(key)
	switch values.len() {
	case 0:
		return "the request does not have that key"
	case 1:
		return "the request has " + quote(values.at(0))
	}
	all := make([]string, 0, values.len())
	for i := range values.len() {
		all = append(all, quote(values.at(i)))
	}
	return "the request has " + strings.Join(all, ", ")
}
