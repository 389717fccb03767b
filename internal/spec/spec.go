package spec

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
)

// Format is a way in which a repository says what it needs.
type Format string

// The formats, as people call them on the command line.
const (
	FormatGitpod       Format = "gitpod"       // .gitpod.yml
	FormatDevcontainer Format = "devcontainer" // devcontainer.json
	FormatRelease      Format = "release"      // Release's application template
	FormatGitLab       Format = "gitlab"       // .gitlab-ci.yml
	FormatCompose      Format = "compose"      // compose.yaml
	FormatDockerfile   Format = "dockerfile"   // a Dockerfile on its own
)

// Starts reports whether an environment can be started from the format; the others
// are read for their references.
func (f Format) Starts() bool { return f != FormatGitLab && f != FormatDockerfile }

// Inputs are the variables that somebody has declared for a repository: the project's
// variables and those of the command line. Nothing else is an input.
type Inputs map[string]string

// Spec is what a file asks for, files that it includes or builds from among it.
type Spec struct {
	Format     Format      `json:"format"`
	File       string      `json:"file"`
	Services   []Service   `json:"services,omitempty"`
	References []Reference `json:"references"`
	Problems   []Problem   `json:"problems,omitempty"`
	Tasks      []Task      `json:"tasks,omitempty"`
	Ports      []int       `json:"ports,omitempty"` // that .gitpod.yml or devcontainer.json declares
}

// Task is something that runs in the environment once it is there.
type Task struct {
	Name    string `json:"name,omitempty"`
	Command string `json:"command"`
	Position
}

// Failed reports whether the file cannot be started as it is.
func (s *Spec) Failed() bool {
	return slices.ContainsFunc(s.Problems, func(p Problem) bool { return p.Severity == pullpass.SeverityError })
}

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

// Read reads one file and what it leads to. The error says that nothing could be read
// at all; what is wrong within is in the spec's problems, with its place.
func Read(tree fs.FS, c Candidate, in Inputs) (Spec, error) {
	r := &reader{tree: newTree(tree), in: in, out: Spec{Format: c.Format, File: c.File, References: []Reference{}}}
	read := map[Format]func(string){
		FormatGitpod: r.gitpod, FormatDevcontainer: r.devcontainer, FormatRelease: r.release,
		FormatGitLab: r.gitlab, FormatCompose: r.compose, FormatDockerfile: r.dockerfileAlone,
	}[c.Format]
	if read == nil {
		return Spec{}, &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot read " + c.File, Cause: "unknown format " + string(c.Format),
			Hint: "the formats are " + strings.Join(Formats(), ", "),
		}
	}
	if _, err := r.tree.read(c.File); err != nil {
		return Spec{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read " + c.File, Cause: causeOf(err), Err: err}
	}
	read(c.File)
	slices.SortStableFunc(r.out.References, func(a, b Reference) int { return a.compare(b.Position) })
	slices.SortStableFunc(r.out.Problems, func(a, b Problem) int { return a.compare(b.Position) })
	return r.out, nil
}

// Formats are the names of all formats.
func Formats() []string {
	return []string{
		string(FormatGitpod), string(FormatDevcontainer), string(FormatRelease), string(FormatCompose),
		string(FormatGitLab), string(FormatDockerfile),
	}
}
