package spec

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// devcontainerKeys are the properties of devcontainer.json
// (containers.dev/implementors/json_reference, and those that its tools still read).
var devcontainerKeys = []string{
	"$schema", "name", "image", "build", "dockerFile", "context", "dockerComposeFile", "service", "runServices",
	"features", "overrideFeatureInstallOrder", "forwardPorts", "portsAttributes", "otherPortsAttributes", "appPort",
	"containerEnv", "remoteEnv", "containerUser", "remoteUser", "updateRemoteUserUID", "userEnvProbe",
	"overrideCommand", "shutdownAction", "init", "privileged", "capAdd", "securityOpt", "mounts", "runArgs",
	"workspaceMount", "workspaceFolder", "customizations", "extensions", "settings", "devPort", "secrets",
	"hostRequirements", "initializeCommand", "onCreateCommand", "updateContentCommand", "postCreateCommand",
	"postStartCommand", "postAttachCommand", "waitFor",
}

type devcontainerReader struct {
	r    *reader
	dir  string
	root *node
}

func (d *devcontainerReader) read() {
	d.refused()
	d.ports()
	d.tasks()
	service := Service{
		Name: "devcontainer", Needed: true, Position: d.root.at, User: d.root.get("containerUser").str(),
		Environment: d.environment(),
	}
	if compose := d.root.get("dockerComposeFile"); compose != nil {
		d.compose(compose)
	} else {
		d.single(&service)
		if d.root.get("overrideCommand").str() != "false" {
			service.stay() // the default for an image or a build, not for Compose
		}
		d.r.out.Services = append(d.r.out.Services, service)
	}
	d.features(d.root.get("features"), service.Name, nil)
}

// single reads a devcontainer of one image or one build.
func (d *devcontainerReader) single(service *Service) {
	image, build := d.root.get("image"), d.root.get("build")
	dockerfile := build.get("dockerfile")
	if dockerfile == nil {
		dockerfile = d.root.get("dockerFile") // its old place
	}
	switch {
	case dockerfile != nil:
		d.build(dockerfile, build, service)
	case image.isScalar():
		name, missing := expandDevcontainer(image.text, d.r.in)
		if len(missing) > 0 {
			name = ""
		}
		service.Image = name
		d.r.refer(Reference{Raw: image.text, Name: name, Kind: KindImage, Service: service.Name, Needed: true, Missing: missing, Position: image.at})
	case d.r.isOf(image, "image", nodeString), build != nil:
		d.r.fail(CodeNoImage, build.where(d.root.at), "the build names no Dockerfile", "build.dockerfile is missing", `"build": {"dockerfile": "Dockerfile"}`)
	default:
		d.r.fail(CodeNoImage, d.root.at, "the devcontainer names nothing to start",
			"it has neither image nor build nor dockerComposeFile", `"image": "HOST/REPOSITORY:TAG"`)
	}
}

func (d *devcontainerReader) build(dockerfile, build *node, service *Service) {
	b := &Build{Context: d.dir, Args: map[string]string{}, Contexts: map[string]string{}, at: dockerfile.at}
	var ok bool
	if b.Dockerfile, ok = d.r.path(d.dir, dockerfile, "the Dockerfile"); !ok {
		return
	}
	context := build.get("context")
	if context == nil {
		context = d.root.get("context")
	}
	if context != nil {
		if b.Context, ok = d.r.path(d.dir, context, "the build context"); !ok {
			return
		}
	}
	d.r.known(build, "build", d.r.warn, "dockerfile", "context", "args", "target", "cacheFrom", "options")
	for _, e := range build.get("args").entries() {
		value, missing := expandDevcontainer(e.value.str(), d.r.in)
		if len(missing) == 0 {
			b.Args[e.key] = value
		}
	}
	b.Target = build.get("target").str()
	cache := build.get("cacheFrom")
	items := cache.list()
	if cache.isScalar() {
		items = []*node{cache}
	}
	for _, item := range items {
		d.cache(item, service.Name)
	}
	d.options(build.get("options"), b, service.Name)
	d.r.secretArguments(build.get("args"))
	service.Build = b
	d.r.dockerfile(b, service.Name, true)
}

func (d *devcontainerReader) cache(n *node, service string) {
	name, missing := expandDevcontainer(n.str(), d.r.in)
	if strings.Contains(name, "=") {
		ref := ""
		for part := range strings.SplitSeq(name, ",") {
			if value, ok := strings.CutPrefix(part, "ref="); ok {
				ref = value
			}
		}
		name = ref
	}
	if name != "" || len(missing) > 0 {
		d.r.refer(Reference{Raw: n.str(), Name: name, Kind: KindCache, Service: service, Needed: true, Missing: missing, Position: n.at})
	}
}

