package main

import (
	"github.com/pullpass/pullpass/internal/iam/lint"
	"github.com/pullpass/pullpass/internal/printable"
)

type policyLint struct {
	Files   []string `arg:"" help:"Policy documents; - is standard input."`
	Kind    string   `enum:"identity,repository,registry,trust,boundary,session,scp," default:"" placeholder:"KIND" help:"Where the policy is attached; detected where the document tells."`
	Fix     bool     `help:"Print the corrected document instead of the findings."`
	SARIF   bool     `name:"sarif" help:"Print SARIF 2.1.0, for code scanning."`
	Account string   `placeholder:"ACCOUNT" help:"Account that owns the document: more mistakes can be seen then."`
	Role    string   `placeholder:"ARN" help:"Role whose policy this is."`
}

// Run prints findings. Exit code 1 where one is an error.
func (p *policyLint) Run(t *terminal) error {
	kind := lint.Kind(p.Kind)
	facts := lint.Facts{Account: p.Account, Role: p.Role}
	var files []lint.File
	failed := false
	for _, path := range p.Files {
		data, err := readFile(t, path)
		if err != nil {
			return misuseError{err}
		}
		if p.Fix {
			if err := fixDocument(t, data, kind, facts); err != nil {
				return err
			}
			continue
		}
		report, err := lint.Document(data, kind, facts)
		if err != nil {
			return misuseError{err}
		}
		failed = failed || report.Worst() == lint.Error
		files = append(files, lint.File{Path: path, Report: report})
	}
	if p.Fix {
		return nil
	}
	if err := p.print(t, files); err != nil {
		return err
	}
	if failed {
		return exitCode(exitFailed)
	}
	return nil
}

func (p *policyLint) print(t *terminal, files []lint.File) error {
	var text []byte
	var err error
	switch {
	case p.SARIF:
		text, err = lint.SARIF(files, version)
	case t.json:
		text, err = lint.JSON(files)
	default:
		for _, f := range files {
			printReport(t, f)
		}
		return nil
	}
	if err == nil {
		_, err = t.raw.Write(printable.JSON(text))
	}
	return err
}

func printReport(t *terminal, f lint.File) {
	_, _ = t.out.Write(lint.Text([]lint.File{f}))
	if len(f.Findings) == 0 {
		t.say("%s: nothing found (%s policy).", f.Path, f.Kind)
	}
}

func fixDocument(t *terminal, data []byte, kind lint.Kind, facts lint.Facts) error {
	fixed, corrected, err := lint.Fix(data, kind, facts)
	if err != nil {
		return misuseError{err}
	}
	for _, f := range corrected {
		t.say("corrected %s: %s [%s]", f.Position, f.Detail, f.ID)
	}
	_, err = t.raw.Write(printable.JSON(fixed))
	return err
}
