package spec

import (
	"path"
	"slices"
	"strings"
)

// overrideOf is the file that Compose merges over another one by itself.
func overrideOf(file string) string {
	ext := path.Ext(file)
	return strings.TrimSuffix(file, ext) + ".override" + ext
}

// composeReader is one project that is being read.
type composeReader struct {
	r   *reader
	dir string // of the first file
}

// load reads a file and what it includes. chain are the files that led here.
func (c *composeReader) load(file string, at Position, chain []string) *node {
	if slices.Contains(chain, file) {
		c.r.fail(CodeLoop, at, file+" includes itself", strings.Join(append(chain, file), " includes "), "")
		return nil
	}
	root := c.r.yamlFile(file, at)
	if root == nil {
		return nil
	}
	chain = append(slices.Clone(chain), file)
	var merged *node
	for _, include := range root.get("include").list() {
		paths := include.words()
		if include.is(nodeMap) {
			paths = include.get("path").words()
		}
		for _, p := range paths {
			switch name, ok := within(path.Dir(file), p); {
			case isRemote(p):
				c.r.warn(CodeNotFollowed, include.at, "include "+quote(p)+" is not followed", "it is another repository or registry", "read it on its own")
			case !ok:
				c.r.fail(CodeOutside, include.at, "include "+quote(p)+" is refused", "the path leads out of the repository", "")
			default:
				merged = merged.overlay(c.load(name, include.at, chain))
			}
		}
	}
	return merged.overlay(root)
}

// isRemote reports whether a path of Compose is an address.
func isRemote(p string) bool {
	return strings.Contains(p, "://") || strings.HasPrefix(p, "git@") || strings.HasPrefix(p, "github.com/")
}

func (c *composeReader) read(root *node) {
	c.r.known(withoutExtensions(root), "a Compose file", c.r.fail,
		"version", "name", "include", "services", "models", "networks", "volumes", "secrets", "configs", "jobs")
	services := root.get("services")
	if !c.r.isOf(services, "services", nodeMap) {
		if services == nil {
			c.r.fail(CodeNoImage, root.at, "the file has no services", "services is missing", "")
		}
		return
	}
	for _, e := range services.keys {
		if c.r.full {
			break
		}
		if c.r.isOf(e.value, "service "+quote(e.key), nodeMap) {
			c.service(e, c.extended(e.key, e.value, services, e.at.File, nil))
		}
	}
	for _, e := range root.get("models").entries() {
		if model := e.value.get("model"); model.isScalar() {
			c.refer(KindModel, model, e.key, "", true)
		}
	}
}

// extended is a service with what it extends beneath it.
func (c *composeReader) extended(name string, s, services *node, file string, chain []string) *node {
	extends := s.get("extends")
	if extends == nil {
		return s
	}
	base, other := extends.str(), ""
	if extends.is(nodeMap) {
		base, other = extends.get("service").str(), extends.get("file").str()
	}
	step := file + "#" + name
	if slices.Contains(chain, step) {
		c.r.fail(CodeLoop, extends.at, "service "+quote(name)+" extends itself", strings.Join(append(chain, step), " extends "), "")
		return s
	}
	from := services
	if other != "" {
		joined, ok := within(path.Dir(file), other)
		switch {
		case isRemote(other):
			c.r.warn(CodeNotFollowed, extends.at, "extends "+quote(other)+" is not followed", "it is another repository or registry", "")
			return s
		case !ok:
			c.r.fail(CodeOutside, extends.at, "extends "+quote(other)+" is refused", "the path leads out of the repository", "")
			return s
		}
		from, file = c.r.yamlFile(joined, extends.at).get("services"), joined
	}
	parent := from.get(base)
	if parent == nil {
		c.r.fail(CodeMissingFile, extends.at, "service "+quote(name)+" extends "+quote(base)+", which is not there", "", "")
		return s
	}
	parent = c.extended(base, parent, from, file, append(slices.Clone(chain), step))
	return parent.overlay(s)
}

