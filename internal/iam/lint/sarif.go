package lint

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/sarif"
)

// File is the report on one named file.
type File struct {
	Path string `json:"file"`
	Report
}

// JSON writes the reports in their stable form: {"files":[…]}, a file without
// findings with an empty list.
func JSON(files []File) ([]byte, error) {
	out := make([]File, len(files))
	for i, f := range files {
		if f.Findings == nil {
			f.Findings = []Finding{}
		}
		out[i] = f
	}
	return marshal(struct {
		Files []File `json:"files"`
	}{out})
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("writing the findings as JSON: %w", err)
	}
	return b.Bytes(), nil
}

// SARIF writes the reports as SARIF 2.1.0, for code scanners; version is the
// program's. Mechanical corrections are included as fixes.
func SARIF(files []File, version string) ([]byte, error) {
	rules, index := sarifRules()
	run := sarif.Run{Tool: sarif.Tool{Driver: sarif.Driver{Name: "pullpass", Version: version, Rules: rules}}}
	for _, f := range files {
		artifact := sarif.ArtifactAt(f.Path)
		for _, finding := range f.Findings {
			run.Results = append(run.Results, sarif.Result{
				RuleID: finding.ID, RuleIndex: index[finding.ID], Level: sarifLevel(finding.Severity),
				Message:   sarif.Text{Text: finding.Detail + ". " + finding.Fix},
				Locations: sarif.At(artifact, region(finding.Position, finding.End)),
				Fixes:     fixes(finding, artifact),
			})
		}
	}
	return sarif.Marshal(run)
}

func sarifRules() (rules []sarif.Rule, index map[string]int) {
	index = map[string]int{}
	for i, r := range Rules() {
		index[r.ID] = i
		rules = append(rules, sarif.Rule{
			ID: r.ID, ShortDescription: sarif.Text{Text: r.Title}, FullDescription: sarif.Text{Text: r.Why},
			Help: sarif.Text{Text: r.Fix}, Default: sarif.Default{Level: sarifLevel(r.Severity)},
		})
	}
	return rules, index
}

func sarifLevel(s Severity) string {
	if s == Info {
		return "note"
	}
	return string(s)
}

func region(from, to iam.Position) sarif.Region {
	return sarif.Region{StartLine: from.Line, StartColumn: from.Column, EndLine: to.Line, EndColumn: to.Column}
}

func fixes(f Finding, artifact sarif.Artifact) []sarif.Fix {
	if len(f.edits) == 0 {
		return nil
	}
	var replacements []sarif.Replacement
	for _, e := range f.edits {
		replacements = append(
			replacements,
			sarif.Replacement{Deleted: region(e.from, e.to), Inserted: sarif.Text{Text: e.text}},
		)
	}
	return []sarif.Fix{{
		Description: sarif.Text{Text: f.Fix},
		Changes:     []sarif.Change{{Artifact: artifact, Replacements: replacements}},
	}}
}
