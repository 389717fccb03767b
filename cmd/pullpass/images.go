package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/spec"
)

type imagesCommand struct {
	Dir     string            `arg:"" optional:"" default:"." help:"The repository's directory. Nothing outside it is read."`
	File    string            `placeholder:"FILE" help:"Read this file only, relative to the directory."`
	Format  string            `enum:"gitpod,devcontainer,release,compose,gitlab,dockerfile," default:"" placeholder:"FORMAT" help:"The file's format, where its name does not tell: gitpod, devcontainer, release, compose, gitlab, dockerfile."`
	Input   map[string]string `placeholder:"NAME=VALUE" help:"A variable that files may use in names of images. Can be repeated. Variables of this process are never used."`
	Project string            `placeholder:"NAME" help:"Ask the server about each image as well: which registry of this project opens it, whether it is there, its digest."`
	SARIF   bool              `name:"sarif" help:"Print the problems as SARIF 2.1.0, for code scanning."`
}

// Run lists what the repository asks for. Exit code 1: something would not start;
// 2: the directory or the file cannot be read; 3: the server cannot tell.
func (i *imagesCommand) Run(ctx context.Context, t *terminal) error {
	specs, err := i.read()
	if err != nil {
		return misuseError{err}
	}
	var verdicts verdictsOf
	if i.Project != "" {
		if verdicts, err = askAbout(ctx, specs, i.Project); err != nil {
			return err
		}
	}
	if i.SARIF {
		text, err := spec.SARIF(specs, version)
		if err == nil {
			_, err = t.raw.Write(printable.JSON(text))
		}
		if err != nil {
			return err
		}
	} else if err := t.show(struct {
		Specs    []spec.Spec        `json:"specs"`
		Verdicts []api.ImageVerdict `json:"verdicts,omitempty"`
	}{specs, verdicts.list()}, func(w io.Writer) { writeImages(w, specs, verdicts) }); err != nil {
		return err
	}
	if slices.ContainsFunc(specs, func(s spec.Spec) bool { return s.Failed() }) {
		return exitCode(exitFailed)
	}
	return verdicts.exit()
}

// read reads the file that is named, or all that are found.
func (i *imagesCommand) read() ([]spec.Spec, error) {
	root, err := openRepository(i.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // read only
	var found []spec.Candidate
	if i.File != "" {
		format := spec.Format(i.Format)
		if format == "" {
			if format, err = spec.FormatOf(i.File); err != nil {
				return nil, err
			}
		}
		found = []spec.Candidate{{Format: format, File: i.File}}
	} else if found, err = spec.Find(root.FS()); err != nil {
		return nil, err
	}
	if i.Format != "" {
		found = slices.DeleteFunc(found, func(c spec.Candidate) bool { return string(c.Format) != i.Format })
	}
	if len(found) == 0 {
		return nil, &pullpass.Error{
			Kind: pullpass.NotFound, What: "found nothing in " + i.Dir + " that names images",
			Cause: "it has no .gitpod.yml, devcontainer.json, application template, compose.yaml, .gitlab-ci.yml or Dockerfile where their tools look",
			Hint:  "name the file: pullpass images " + i.Dir + " --file PATH --format dockerfile",
		}
	}
	specs := make([]spec.Spec, 0, len(found))
	for _, c := range found {
		s, err := spec.Read(root.FS(), c, i.Input)
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// writeImages prints the references of each file, then what is wrong with it, as
// compilers do: editors and terminals make links of the places.
func writeImages(w io.Writer, specs []spec.Spec, verdicts verdictsOf) {
	for n, s := range specs {
		if n > 0 {
			_, _ = io.WriteString(w, "\n")
		}
		_, _ = io.WriteString(w, s.File+" ("+string(s.Format)+")\n")
		rows := [][]string{{"  IMAGE", "USE", "BY", "WHERE"}}
		for _, r := range s.References {
			name := r.Name
			if name == "" {
				name = r.Raw
			}
			use := string(r.Kind)
			if !r.Needed {
				use += ", not needed"
			}
			rows = append(rows, []string{"  " + name, use, r.Service, r.Position.String()})
		}
		if len(rows) > 1 {
			columns(w, verdicts.beside(rows, s.References))
		} else {
			_, _ = io.WriteString(w, "  It names no image.\n")
		}
		verdicts.explain(w, s.References)
		for _, p := range s.Problems {
			_, _ = io.WriteString(w, strings.TrimSpace(p.String())+"\n")
			if p.Hint != "" {
				_, _ = io.WriteString(w, "  hint: "+p.Hint+"\n")
			}
		}
	}
}
