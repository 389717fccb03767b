package spec

import (
	"slices"
	"strings"
)

// gitlabGlobals are the keys at the root of .gitlab-ci.yml that are no jobs.
var gitlabGlobals = []string{
	"after_script", "before_script", "cache", "default", "image", "include", "pages", "services", "spec", "stages",
	"variables", "workflow",
}

// gitlabJob are the keys of a job (docs.gitlab.com/ci/yaml).
var gitlabJob = []string{
	"after_script", "allow_failure", "artifacts", "before_script", "cache", "coverage", "dast_configuration",
	"dependencies", "environment", "except", "extends", "hooks", "id_tokens", "identity", "image", "inherit", "inputs",
	"interruptible", "manual_confirmation", "needs", "only", "pages", "parallel", "publish", "release",
	"resource_group", "retry", "rules", "run", "script", "secrets", "services", "stage", "start_in", "tags", "timeout",
	"trigger", "type", "variables", "when",
}

// gitlabReader is one pipeline that is being read, its includes merged.
type gitlabReader struct {
	r    *reader
	root *node
}

// load reads a file and what it includes. given are the inputs of the include that led here.
func (g *gitlabReader) load(file string, at Position, given *node, chain []string) *node {
	if slices.Contains(chain, file) {
		g.r.fail(CodeLoop, at, file+" includes itself", strings.Join(append(chain, file), " includes "), "")
		return nil
	}
	text, ok := g.r.file(file, at, "the file")
	if !ok {
		return nil
	}
	documents, err := yamlDocuments(file, text)
	if err != nil {
		g.r.unreadable(file, "YAML", err)
		return nil
	}
	var root *node
	switch {
	case len(documents) == 2 && documents[0].get("spec") != nil:
		root = documents[1]
		g.inputs(root, documents[0].get("spec", "inputs"), given)
	case len(documents) == 1:
		root = documents[0]
	case len(documents) > 1:
		g.r.fail(CodeSyntax, documents[1].at, file+" holds more than one document", "only a header with spec may come before", "")
		return nil
	}
	if !g.r.isOf(root, file, nodeMap) {
		return nil
	}
	return g.included(root, file, append(slices.Clone(chain), file)).overlay(root)
}

// included merges what a file includes.
func (g *gitlabReader) included(root *node, file string, chain []string) *node {
	include := root.get("include")
	items := include.list()
	if include.is(nodeMap, nodeString) {
		items = []*node{include}
	}
	var merged *node
	for _, item := range items {
		local := item.str()
		if item.is(nodeMap) {
			local = item.get("local").str()
		}
		if local == "" || strings.Contains(local, "://") {
			g.r.note(CodeNotFollowed, item.at, "include is not followed", "it is in another place: "+placeOf(item), "read it on its own")
			continue
		}
		if strings.ContainsAny(local, "*$") {
			g.r.note(CodeNotFollowed, item.at, "include "+quote(local)+" is not followed", "its name has wildcards or variables", "")
			continue
		}
		name, ok := within(".", strings.TrimPrefix(local, "/")) // from the root, wherever the file is
		if !ok {
			g.r.fail(CodeOutside, item.at, "include "+quote(local)+" is refused", "the path leads out of the repository", "")
			continue
		}
		merged = merged.overlay(g.load(name, item.at, item.get("inputs"), chain))
	}
	return merged
}

// placeOf says where an include that is not followed is.
func placeOf(n *node) string {
	if n.isScalar() {
		return n.text
	}
	var parts []string
	for _, key := range []string{"project", "file", "ref", "template", "component", "remote"} {
		if v := n.get(key); v != nil {
			parts = append(parts, key+" "+strings.Join(v.words(), ", "))
		}
	}
	return strings.Join(parts, ", ")
}

// inputs puts values in the place of $[[ inputs.NAME ]]: those that the include gives,
// else the defaults of the header.
func (g *gitlabReader) inputs(root, declared, given *node) {
	values := map[string]string{}
	for _, e := range declared.entries() {
		if value := e.value.get("default"); value.isScalar() {
			values[e.key] = value.text
		}
		if value := given.get(e.key); value.isScalar() {
			values[e.key] = value.text
		}
	}
	replaceInputs(root, values)
}

func replaceInputs(n *node, values map[string]string) {
	if n == nil {
		return
	}
	if n.isScalar() && strings.Contains(n.text, "$[[") {
		for name, value := range values {
			for _, form := range []string{"$[[ inputs." + name + " ]]", "$[[inputs." + name + "]]"} {
				n.text = strings.ReplaceAll(n.text, form, value)
			}
		}
	}
	for _, item := range n.items {
		replaceInputs(item, values)
	}
	for _, e := range n.keys {
		replaceInputs(e.value, values)
	}
}

// globals adds the image and services that jobs without their own get.
func (g *gitlabReader) globals() {
	for _, at := range []*node{g.root, g.root.get("default")} {
		values := g.variables(nil)
		g.refer(at.get("image"), "default", KindImage, values, true)
		g.services(at.get("services"), "default", values, true)
	}
}

// job adds the image and the services of a job, with what it extends. What jobs inherit
// from default is there already.
func (g *gitlabReader) job(e entry) {
	g.r.known(e.value, "job "+quote(e.key), g.r.fail, gitlabJob...)
	job := g.extended(e.key, e.value, nil)
	hidden := strings.HasPrefix(e.key, ".")
	for _, values := range g.runs(job) {
		g.refer(job.get("image"), e.key, KindImage, values, !hidden)
		g.services(job.get("services"), e.key, values, !hidden)
	}
}

