package spec

import (
	"io/fs"
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

// maxReferences bounds what one repository may ask for: more is a mistake or an attack.
const maxReferences = 1000

// reader collects what a file asks for.
type reader struct {
	tree *tree
	in   Inputs
	out  Spec
	full bool // maxReferences was reached and has been reported
}

// refer adds a reference. What cannot be known is a problem of its own.
func (r *reader) refer(ref Reference) {
	if len(r.out.References) >= maxReferences {
		if !r.full {
			r.full = true
			r.problem(pullpass.SeverityError, CodeTooMuch, ref.Position, "more than 1,000 references are not read", "", "")
		}
		return
	}
	if ref.Name == "" && len(ref.Missing) == 0 && ref.Kind != KindProduct {
		r.fail(CodeBadReference, ref.Position, quote(ref.Raw)+" names no image", "nothing is left once its variables are replaced", "")
		return
	}
	if len(ref.Missing) > 0 {
		severity := pullpass.SeverityError
		if !ref.Needed {
			severity = pullpass.SeverityInfo
		}
		r.problem(severity, CodeMissingInput, ref.Position,
			"the name of the image "+quote(ref.Raw)+" is not known",
			"nobody declares "+strings.Join(ref.Missing, ", "),
			"declare it: --input "+ref.Missing[0]+"=VALUE")
	}
	r.out.References = append(r.out.References, ref)
}

func (r *reader) problem(severity pullpass.Severity, code string, at Position, what, cause, hint string) {
	p := Problem{Code: code, Severity: severity, What: what, Cause: cause, Hint: hint, Position: at}
	if len(r.out.Problems) < maxReferences && !slices.Contains(r.out.Problems, p) { // two services may share a line
		r.out.Problems = append(r.out.Problems, p)
	}
}

func (r *reader) fail(code string, at Position, what, cause, hint string) {
	r.problem(pullpass.SeverityError, code, at, what, cause, hint)
}

func (r *reader) warn(code string, at Position, what, cause, hint string) {
	r.problem(pullpass.SeverityWarning, code, at, what, cause, hint)
}

func (r *reader) note(code string, at Position, what, cause, hint string) {
	r.problem(pullpass.SeverityInfo, code, at, what, cause, hint)
}

// quote shows a text of the repository within a sentence, at a bounded length.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return `"` + s + `"`
}
