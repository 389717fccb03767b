package spec

import (
	"slices"

	"github.com/pullpass/pullpass/internal/sarif"
)

// SARIF writes the problems of specs for code scanners; version is the program's.
func SARIF(specs []Spec, version string) ([]byte, error) {
	run := sarif.Run{Tool: sarif.Tool{Driver: sarif.Driver{Name: "pullpass", Version: version}}}
	rules := &run.Tool.Driver.Rules
	for _, s := range specs {
		for _, p := range s.Problems {
			rule := slices.IndexFunc(*rules, func(r sarif.Rule) bool { return r.ID == p.Code })
			if rule < 0 {
				rule = len(*rules)
				*rules = append(*rules, sarif.Rule{
					ID: p.Code, ShortDescription: sarif.Text{Text: meaning[p.Code]}, FullDescription: sarif.Text{Text: meaning[p.Code]},
					Help: sarif.Text{Text: meaning[p.Code]}, Default: sarif.Default{Level: p.level()},
				})
			}
			text := p.What
			if p.Cause != "" {
				text += ": " + p.Cause
			}
			if p.Hint != "" {
				text += ". " + p.Hint
			}
			run.Results = append(run.Results, sarif.Result{
				RuleID: p.Code, RuleIndex: rule, Level: p.level(), Message: sarif.Text{Text: text},
				Locations: sarif.At(sarif.ArtifactAt(p.File), sarif.Region{StartLine: max(p.Line, 1), StartColumn: max(p.Column, 1)}),
			})
		}
	}
	return sarif.Marshal(run)
}

// meaning says what each code is about.
var meaning = map[string]string{
	CodeSyntax:       "A file is not of its format.",
	CodeUnknownKey:   "A key that the format does not define.",
	CodeWrongType:    "A value of another type than the format's.",
	CodeMissingFile:  "A file, a job or a service that is named and is not there.",
	CodeOutside:      "A path that leads out of the repository.",
	CodeTooMuch:      "More than is read.",
	CodeMissingInput: "An image's name depends on an input that nobody declares.",
	CodeBadReference: "A text that names no image.",
	CodeLoop:         "Files, jobs or services that lead to themselves.",
	CodeNotFollowed:  "Another place that would have to be asked.",
	CodeRefused:      "Something that reaches beyond the environment.",
	CodeProduct:      "A name that is built here and could be pulled by accident.",
	CodeNoImage:      "A service that names nothing to start.",
	CodeUnsupported:  "Something that is valid and not supported.",
	CodeSecretArg:    "A build argument that looks like a secret.",
}
