package lint

import (
	"bytes"
	"slices"
)

// maxPasses bounds the corrections of corrections. Ordinary documents need two
// or three passes.
const maxPasses = 256

// maxFixes bounds the corrections of one rule in one pass.
const maxFixes = 2000

// Fix corrects what is mechanical, keeps the order and the layout of everything
// else, and returns the new document with the findings that it corrected.
// Fixing twice changes nothing more; the result has none of the mechanical
// findings left.
func Fix(data []byte, kind Kind, facts Facts) ([]byte, []Finding, error) {
	if err := checkArguments(kind, facts); err != nil {
		return nil, nil, err
	}
	rules := Rules()
	var fixed []Finding
	for range maxPasses {
		report := lint(data, kind, facts, rules, maxFixes)
		// What kind of document this is, is decided once: a correction must not
		// turn it into another.
		kind = report.Kind
		next, done := apply(data, report.Findings)
		if len(done) == 0 || bytes.Equal(next, data) {
			break
		}
		data, fixed = next, append(fixed, done...)
	}
	return slices.Clone(data), fixed, nil
}
