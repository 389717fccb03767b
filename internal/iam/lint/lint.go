package lint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/pullpass/pullpass/internal/iam"
)

// Severity says how much a finding matters.
type Severity string

// The severities. An error is refused by AWS, has no effect, or lets in whom
// nobody meant; a warning is probably wrong; information is worth knowing.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one thing found in a document. The JSON form is stable.
type Finding struct {
	ID       string       `json:"id"`
	Severity Severity     `json:"severity"`
	Position iam.Position `json:"position"`
	End      iam.Position `json:"end"` // behind the last character
	Title    string       `json:"title"`
	Detail   string       `json:"detail"` // what is wrong here
	Why      string       `json:"why"`
	Fix      string       `json:"fix"`
	// Corrected is the text that would be right, where the document and the
	// facts tell: in place of the part pointed at, or to be added.
	Corrected string `json:"corrected,omitempty"`
	// Mechanical says that Fix makes this correction.
	Mechanical bool `json:"mechanical"`

	edits []edit
}

// Report is the outcome for one document.
type Report struct {
	Kind     Kind      `json:"kind"`
	Detected string    `json:"detected,omitempty"` // why, when the kind was not given
	Findings []Finding `json:"findings"`
}

// Worst returns the highest severity found, or "".
func (r Report) Worst() Severity {
	var worst Severity
	for _, f := range r.Findings {
		if worst == "" || f.Severity == Error || f.Severity == Warning && worst == Info {
			worst = f.Severity
		}
	}
	return worst
}

// maxFindings bounds the findings of one rule: nobody reads the rest, and
// hostile documents stay cheap.
const maxFindings = 100

// maxSize is the largest document that is looked into, in bytes.
const maxSize = 128 << 10

// Document lints one policy document. With Kind Unknown, the kind is told from
// the document. The error concerns the arguments; whatever is wrong with the
// document is a finding.
func Document(data []byte, kind Kind, facts Facts) (Report, error) {
	if err := checkArguments(kind, facts); err != nil {
		return Report{}, err
	}
	return lint(data, kind, facts, Rules(), maxFindings), nil
}

func lint(data []byte, kind Kind, facts Facts, rules []Rule, most int) Report {
	if len(data) > maxSize {
		return tooLarge(kind, len(data), rules)
	}
	_, syntax := iam.Parse(data)
	root, err := parseTree(data)
	if err != nil || root.kind != '{' {
		return notJSON(kind, syntax, rules)
	}
	d := newDocument(data, root, facts)
	report := Report{Kind: kind}
	if kind == Unknown {
		report.Kind, report.Detected = detect(d)
	}
	d.kind = report.Kind
	p := &pass{document: d, syntax: syntax, most: most}
	for _, r := range rules {
		if r.check != nil && r.appliesTo(d.kind) {
			p.rule, p.count = r, 0
			r.check(p)
		}
	}
	report.Findings = p.findings
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column))
	})
	return report
}

// tooLarge refuses to look into a document many times larger than any that AWS
// accepts.
func tooLarge(kind Kind, size int, rules []Rule) Report {
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == "document-size" })
	f := rules[i].finding()
	f.Position, f.End = iam.Position{Line: 1, Column: 1}, iam.Position{Line: 1, Column: 1}
	f.Detail = fmt.Sprintf("%d bytes: no kind of policy may have more than 20480", size)
	return Report{Kind: kind, Findings: []Finding{f}}
}

// notJSON reports a document that has no tree at all.
func notJSON(kind Kind, syntax error, rules []Rule) Report {
	rule := rules[0]
	f := rule.finding()
	f.Position, f.Detail = iam.Position{Line: 1, Column: 1}, "this is not a JSON object"
	var at *iam.SyntaxError
	if errors.As(syntax, &at) {
		f.Position, f.Detail = at.Position, at.What
		if at.Hint != "" {
			f.Fix = at.Hint
		}
	}
	f.End = f.Position
	return Report{Kind: kind, Findings: []Finding{f}}
}