// service adds what one service asks for.
func (c *composeReader) service(e entry, s *node) {
	c.r.known(withoutExtensions(s), "service "+quote(e.key), c.r.fail, composeServiceKeys()...)
	service := Service{
		Name: e.key, Platform: c.text(s.get("platform")), User: c.text(s.get("user")), WorkingDir: c.text(s.get("working_dir")),
		Entrypoint: s.get("entrypoint").words(), Command: s.get("command").words(), Environment: c.environment(s.get("environment")),
		DependsOn: namesOf(s.get("depends_on")), Needed: s.get("profiles") == nil, Position: e.at,
	}
	image, build := s.get("image"), s.get("build")
	if image != nil && !c.r.isOf(image, "image", nodeString, nodeNumber) {
		return
	}
	switch {
	case build != nil:
		c.build(build, &service)
		if image != nil {
			c.product(image, s, &service)
		}
	case image != nil:
		service.Image = c.refer(KindImage, image, e.key, service.Platform, service.Needed)
	case s.get("provider") == nil:
		c.r.fail(CodeNoImage, e.at, "service "+quote(e.key)+" names nothing to start", "it has neither image nor build", "")
	}
	for _, v := range s.get("volumes").list() {
		if v.get("type").str() == "image" {
			c.refer(KindVolume, v.get("source"), e.key, service.Platform, service.Needed)
		}
	}
	c.refused(s, e.key)
	c.r.out.Services = append(c.r.out.Services, service)
}

// refused reports what reaches beyond the environment.
func (c *composeReader) refused(s *node, name string) {
	const hint = "remove it"
	say := func(key, cause string) {
		if n := s.get(key); n.is(nodeMap, nodeList) || (n.isScalar() && n.text != "false") {
			c.r.fail(CodeRefused, n.at, "service "+quote(name)+" is not started with "+key, cause, hint)
		}
	}
	say("provider", "it runs a program on the machine that starts it")
	say("use_api_socket", "it hands the engine and its user's registry logins to the container")
	say("privileged", "the container would have the machine")
	say("devices", "the container would have devices of the machine")
	if n := s.get("network_mode"); n.str() == "host" {
		c.r.fail(CodeRefused, n.at, "service "+quote(name)+" is not started in the machine's network", "it reaches the services of the machine", hint)
	}
	for _, v := range s.get("volumes").list() {
		source, _, _ := strings.Cut(v.str(), ":")
		if v.get("type").str() == "bind" {
			source = v.get("source").str()
		}
		if strings.HasPrefix(source, "/") || strings.HasPrefix(source, "~") || strings.HasPrefix(source, "..") {
			c.r.fail(CodeRefused, v.at, "service "+quote(name)+" is not started with the machine's "+quote(source), "it is a path of the machine, not of the repository", hint)
		}
	}
}

// refer adds what a scalar names and returns the name, "" while it is not known.
func (c *composeReader) refer(kind Kind, n *node, service, platform string, needed bool) string {
	if !n.isScalar() {
		return ""
	}
	name, missing, err := interpolate(n.text, c.r.in)
	if err != nil {
		c.r.fail(CodeBadReference, n.at, "cannot read "+quote(n.text), err.Error(), "")
		return ""
	}
	if len(missing) > 0 {
		name = ""
	}
	c.r.refer(Reference{Raw: n.text, Name: name, Kind: kind, Service: service, Platform: platform,
		Needed: needed, Missing: missing, Position: n.at})
	return name
}

// text is a scalar with its variables replaced; those that nobody declares are empty,
// as in Compose.
func (c *composeReader) text(n *node) string {
	text, _, _ := interpolate(n.str(), c.r.in) // a bad template outside an image is Compose's to report
	return text
}

func (c *composeReader) environment(n *node) map[string]string {
	if n == nil {
		return nil
	}
	return c.arguments(n)
}

// build reads how a service is built.
func (c *composeReader) build(n *node, service *Service) {
	b := &Build{Context: ".", Platform: service.Platform, at: n.at}
	context := n
	if n.is(nodeMap) {
		context = n.get("context")
		c.r.known(withoutExtensions(n), "build", c.r.fail, composeBuildKeys()...)
	}
	if context.isScalar() {
		text, missing, err := interpolate(context.text, c.r.in)
		switch {
		case err != nil || len(missing) > 0:
			c.r.fail(CodeMissingInput, context.at, "the build context "+quote(context.text)+" is not known", "nobody declares "+strings.Join(missing, ", "), "")
			return
		case isRemote(text):
			c.r.warn(CodeNotFollowed, context.at, "the build of "+quote(text)+" is not followed", "its context is another repository", "")
			return
		}
		joined, ok := within(c.dir, text)
		if !ok {
			c.r.fail(CodeOutside, context.at, "build context "+quote(text)+" is refused", "the path leads out of the repository", "")
			return
		}
		b.Context = joined
	} else {
		b.Context = path.Clean(c.dir)
	}
	b.Args, b.Target = c.arguments(n.get("args")), c.text(n.get("target"))
	if inline := n.get("dockerfile_inline"); inline.isScalar() {
		b.Inline, b.at = inline.text, inline.at
	} else if dockerfile := n.get("dockerfile"); dockerfile.isScalar() {
		joined, ok := within(b.Context, c.text(dockerfile))
		if !ok {
			c.r.fail(CodeOutside, dockerfile.at, "Dockerfile "+quote(dockerfile.text)+" is refused", "the path leads out of the repository", "")
			return
		}
		b.Dockerfile, b.at = joined, dockerfile.at
	} else {
		b.Dockerfile = path.Join(b.Context, "Dockerfile")
	}
	c.contexts(n.get("additional_contexts"), b, service)
	for _, from := range n.get("cache_from").list() {
		c.cache(from, service)
	}
	for _, key := range []string{"ssh", "secrets", "privileged", "entitlements"} {
		if v := n.get(key); v != nil && v.str() != "false" {
			c.r.fail(CodeRefused, v.at, "a build with "+key+" is refused", "it reaches what belongs to the machine that builds", "remove it")
		}
	}
	if v := n.get("network"); v.str() == "host" {
		c.r.fail(CodeRefused, v.at, "a build in the machine's network is refused", "it reaches the services of the machine", "remove it")
	}
	service.Build = b
	c.r.secretArguments(n.get("args"))
	c.r.dockerfile(b, service.Name, service.Needed)
}

