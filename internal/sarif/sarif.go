// Package sarif writes findings as SARIF 2.1.0, which code scanners of GitHub, GitLab
// and Azure DevOps show at their lines.
//
// The one idea: only the parts that are used are here, with the format's own names.
//
//	run := sarif.Run{Tool: sarif.Tool{Driver: sarif.Driver{Name: "pullpass"}}}
//	run.Results = append(run.Results, sarif.Result{RuleID: "unknown_key", Level: "error",
//		Message:   sarif.Text{Text: "image has no key contxt"},
//		Locations: sarif.At(sarif.ArtifactAt(".gitpod.yml"), sarif.Region{StartLine: 3, StartColumn: 3})})
//	text, err := sarif.Marshal(run)
//
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
package sarif

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// The parts of SARIF 2.1.0 that are used.
type (
	// Log is a file.
	Log struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []Run  `json:"runs"`
	}
	// Run is one run of a tool; Marshal fills in its column kind.
	Run struct {
		Tool       Tool     `json:"tool"`
		ColumnKind string   `json:"columnKind"`
		Results    []Result `json:"results"`
	}
	// Tool is what ran.
	Tool struct {
		Driver Driver `json:"driver"`
	}
	// Driver is the tool itself, with its rules.
	Driver struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
		Rules   []Rule `json:"rules"`
	}
	// Rule is a kind of finding.
	Rule struct {
		ID               string  `json:"id"`
		ShortDescription Text    `json:"shortDescription"`
		FullDescription  Text    `json:"fullDescription"`
		Help             Text    `json:"help"`
		Default          Default `json:"defaultConfiguration"`
	}
	// Text is plain text.
	Text struct {
		Text string `json:"text"`
	}
	// Default is the level of a rule.
	Default struct {
		Level string `json:"level"`
	}
	// Result is one finding.
	Result struct {
		RuleID    string     `json:"ruleId"`
		RuleIndex int        `json:"ruleIndex"`
		Level     string     `json:"level"`
		Message   Text       `json:"message"`
		Locations []Location `json:"locations"`
		Fixes     []Fix      `json:"fixes,omitempty"`
	}
	// Location is where it is.
	Location struct {
		Physical Physical `json:"physicalLocation"`
	}
	// Physical is a place in a file.
	Physical struct {
		Artifact Artifact `json:"artifactLocation"`
		Region   Region   `json:"region"`
	}
	// Artifact is a file, relative to the root of the repository.
	Artifact struct {
		URI string `json:"uri"`
	}
	// Region is a part of a file; lines and columns count from 1, Unicode code points.
	Region struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	// Fix is a correction.
	Fix struct {
		Description Text     `json:"description"`
		Changes     []Change `json:"artifactChanges"`
	}
	// Change is what a correction does to one file.
	Change struct {
		Artifact     Artifact      `json:"artifactLocation"`
		Replacements []Replacement `json:"replacements"`
	}
	// Replacement is a part that is replaced.
	Replacement struct {
		Deleted  Region `json:"deletedRegion"`
		Inserted Text   `json:"insertedContent"`
	}
)

// Marshal writes a file with one run.
func Marshal(run Run) ([]byte, error) {
	run.ColumnKind = "unicodeCodePoints"
	if run.Results == nil {
		run.Results = []Result{}
	}
	if run.Tool.Driver.Rules == nil {
		run.Tool.Driver.Rules = []Rule{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(Log{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []Run{run}})
	if err != nil {
		return nil, fmt.Errorf("writing the findings as SARIF: %w", err)
	}
	return b.Bytes(), nil
}

// ArtifactAt names a file: relative paths stay so, as scanners want them from the
// repository's root.
func ArtifactAt(path string) Artifact {
	u := url.URL{Path: strings.ReplaceAll(path, `\`, "/")}
	if strings.HasPrefix(u.Path, "/") {
		u.Scheme = "file"
	}
	return Artifact{URI: u.String()}
}

// At is one place in a file.
func At(file Artifact, region Region) []Location {
	return []Location{{Physical{file, region}}}
}
