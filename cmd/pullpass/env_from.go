package main

import (
	"os"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/spec"
)

// envSource makes `env create` start what the files of a directory ask for.
type envSource struct {
	From  string            `placeholder:"DIR" help:"Start what the files of this directory ask for: .gitpod.yml, devcontainer.json, application template, compose.yaml."`
	File  string            `placeholder:"FILE" help:"With --from: which file, relative to the directory, where there are several."`
	Input map[string]string `placeholder:"NAME=VALUE" help:"With --from: a variable that the file may use. Can be repeated."`
}

// read reads what to start. Warnings go to the person: what is started is the data.
func (e *envSource) read(t *terminal) ([]pullpass.Service, error) {
	root, err := openRepository(e.From)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // read only
	found, err := spec.Find(root.FS())
	if err != nil {
		return nil, err
	}
	chosen, err := spec.Choose(found, e.File)
	if err != nil {
		return nil, err
	}
	s, err := spec.Read(root.FS(), chosen, e.Input)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Problems {
		if p.Severity == pullpass.SeverityWarning {
			t.say("%s", p)
		}
	}
	services, err := s.Environment()
	if err == nil {
		t.say("Starting what %s asks for.", chosen.File)
	}
	return services, err
}

// openRepository opens a directory so that nothing outside it can be read.
func openRepository(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the repository", Err: err, Hint: "name its directory"}
	}
	return root, nil
}