// contexts reads named contexts: images are references, everything else is the build's.
func (c *composeReader) contexts(n *node, b *Build, service *Service) {
	b.Contexts = map[string]string{}
	add := func(name, value string, at *node) {
		b.Contexts[name] = value
		if image, ok := strings.CutPrefix(value, imageContext); ok {
			image, missing, err := interpolate(image, c.r.in)
			if err != nil || len(missing) > 0 {
				image = ""
			}
			c.r.refer(Reference{Raw: value, Name: image, Kind: KindContext, Service: service.Name, Platform: service.Platform,
				Needed: service.Needed, Missing: missing, Position: at.at})
		}
	}
	for _, e := range n.entries() {
		add(e.key, e.value.str(), e.value)
	}
	for _, item := range n.list() {
		if name, value, ok := strings.Cut(item.str(), "="); ok {
			add(name, value, item)
		}
	}
}

// cache reads one cache_from: a name, or type=registry,ref=NAME. Other types are not images.
func (c *composeReader) cache(n *node, service *Service) {
	name := n.str()
	if strings.Contains(name, "=") {
		name = ""
		for part := range strings.SplitSeq(n.str(), ",") {
			if ref, ok := strings.CutPrefix(part, "ref="); ok && strings.Contains(n.text, "type=registry") {
				name = ref
			}
		}
	}
	if name != "" {
		c.refer(KindCache, &node{kind: nodeString, text: name, at: n.at}, service.Name, service.Platform, service.Needed)
	}
}

// product is the name that a built image gets. Compose pulls it first unless it is told
// not to, so whoever owns that name at a public registry decides what runs.
func (c *composeReader) product(image, s *node, service *Service) {
	name, missing, err := interpolate(image.text, c.r.in)
	if err != nil || len(missing) > 0 {
		name = ""
	}
	service.Image = name
	c.r.refer(Reference{Raw: image.text, Name: name, Kind: KindProduct, Service: service.Name, Needed: service.Needed, Position: image.at})
	if policy := s.get("pull_policy").str(); policy != "build" && policy != "never" {
		c.r.warn(CodeProduct, image.at, "service "+quote(service.Name)+" is built here, and Compose would try to pull "+quote(image.text)+" first",
			"whoever owns that name at the registry decides what runs; Pullpass never pulls it", "add pull_policy: build")
	}
}

// arguments are build arguments, a mapping or a list; one without a value takes that of
// the declared input of its name.
func (c *composeReader) arguments(n *node) map[string]string {
	args := map[string]string{}
	for _, e := range pairs(n) {
		if e.value.is(nodeNull) {
			if value, ok := c.r.in[e.key]; ok {
				args[e.key] = value
			}
			continue
		}
		args[e.key] = c.text(e.value)
	}
	return args
}

// namesOf are the keys of a mapping or the texts of a list.
func namesOf(n *node) []string {
	names := n.words()
	for _, e := range n.entries() {
		names = append(names, e.key)
	}
	return names
}

// withoutExtensions is a mapping without the keys that Compose leaves to its users.
func withoutExtensions(n *node) *node {
	kept := &node{kind: nodeMap, at: n.where(Position{})}
	for _, e := range n.entries() {
		if !strings.HasPrefix(e.key, "x-") {
			kept.keys = append(kept.keys, e)
		}
	}
	return kept
}
