package spec

import (
	"github.com/pullpass/pullpass"
)

// Choose returns the file that an environment is started from: the one that is named,
// or the only one from which one can be. Several are for a person to choose from.
func Choose(found []Candidate, file string) (Candidate, error) {
	var starts []Candidate
	for _, c := range found {
		if c.File == file {
			return c, nil
		}
		if c.Format.Starts() {
			starts = append(starts, c)
		}
	}
	switch {
	case file != "":
		format, err := FormatOf(file)
		return Candidate{Format: format, File: file}, err
	case len(starts) == 1:
		return starts[0], nil
	case len(starts) == 0:
		return Candidate{}, &pullpass.Error{
			Kind: pullpass.NotFound, Code: "spec_missing", What: "the repository does not say what to start",
			Cause: "it has no .gitpod.yml, devcontainer.json, application template or compose.yaml where their tools look",
			Hint:  "name an image: --image IMAGE; or a file: --file FILE",
		}
	}
	names := ""
	for i, c := range starts {
		if i > 0 {
			names += ", "
		}
		names += c.File
	}
	return Candidate{}, &pullpass.Error{
		Kind: pullpass.Invalid, Code: "spec_ambiguous", What: "the repository says in several files what to start",
		Cause: names, Hint: "say which: --file " + starts[0].File,
	}
}
