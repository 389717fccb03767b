package lint

import (
	"slices"
)

// Rule is one row of the table: what it finds, why that matters, what to do.
type Rule struct {
	ID         string
	Severity   Severity
	Kinds      []Kind // all when empty
	Title      string
	Why        string
	Fix        string
	Mechanical bool   // Fix corrects it, at least in the plain cases
	Needs      string // the facts without which it is silent
	check      func(*pass)
}

// Rules returns the whole table, in the order of the documentation.
func Rules() []Rule {
	return slices.Concat(
		syntaxRules(), structureRules(), sidRules(), principalRules(), actionRules(),
		loginRules(), resourceRules(), conditionRules(), webIdentityRules(), tokenRules(), accountRules(),
	)
}

func (r Rule) appliesTo(k Kind) bool { return len(r.Kinds) == 0 || slices.Contains(r.Kinds, k) }

func (r Rule) finding() Finding {
	return Finding{ID: r.ID, Severity: r.Severity, Title: r.Title, Why: r.Why, Fix: r.Fix}
}

// The kinds that many rules share.
func identityKinds() []Kind  { return []Kind{Identity, Boundary, Session, SCP} }
func principalKinds() []Kind { return []Kind{Repository, Registry, Trust} }

// pass is one walk of the rules over one document.
type pass struct {
	*document
	syntax   error // what package iam says about the document
	rule     Rule
	count    int
	most     int // findings of one rule
	findings []Finding
}

// full reports whether the rule has found enough.
func (p *pass) full() bool { return p.count >= p.most }

// report adds a finding of the current rule. Edits make it mechanical.
func (p *pass) report(at located, detail string, edits ...edit) {
	p.suggest(at, detail, "", edits...)
}

// suggest is report with a text that would be right, which for a single
// replacement need not be given.
func (p *pass) suggest(at located, detail, corrected string, edits ...edit) {
	if p.full() {
		return
	}
	p.count++
	where := at.location()
	f := p.rule.finding()
	f.Position, f.End = p.position(where.start), p.position(where.end)
	f.Detail, f.Corrected = detail, corrected
	for i := range edits {
		edits[i].from, edits[i].to = p.position(edits[i].start), p.position(edits[i].end)
	}
	if corrected == "" && len(edits) == 1 {
		f.Corrected = edits[0].text
	}
	f.Mechanical, f.edits = len(edits) > 0, edits
	p.findings = append(p.findings, f)
}

// each calls check for every statement until the rule has found enough.
func (p *pass) each(check func(s *statement)) {
	for _, s := range p.statements {
		if p.full() {
			return
		}
		check(s)
	}
}

// failed reports whether an error was found so far.
func (p *pass) failed() bool {
	return slices.ContainsFunc(p.findings, func(f Finding) bool { return f.Severity == Error })
}
