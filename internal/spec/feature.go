package spec

import (
	"path"
	"slices"
	"strings"
)

// shorthand is where features without a registry come from: the tools rewrite the old
// bare names to it.
const shorthand = "ghcr.io/devcontainers/features/"

// features adds the features of a devcontainer, those that local ones depend on among
// them. What a feature in a registry depends on is known only there.
func (d *devcontainerReader) features(features *node, service string, chain []string) {
	if !d.r.isOf(features, "features", nodeMap) {
		return
	}
	locked := d.lock()
	for _, e := range features.keys {
		id := e.key
		switch {
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
		id, missing := expandDevcontainer(strings.ToLower(id), d.r.in)
		if len(missing) > 0 {
			id = ""
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
