package spec

import (
	"path"
	"strings"
)

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
