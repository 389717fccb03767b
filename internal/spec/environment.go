package spec

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pullpass/pullpass"
)

// Environment returns the services that an environment of this spec has, or why none
// can be started. Which are needed was decided when the spec was read.
func (s *Spec) Environment() ([]pullpass.Service, error) {
	refuse := func(at Position, code, what, cause, hint string) error {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: code, What: fmt.Sprintf("%s: %s", at, what), Cause: cause, Hint: hint}
	}
	file := Position{File: s.File}
	if !s.Format.Starts() {
		return nil, refuse(file, CodeUnsupported, "cannot start an environment from it", "it says what a pipeline or a build needs, not what an environment is",
			"name another file: --file FILE")
	}
	for _, p := range s.Problems {
		if p.Severity == pullpass.SeverityError {
			return nil, refuse(p.Position, p.Code, p.What, p.Cause, p.Hint)
		}
	}
	for _, r := range s.References {
		if r.Kind == KindFeature {
			return nil, refuse(r.Position, CodeUnsupported, "cannot start it with the feature "+quote(r.Raw), "features are installed by a build, and builds are not supported yet",
				"build the image with its features elsewhere, and name it")
		}
	}
	var services []pullpass.Service
	for _, service := range s.Services {
		switch {
		case !service.Needed:
			continue
		case service.Build != nil:
			return nil, refuse(service.Build.at, CodeUnsupported, "cannot start the service "+quote(service.Name)+" from a build", "builds are not supported yet",
				"build and push the image elsewhere, and name it")
		case service.Image == "":
			return nil, refuse(service.Position, CodeNoImage, "cannot start the service "+quote(service.Name), "it names no image", "name one")
		case slices.ContainsFunc(s.References, func(r Reference) bool { return r.Kind == KindProduct && r.Service == service.Name }):
			return nil, refuse(service.Position, CodeProduct, "cannot start the service "+quote(service.Name), "its image is built from the repository, and builds are not supported yet",
				"build and push the image elsewhere, and name it")
		}
		services = append(services, pullpass.Service{
			Name: service.Name, Image: service.Image, Command: service.Command, Entrypoint: service.Entrypoint,
			Env: maps.Clone(service.Environment), User: service.User, WorkingDir: service.WorkingDir, DependsOn: service.DependsOn,
		})
	}
	if len(services) == 0 {
		return nil, refuse(file, CodeNoImage, "there is nothing to start", "it asks for no service", "name one in it")
	}
	return services, nil
}

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