// options reads docker's own flags. Those that change what is fetched are understood;
// every other one would change the build in a way that nobody checks.
func (d *devcontainerReader) options(options *node, b *Build, service string) {
	words := options.list()
	for i := 0; i < len(words); i++ {
		flag, value, joined := strings.Cut(words[i].str(), "=")
		if !joined && i+1 < len(words) && !strings.HasPrefix(words[i+1].str(), "-") {
			i++
			value = words[i].str()
		}
		switch flag {
		case "--build-arg":
			if name, v, ok := strings.Cut(value, "="); ok {
				b.Args[name] = v
			} else if v, ok := d.r.in[name]; ok {
				b.Args[name] = v
			}
		case "--build-context":
			name, v, _ := strings.Cut(value, "=")
			b.Contexts[name] = v
			if image, ok := strings.CutPrefix(v, imageContext); ok {
				d.r.refer(Reference{Raw: v, Name: image, Kind: KindContext, Service: service, Needed: true, Position: words[i].at})
			}
		case "--cache-from":
			d.cache(&node{kind: nodeString, text: value, at: words[i].at}, service)
		case "--target":
			b.Target = value
		case "--platform":
			b.Platform = value
		case "--pull", "--no-cache", "--progress", "--label", "--tag", "-t", "--quiet", "-q":
		default:
			d.r.fail(CodeRefused, words[i].at, "the build option "+quote(flag)+" is refused",
				"it is not known to be harmless to the machine that builds", "remove it")
		}
	}
}

// compose reads the files of dockerComposeFile, the later over the earlier.
func (d *devcontainerReader) compose(files *node) {
	paths := files.list()
	if files.isScalar() {
		paths = []*node{files}
	}
	var root *node
	c := &composeReader{r: d.r}
	for _, p := range paths {
		file, ok := d.r.path(d.dir, p, "the Compose file")
		if !ok {
			continue
		}
		if c.dir == "" {
			c.dir = path.Dir(file)
		}
		root = root.overlay(c.load(file, p.at, nil))
	}
	if root == nil {
		return
	}
	first := len(d.r.out.Services)
	c.read(root)
	name := d.root.get("service")
	if name == nil {
		d.r.fail(CodeNoImage, files.at, "the devcontainer does not say which service it is", "service is missing", `"service": "NAME"`)
		return
	}
	read := d.r.out.Services[first:]
	if !slices.ContainsFunc(read, func(s Service) bool { return s.Name == name.str() }) {
		d.r.fail(CodeNoImage, name.at, "the Compose files have no service "+quote(name.str()), "service names it", "")
	}
	d.startOnly(read, name.str())
}

// startOnly marks what is started: the service itself, those of runServices (all without
// it), and whatever these depend on.
func (d *devcontainerReader) startOnly(services []Service, main string) {
	wanted := d.root.get("runServices")
	if wanted == nil {
		return
	}
	needed := map[string]bool{}
	pending := append(wanted.words(), main)
	for len(pending) > 0 {
		name := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		i := slices.IndexFunc(services, func(s Service) bool { return s.Name == name })
		if i >= 0 && !needed[name] {
			needed[name] = true
			pending = append(pending, services[i].DependsOn...)
		}
	}
	for i := range services {
		services[i].Needed = needed[services[i].Name]
	}
	for i := range d.r.out.References {
		ref := &d.r.out.References[i]
		if ref.Service != "" && !needed[ref.Service] {
			ref.Needed = false
		}
	}
}

// refused reports what reaches beyond the environment.
func (d *devcontainerReader) refused() {
	say := func(key, cause string) {
		n := d.root.get(key)
		if n == nil || n.is(nodeNull) || n.str() == "false" || (n.is(nodeList) && len(n.items) == 0) {
			return
		}
		d.r.warn(CodeRefused, n.at, key+" is not obeyed", cause, "remove it, or start without it")
	}
	say("initializeCommand", "it would run on the machine of the runner")
	say("privileged", "the container would have the machine")
	say("runArgs", "they are flags for the engine of the machine")
	say("securityOpt", "it would loosen what separates environments")
	say("capAdd", "it would loosen what separates environments")
	say("mounts", "they name what is on the machine")
	say("workspaceMount", "it names what is on the machine")
}

func (d *devcontainerReader) environment() map[string]string {
	entries := d.root.get("containerEnv").entries()
	if len(entries) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, e := range entries {
		value, missing := expandDevcontainer(e.value.str(), d.r.in)
		if len(missing) > 0 {
			d.r.warn(CodeMissingInput, e.at, "containerEnv."+e.key+" is empty in part", "nobody declares "+strings.Join(missing, ", "), "declare it: --input "+missing[0]+"=VALUE")
		}
		values[e.key] = value
	}
	return values
}

func (d *devcontainerReader) ports() {
	for _, key := range []string{"forwardPorts", "appPort"} {
		n := d.root.get(key)
		items := n.list()
		if n.isScalar() {
			items = []*node{n}
		}
		for _, item := range items {
			text := item.str()
			if at := strings.LastIndex(text, ":"); at >= 0 {
				text = text[at+1:]
			}
			port, err := strconv.Atoi(text)
			if err != nil || port < 1 || port > 65535 {
				d.r.fail(CodeWrongType, item.at, key+" holds "+quote(item.str())+", which is not a port", "", "")
			} else if !slices.Contains(d.r.out.Ports, port) {
				d.r.out.Ports = append(d.r.out.Ports, port)
			}
		}
	}
}

