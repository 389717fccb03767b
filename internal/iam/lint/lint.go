package lint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	pullpass "github.com/pullpass/pullpass"
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

// Facts are what a document does not tell about itself. All are optional:
// rules that need a fact are silent without it.
type Facts struct {
	Account     string   // the account that owns the document: the role's, the repository's
	Role        string   // ARN of the role whose trust or identity policy this is
	AssumedBy   []string // ARNs of the roles that are to assume Role, itself perhaps included
	Roles       []string // ARNs of all roles known to exist in their accounts
	Token       *Token   // a token that is to assume Role
	PullThrough bool     // the repositories come from a pull-through cache
}

// Token holds the claims of an OIDC token, never the token itself.
type Token struct {
	Issuer          string
	Subject         string
	Audience        []string
	AuthorizedParty string
}

// maxFindings bounds the findings of one rule: nobody reads the rest, and
// hostile documents stay cheap.
const maxFindings = 100

// maxSize is the largest document that is looked into, in bytes.
const maxSize = 256 << 10

// Document lints one policy document. With Kind Unknown, the kind is told from
// the document. The error concerns the arguments; whatever is wrong with the
// document is a finding.
func Document(data []byte, kind Kind, facts Facts) (Report, error) {
	if err := checkArguments(kind, facts); err != nil {
		return Report{}, err
	}
	return lint(data, kind, facts, Rules()), nil
}

func lint(data []byte, kind Kind, facts Facts, rules []Rule) Report {
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
	p := &pass{document: d, syntax: syntax}
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

func checkArguments(kind Kind, facts Facts) error {
	problem := ""
	switch {
	case kind != Unknown && !isKind(kind):
		problem = fmt.Sprintf("%q is not a kind of policy", kind)
	case facts.Account != "" && !iam.IsAccountID(facts.Account):
		problem = fmt.Sprintf("account %q is not 12 digits", facts.Account)
	}
	for _, arn := range slices.Concat(facts.AssumedBy, facts.Roles, []string{facts.Role}) {
		if p, err := iam.ParsePrincipal(arn); arn != "" && (err != nil || p.Kind != iam.Role) {
			problem = fmt.Sprintf("%q is not the ARN of a role", arn)
		}
	}
	if problem == "" {
		return nil
	}
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "lint_options", What: "cannot lint the policy", Cause: problem,
		Hint: "kinds: identity, repository, registry, trust, boundary, session, scp",
	}
}

// account is the owner's account, from either fact that tells it.
func (f Facts) account() string {
	if f.Account != "" || f.Role == "" {
		return f.Account
	}
	p, err := iam.ParsePrincipal(f.Role)
	if err != nil {
		return ""
	}
	return p.Account
}
