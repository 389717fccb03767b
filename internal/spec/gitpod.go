package spec

import (
	"slices"
	"strconv"
	"strings"
)

// gitpodPlatform is the only one that Gitpod runs: its resolver accepts no other
// (components/image-builder-mk3/pkg/resolve/resolve.go).
const gitpodPlatform = "linux/amd64"

// gitpodDefaultImage is what a .gitpod.yml without an image gets, unless the organization
// has set another one (gitpod-io/gitpod, components/server).
const gitpodDefaultImage = "gitpod/workspace-full:latest"

// gitpod reads .gitpod.yml. Its schema allows no key that it does not define, and no
// variables anywhere (gitpod-protocol/data/gitpod-schema.json).
func (r *reader) gitpod(file string) {
	root := r.yamlFile(file, Position{File: file})
	if root == nil {
		return
	}
	r.known(root, ".gitpod.yml", r.fail,
		"additionalRepositories", "checkoutLocation", "coreDump", "env", "experimentalNetwork", "gitConfig", "github",
		"image", "jetbrains", "mainConfiguration", "mainRepository", "ports", "subRepositories", "tasks", "vscode",
		"workspaceLocation")
	service := Service{Name: "workspace", Platform: gitpodPlatform, Needed: true, Position: root.where(Position{File: file})}
	image := root.get("image")
	switch {
	case image.is(nodeMap):
		r.known(image, "image", r.fail, "file", "context")
		r.gitpodBuild(image, &service)
	case image != nil && !image.is(nodeNull) && !r.isOf(image, "image", nodeString, nodeMap):
	case image.str() == "": // absent, or empty, which means the same
		service.Image = gitpodDefaultImage
		r.note(CodeNoImage, image.where(service.Position), file+" names no image", "Gitpod starts "+gitpodDefaultImage+" then", "image: HOST/REPOSITORY:TAG")
		r.refer(Reference{Raw: gitpodDefaultImage, Name: gitpodDefaultImage, Kind: KindImage, Service: service.Name,
			Platform: gitpodPlatform, Needed: true, Position: image.where(service.Position)})
	default:
		service.Image = image.text
		if strings.Contains(image.text, "$") {
			r.fail(CodeBadReference, image.at, "cannot start "+quote(image.text), ".gitpod.yml has no variables", "write the image's name out")
		}
		r.refer(Reference{Raw: image.text, Name: image.text, Kind: KindImage, Service: service.Name,
			Platform: gitpodPlatform, Needed: true, Position: image.at})
	}
	if main := root.get("mainConfiguration"); main != nil {
		r.warn(CodeNotFollowed, main.at, "the configuration of "+quote(main.str())+" is the one that counts",
			"mainConfiguration names another repository", "read that repository instead")
	}
	for _, key := range []string{"checkoutLocation", "workspaceLocation"} {
		if n := root.get(key); r.isOf(n, key, nodeString) {
			if _, ok := within(".", n.text); !ok {
				r.fail(CodeOutside, n.at, key+" "+quote(n.text)+" is refused", "it has to stay below /workspace", "")
			}
		}
	}
	service.stay() // Gitpod runs its supervisor in the place of the image's command
	r.gitpodTasks(root.get("tasks"))
	r.gitpodPorts(root.get("ports"))
	r.out.Services = append(r.out.Services, service)
}

// gitpodBuild reads image.file and image.context: both from the repository's root, and
// the context is the root unless it says otherwise, whatever folder the Dockerfile is in.
func (r *reader) gitpodBuild(image *node, service *Service) {
	file := image.get("file")
	if file == nil {
		r.fail(CodeWrongType, image.at, "image names no Dockerfile", "image.file is missing", "image: {file: .gitpod.Dockerfile}")
		return
	}
	if !r.isOf(file, "image.file", nodeString) {
		return
	}
	build := &Build{Context: ".", Platform: gitpodPlatform, at: file.at}
	var ok bool
	if build.Dockerfile, ok = r.path(".", file, "image.file"); !ok {
		return
	}
	if context := image.get("context"); r.isOf(context, "image.context", nodeString) {
		if build.Context, ok = r.path(".", context, "image.context"); !ok {
			return
		}
	}
	service.Build = build
	r.dockerfile(build, service.Name, true)
}

func (r *reader) gitpodTasks(tasks *node) {
	if !r.isOf(tasks, "tasks", nodeList) {
		return
	}
	for _, task := range tasks.items {
		if !r.isOf(task, "a task", nodeMap) {
			continue
		}
		r.known(task, "a task", r.fail, "before", "command", "env", "init", "name", "openIn", "openMode", "prebuild")
		for _, key := range []string{"before", "init", "command"} {
			if n := task.get(key); r.isOf(n, key, nodeString, nodeNumber) {
				r.out.Tasks = append(r.out.Tasks, Task{Name: task.get("name").str(), Command: n.text, Position: n.at})
			}
		}
	}
}

func (r *reader) gitpodPorts(ports *node) {
	if !r.isOf(ports, "ports", nodeList) {
		return
	}
	for _, p := range ports.items {
		if !r.isOf(p, "a port", nodeMap) {
			continue
		}
		r.known(p, "a port", r.fail, "description", "name", "onOpen", "port", "protocol", "visibility")
		n := p.get("port")
		first, last, isRange := strings.Cut(strings.Replace(n.str(), ":", "-", 1), "-") // the schema takes both
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(last)
		}
		if err != nil || from < 1 || to > 65535 || to < from {
			r.fail(CodeWrongType, n.where(p.at), "port "+quote(n.str())+" is not a port", "a port is a number from 1 to 65535, or a range of two", "")
			continue
		}
		for port := from; port <= to && len(r.out.Ports) < 100; port++ {
			if !slices.Contains(r.out.Ports, port) {
				r.out.Ports = append(r.out.Ports, port)
			}
		}
	}
}
