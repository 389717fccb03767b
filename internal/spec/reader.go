package spec

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/nearest"
)

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
	if ref.Raw == "" || ref.Name == "" && len(ref.Missing) == 0 && ref.Kind != KindProduct {
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

// compose reads a Compose file with its override, includes and extended services.
// Relative paths are relative to the first file's directory.
func (r *reader) compose(file string) {
	c := &composeReader{r: r, dir: path.Dir(file)}
	root := c.load(file, Position{File: file}, nil)
	if over := overrideOf(file); r.tree.has(over) {
		root = root.overlay(c.load(over, Position{File: file}, nil))
	}
	if root == nil {
		return
	}
	c.read(root)
}

// secretArguments warns of build arguments that look like secrets: they stay in the
// image's history and in its provenance.
func (r *reader) secretArguments(args *node) {
	for _, e := range pairs(args) {
		upper := strings.ToUpper(e.key)
		for _, word := range []string{"TOKEN", "PASSWORD", "SECRET", "PRIVATE_KEY", "CREDENTIAL"} {
			if strings.Contains(upper, word) {
				r.warn(CodeSecretArg, e.at, "build argument "+e.key+" looks like a secret", "arguments stay in the image's history", "fetch it when the container runs")
				break
			}
		}
	}
}

// devcontainer reads devcontainer.json. Its paths are relative to its own folder, and
// may lead out of it, but not out of the repository.
func (r *reader) devcontainer(file string) {
	text, ok := r.file(file, Position{File: file}, "the file")
	if !ok {
		return
	}
	root, err := jsonDocument(file, text)
	if err != nil {
		r.unreadable(file, "JSON with comments", err)
		return
	}
	if !r.isOf(root, file, nodeMap) {
		return
	}
	r.known(root, "devcontainer.json", r.warn, devcontainerKeys...)
	d := &devcontainerReader{r: r, dir: path.Dir(file), root: root}
	d.read()
}

// dockerfileAlone reads a Dockerfile that nothing else names.
func (r *reader) dockerfileAlone(file string) {
	r.dockerfile(&Build{Context: ".", Dockerfile: file, Args: r.in, at: Position{File: file}}, "", true)
}

// dockerfile adds every image that a build fetches. needed is false for builds that
// only other profiles need.
func (r *reader) dockerfile(b *Build, service string, needed bool) {
	name, text := b.Dockerfile, []byte(b.Inline)
	if b.Inline == "" {
		var ok bool
		if text, ok = r.file(name, b.at, "the Dockerfile"); !ok {
			return
		}
	} else {
		name = b.at.File
	}
	d := &dockerfile{r: r, build: b, service: service, needed: needed, file: name}
	source := text
	if b.Inline != "" {
		d.shift = b.at.Line // the text of a block scalar starts on the line after its key
		source, _ = r.tree.read(name)
	}
	d.lines = strings.Split(string(source), "\n")
	d.read(text)
}

// unreadable reports a file that is not of its format, at the place that the parser names.
func (r *reader) unreadable(file, language string, err error) {
	at := Position{File: file}
	if m := lineOf.FindStringSubmatch(err.Error()); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		at.Column, _ = strconv.Atoi(m[2])
	}
	code := CodeSyntax
	if errors.Is(err, errTooManyNodes) {
		code = CodeTooMuch
	}
	r.fail(code, at, "cannot read "+file+" as "+language, strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", "; "), "yaml: "), "")
}

// yamlFile reads the only document of a YAML file; nil when it cannot, which is reported.
func (r *reader) yamlFile(file string, at Position) *node {
	text, ok := r.file(file, at, "the file")
	if !ok {
		return nil
	}
	documents, err := yamlDocuments(file, text)
	switch {
	case err != nil:
		r.unreadable(file, "YAML", err)
		return nil
	case len(documents) > 1:
		r.fail(CodeSyntax, documents[1].at, file+" holds more than one document", "only one is read", "remove what follows the first ---")
		return nil
	case len(documents) == 0 || documents[0].is(nodeNull):
		return &node{kind: nodeMap, at: Position{File: file}}
	}
	if !r.isOf(documents[0], file, nodeMap) {
		return nil
	}
	return documents[0]
}

// gitlab reads .gitlab-ci.yml: every job with what it extends, includes of the same
// repository followed. Everything else that it includes is named, and not asked.
func (r *reader) gitlab(file string) {
	g := &gitlabReader{r: r}
	root := g.load(file, Position{File: file}, nil, nil)
	if root == nil {
		return
	}
	g.root = root
	g.globals()
	for _, e := range root.keys {
		if slices.Contains(gitlabGlobals, e.key) && (e.key != "pages" || !e.value.is(nodeMap)) || r.full {
			continue
		}
		if r.isOf(e.value, "job "+quote(e.key), nodeMap) {
			g.job(e)
		}
	}
}

// isOf reports a value of another type than the format's; a value that is not there is fine.
func (r *reader) isOf(n *node, what string, kinds ...nodeKind) bool {
	if n == nil || n.is(kinds...) {
		return n != nil
	}
	var wants []string
	for _, k := range kinds {
		if k != nodeNumber || len(kinds) == 1 {
			wants = append(wants, k.String())
		}
	}
	r.fail(CodeWrongType, n.at, what+" is "+n.kind.String(), "the format wants "+strings.Join(wants, " or "), "")
	return false
}

// known reports the keys of a mapping that the format does not have.
func (r *reader) known(n *node, what string, report func(code string, at Position, what, cause, hint string), keys ...string) {
	for _, e := range n.entries() {
		if !slices.Contains(keys, e.key) {
			hint := "remove it"
			if near := nearest.Word(e.key, keys); near != "" {
				hint = "did you mean " + near + "?"
			}
			report(CodeUnknownKey, e.at, what+" has no key "+quote(e.key), "the format does not define it", hint)
		}
	}
}

// release reads an application template. A service with has_repo names a product: its
// image is built from the repository, and that name must never be asked of a hub.
func (r *reader) release(file string) {
	root := r.yamlFile(file, Position{File: file})
	if root == nil {
		return
	}
	r.known(root, "an application template", r.warn, releaseKeys...)
	t := &releaseReader{r: r, root: root}
	for _, s := range root.get("services").list() {
		if r.isOf(s, "a service", nodeMap) {
			t.service(s)
		}
	}
	for _, key := range []string{"jobs", "cron_jobs", "sidecars"} {
		for _, j := range root.get(key).list() {
			t.job(key, j)
		}
	}
	if builds := root.get("builds"); builds != nil {
		r.warn(CodeNotFollowed, builds.at, "builds is not read", "its form is not documented", "give the service a build of its own")
	}
	if imports := root.get("app_imports"); imports != nil {
		r.note(CodeNotFollowed, imports.at, "app_imports is not followed", "it names other applications", "read their templates on their own")
	}
}

// file reads a file that a spec names at a place; false when it cannot, which is
// reported there.
func (r *reader) file(name string, at Position, what string) ([]byte, bool) {
	text, err := r.tree.read(name)
	if err == nil {
		return text, true
	}
	code := CodeMissingFile
	switch {
	case errors.Is(err, errOutside):
		code = CodeOutside
	case errors.Is(err, errTooMany), errors.Is(err, errTooLong):
		code = CodeTooMuch
	}
	r.problem(pullpass.SeverityError, code, at, "cannot read "+what+" "+quote(name), causeOf(err), "")
	return nil, false
}

// path joins a path to a directory; one that leads out is reported and refused.
func (r *reader) path(dir string, n *node, what string) (string, bool) {
	joined, ok := within(dir, n.text)
	if !ok {
		r.fail(CodeOutside, n.at, what+" "+quote(n.text)+" is refused", "the path leads out of the repository",
			"name a path within the repository")
	}
	return joined, ok
}

// quote shows a text of the repository within a sentence, at a bounded length.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return `"` + s + `"`
}
