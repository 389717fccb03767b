// Package lint finds mistakes in AWS policy documents: what AWS refuses when
// the document is saved, what is saved but has no effect, and what opens more
// than was meant. It does no I/O.
//
// The one idea: a rule is a row of a table with an id, a reason and a check;
// findings carry edits of the text wherever the correction is mechanical, so
// that Fix changes what is wrong and nothing else.
//
//	report, err := lint.Document(data, lint.Unknown, lint.Facts{Account: "222222222222"})
//	for _, f := range report.Findings {
//		fmt.Printf("%s:%s: %s: %s [%s]\n", file, f.Position, f.Severity, f.Detail, f.ID)
//	}
//	corrected, fixed, err := lint.Fix(data, report.Kind, lint.Facts{Account: "222222222222"})
package lint