// extended is a job with what it extends beneath it; mappings are merged, lists replaced.
func (g *gitlabReader) extended(name string, job *node, chain []string) *node {
	extends := job.get("extends")
	if extends == nil {
		return job
	}
	if slices.Contains(chain, name) || len(chain) > 10 { // GitLab allows eleven levels
		g.r.fail(CodeLoop, extends.at, "job "+quote(name)+" extends itself, or too deep", strings.Join(append(chain, name), " extends "), "")
		return job
	}
	var base *node
	for _, other := range extends.words() {
		parent := g.root.get(other)
		if parent == nil {
			g.r.fail(CodeMissingFile, extends.at, "job "+quote(name)+" extends "+quote(other)+", which is not there", "",
				"read the pipeline with what it includes")
			continue
		}
		base = base.overlay(g.extended(other, parent, append(slices.Clone(chain), name)))
	}
	return base.overlay(job)
}

// dereferenced follows !reference [job, key, …]; nil when nothing is there.
func (g *gitlabReader) dereferenced(n *node, depth int) *node {
	if !n.is(nodeReference) {
		return n
	}
	keys := n.items
	if depth > 10 || len(keys) == 0 {
		return nil
	}
	target := g.root
	for _, key := range keys {
		target = g.dereferenced(target.get(key.str()), depth+1)
	}
	if target == nil {
		var names []string
		for _, key := range keys {
			names = append(names, key.str())
		}
		g.r.fail(CodeMissingFile, n.at, "!reference ["+strings.Join(names, ", ")+"] names nothing", "", "")
	}
	return target
}

func (g *gitlabReader) services(list *node, job string, values map[string]string, needed bool) {
	for _, s := range g.dereferenced(list, 0).list() {
		s = g.dereferenced(s, 0)
		if s.is(nodeList) { // a !reference to a list of services, within a list
			g.services(s, job, values, needed)
			continue
		}
		g.refer(s, job, KindImage, values, needed)
	}
}

// refer adds an image, a text or a mapping with a name.
func (g *gitlabReader) refer(n *node, job string, kind Kind, values map[string]string, needed bool) {
	n = g.dereferenced(n, 0)
	platform := ""
	if n.is(nodeMap) {
		g.r.known(n, "an image", g.r.fail, "name", "entrypoint", "docker", "kubernetes", "pull_policy", "alias", "command", "variables")
		platform = n.get("docker", "platform").str()
		n = g.dereferenced(n.get("name"), 0)
	}
	if !n.isScalar() || n.text == "" {
		return
	}
	name, missing := expandShell(n.text, func(variable string) (string, bool) {
		value, ok := values[variable]
		return value, ok
	})
	if len(missing) > 0 {
		name = ""
	}
	ref := Reference{Raw: n.text, Name: name, Kind: kind, Service: job, Platform: platform, Needed: needed, Missing: missing, Position: n.at}
	same := func(o Reference) bool {
		return o.Position == ref.Position && o.Name == ref.Name && o.Service == ref.Service
	}
	if !slices.ContainsFunc(g.r.out.References, same) {
		g.r.refer(ref)
	}
}

// variables are those of the pipeline, of a job where one is given, and the declared
// inputs, which win: GitLab puts a project's variables above those of the file.
func (g *gitlabReader) variables(job *node) map[string]string {
	values := map[string]string{}
	for _, at := range []*node{g.root, job} {
		for _, e := range at.get("variables").entries() {
			v := e.value
			if v.is(nodeMap) {
				v = v.get("value")
			}
			if v.isScalar() {
				values[e.key] = v.text
			}
		}
	}
	for name, value := range g.r.in {
		values[name] = value
	}
	// Variables may be made of variables; each round resolves one level.
	for range 5 {
		for name, value := range values {
			values[name], _ = expandShell(value, func(other string) (string, bool) {
				v, ok := values[other]
				if !ok || other == name {
					return "$" + other, true
				}
				return v, true
			})
		}
	}
	for name, value := range values {
		if strings.Contains(value, "$") {
			delete(values, name) // of something that is not known
		}
	}
	return values
}

// maxRuns bounds how many runs of one job are told apart; GitLab allows 200.
const maxRuns = 200

// runs are the variables of each run of a job: one, or one for each combination of its
// matrix, and one for each rule that sets variables.
func (g *gitlabReader) runs(job *node) []map[string]string {
	base := g.variables(job)
	runs := []map[string]string{base}
	for _, combination := range g.dereferenced(job.get("parallel", "matrix"), 0).list() {
		made := []map[string]string{base}
		for _, e := range combination.entries() {
			var next []map[string]string
			for _, run := range made {
				for _, value := range e.value.words() {
					if len(next) < maxRuns {
						next = append(next, with(run, e.key, value))
					}
				}
			}
			made = next
		}
		runs = append(runs, made...)
	}
	if len(runs) > 1 {
		runs = runs[1:] // each run is one of the matrix
	}
	for _, rule := range g.dereferenced(job.get("rules"), 0).list() {
		run := runs[0]
		for _, e := range rule.get("variables").entries() {
			if e.value.isScalar() {
				run = with(run, e.key, e.value.text)
			}
		}
		if len(rule.get("variables").entries()) > 0 {
			runs = append(runs, run)
		}
	}
	return runs[:min(len(runs), maxRuns)]
}

func with(values map[string]string, name, value string) map[string]string {
	all := make(map[string]string, len(values)+1)
	for k, v := range values {
		all[k] = v
	}
	all[name] = value
	return all
}
