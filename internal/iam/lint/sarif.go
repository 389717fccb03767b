package lint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
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

// The parts of SARIF 2.1.0 that are used, with its own names.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifText    `json:"shortDescription"`
		FullDescription  sarifText    `json:"fullDescription"`
		Help             sarifText    `json:"help"`
		Default          sarifDefault `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Fixes     []sarifFix      `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifFix struct {
		Description sarifText     `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion `json:"deletedRegion"`
		Inserted sarifText   `json:"insertedContent"`
	}
)

// SARIF writes the reports as SARIF 2.1.0, for code scanners; version is the
// program's. Mechanical corrections are included as fixes.
func SARIF(files []File, version string) ([]byte, error) {
	rules, index := sarifRules()
	run := sarifRun{
		Tool:       sarifTool{Driver: sarifDriver{Name: "pullpass", Version: version, Rules: rules}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	for _, f := range files {
		artifact := sarifArtifact{URI: uri(f.Path)}
		for _, finding := range f.Findings {
			run.Results = append(run.Results, sarifResult{
				RuleID: finding.ID, RuleIndex: index[finding.ID], Level: sarifLevel(finding.Severity),
				Message:   sarifText{finding.Detail + ". " + finding.Fix},
				Locations: []sarifLocation{{sarifPhysical{artifact, region(finding.Position, finding.End)}}},
				Fixes:     fixes(finding, artifact),
			})
		}
	}
	return marshal(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

// uri makes a reference of a path: relative ones stay so, as scanners want
// them from the repository's root.
func uri(path string) string {
	u := url.URL{Path: strings.ReplaceAll(path, `\`, "/")}
	if strings.HasPrefix(u.Path, "/") {
		u.Scheme = "file"
	}
	return u.String()
}

func sarifRules() (rules []sarifRule, index map[string]int) {
	index = map[string]int{}
	for i, r := range Rules() {
		index[r.ID] = i
		rules = append(rules, sarifRule{
			ID: r.ID, ShortDescription: sarifText{r.Title}, FullDescription: sarifText{r.Why},
			Help: sarifText{r.Fix}, Default: sarifDefault{sarifLevel(r.Severity)},
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

func region(from, to iam.Position) sarifRegion {
	return sarifRegion{from.Line, from.Column, to.Line, to.Column}
}

func fixes(f Finding, artifact sarifArtifact) []sarifFix {
	if len(f.edits) == 0 {
		return nil
	}
	var replacements []sarifReplacement
	for _, e := range f.edits {
		replacements = append(replacements, sarifReplacement{region(e.from, e.to), sarifText{e.text}})
	}
	return []sarifFix{{sarifText{f.Fix}, []sarifChange{{artifact, replacements}}}}
}