func (d *devcontainerReader) tasks() {
	for _, key := range []string{"onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand", "postAttachCommand"} {
		n := d.root.get(key)
		switch {
		case n.is(nodeString):
			d.r.out.Tasks = append(d.r.out.Tasks, Task{Name: key, Command: n.text, Position: n.at})
		case n.is(nodeList):
			d.r.out.Tasks = append(d.r.out.Tasks, Task{Name: key, Command: strings.Join(n.words(), " "), Position: n.at})
		case n.is(nodeMap):
			for _, e := range n.keys {
				d.r.out.Tasks = append(d.r.out.Tasks, Task{Name: key + "." + e.key, Command: strings.Join(e.value.words(), " "), Position: e.at})
			}
		}
	}
}

// features adds the features of a devcontainer, those that local ones depend on among
// them. What a feature in a registry depends on is known only there.
func (d *devcontainerReader) features(features *node, service string, chain []string) {
	if !d.r.isOf(features, "features", nodeMap) {
		return
	}
	locked := d.lock()
	for _, e := range features.keys {
		id, missing := expandDevcontainer(e.key, d.r.in)
		id = strings.ToLower(id) // as the tools do
		switch {
		case len(missing) > 0:
			id = ""
		case strings.TrimSpace(id) == "":
			d.r.fail(CodeBadReference, e.at, "a feature has no name", "its key is empty", "name it: "+shorthand+"NAME:1")
			continue
		case strings.HasPrefix(id, "./") || strings.HasPrefix(id, "../"):
			d.localFeature(e, service, chain)
			continue
		case strings.HasPrefix(id, "https://"), strings.HasPrefix(id, "http://"):
			d.r.warn(CodeNotFollowed, e.at, "feature "+quote(id)+" is not checked", "it is an archive at an address, not in a registry", "publish it to a registry")
			continue
		case !strings.Contains(id, "/"):
			d.r.note(CodeUnsupported, e.at, "feature "+quote(id)+" is an old short name", "it means "+shorthand+id, "write "+shorthand+id+":1")
			id = shorthand + id
		case strings.Count(strings.SplitN(id, ":", 2)[0], "/") < 2 || !strings.Contains(strings.SplitN(id, "/", 2)[0], "."):
			d.r.fail(CodeUnsupported, e.at, "feature "+quote(id)+" is not supported", "it means a release at GitHub, an old form", "publish it to a registry")
			continue
		}
		ref := Reference{Raw: e.key, Name: id, Kind: KindFeature, Service: service, Locked: locked[e.key], Needed: true, Missing: missing, Position: e.at}
		d.r.refer(ref)
		if len(locked) > 0 && ref.Locked == "" {
			d.r.warn(CodeNotFollowed, e.at, "feature "+quote(e.key)+" is not in the lock file", "its version is whatever the registry has that day", "devcontainer upgrade --workspace-folder .")
		}
	}
}

// localFeature reads the feature of a folder below .devcontainer, and what it depends on.
func (d *devcontainerReader) localFeature(e entry, service string, chain []string) {
	dir, ok := within(d.dir, e.key)
	if !ok || (dir != d.dir && !strings.HasPrefix(dir, d.dir+"/")) {
		d.r.fail(CodeOutside, e.at, "feature "+quote(e.key)+" is refused", "a local feature has to be below "+d.dir, "move it there")
		return
	}
	file := path.Join(dir, "devcontainer-feature.json")
	if slices.Contains(chain, file) {
		d.r.fail(CodeLoop, e.at, "feature "+quote(e.key)+" depends on itself", strings.Join(append(chain, file), " depends on "), "")
		return
	}
	text, ok := d.r.file(file, e.at, "the feature's")
	if !ok {
		return
	}
	root, err := jsonDocument(file, text)
	if err != nil {
		d.r.unreadable(file, "JSON with comments", err)
		return
	}
	inner := &devcontainerReader{r: d.r, dir: d.dir, root: root}
	inner.features(root.get("dependsOn"), service, append(slices.Clone(chain), file))
}

// lock reads what the lock file pins features to, if there is one.
func (d *devcontainerReader) lock() map[string]string {
	for _, name := range []string{"devcontainer-lock.json", ".devcontainer-lock.json"} {
		file := path.Join(d.dir, name)
		if !d.r.tree.has(file) {
			continue
		}
		text, ok := d.r.file(file, Position{File: file}, "the lock file")
		if !ok {
			return nil
		}
		root, err := jsonDocument(file, text)
		if err != nil {
			d.r.unreadable(file, "JSON", err)
			return nil
		}
		locked := map[string]string{}
		for _, e := range root.get("features").entries() {
			resolved, integrity := e.value.get("resolved").str(), e.value.get("integrity").str()
			_, digest, ok := strings.Cut(resolved, "@")
			if !ok || (integrity != "" && integrity != digest) {
				d.r.fail(CodeBadReference, e.at, "the lock file pins "+quote(e.key)+" to two things or to none",
					"resolved is "+quote(resolved)+", integrity is "+quote(integrity), "devcontainer upgrade --workspace-folder .")
				continue
			}
			locked[e.key] = resolved
		}
		return locked
	}
	return nil
}
