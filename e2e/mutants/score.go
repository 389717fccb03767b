package main

import (
	"fmt"
	"strings"
)

// score is what a target's tests noticed.
type score struct {
	name       string
	all        int // mutants of the target
	counts     map[status]int
	equivalent int      // lived, and behave as the program does
	unknown    []string // lived, and not in the ledger
	stale      []string // in the ledger, and do not live
	complete   bool
	large      bool // its survivors are not all in the ledger
	again      bool // only what lived the last time was tried
}

// judge counts what became of the mutants and compares it with the ledger. Only a
// complete run can say that a line of the ledger is stale.
func judge(name string, tried []*mutant, all int, complete bool, l ledger) score {
	s := score{name: name, all: all, complete: complete, counts: map[status]int{}}
	keys := map[string]bool{}
	for _, m := range tried {
		e, listed := l[m.key()]
		survived := m.status == lived || m.status == notCovered
		keys[m.key()] = survived
		switch {
		case survived && listed && e.equivalent:
			s.equivalent++
			continue
		case survived && !listed:
			s.unknown = append(s.unknown, m.String())
		case !survived && listed:
			s.stale = append(s.stale, fmt.Sprintf("%s: the ledger says it lives: %s", m.status, m.key()))
		}
		s.counts[m.status]++
	}
	if complete {
		for key := range l {
			if _, there := keys[key]; !there && belongs(key, name) {
				s.stale = append(s.stale, "not there any more, but in the ledger: "+key)
			}
		}
	}
	return s
}

// belongs says whether a mutant's key is of the target's code.
func belongs(key, name string) bool { return strings.HasPrefix(key, "internal/"+name+"/") }

// efficacy is the share, in percent, of killed mutants among those that some test
// reaches; mutants that ran into the time limit are in neither number, as gremlins
// counts. Without any it is 0.
func (s score) efficacy() float64 {
	return share(s.counts[killed], s.counts[killed]+s.counts[lived])
}

// coverage is the share, in percent, of mutants that some test reaches.
func (s score) coverage() float64 {
	reached := s.counts[killed] + s.counts[lived] + s.counts[timedOut]
	return share(reached, reached+s.counts[notCovered])
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// line is what is printed for a target.
func (s score) line() string {
	return fmt.Sprintf("%-10s efficacy %5.1f %%  coverage %5.1f %%  killed %d, lived %d, timed out %d, "+
		"not covered %d, equivalent %d, does not compile %d (of %d)",
		s.name, s.efficacy(), s.coverage(), s.counts[killed], s.counts[lived], s.counts[timedOut],
		s.counts[notCovered], s.equivalent, s.counts[notViable], s.all)
}

// failures says what is wrong, nothing if nothing is.
func (s score) failures(threshold float64) []string {
	var found []string
	if !s.again && s.efficacy() < threshold {
		found = append(found, fmt.Sprintf("%s: efficacy %.1f %% is below %g %%", s.name, s.efficacy(), threshold))
	}
	if !s.large {
		found = append(found, s.unknown...)
	}
	return append(found, s.stale...)
}
