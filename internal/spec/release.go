package spec

import (
	"path"
	"strings"
)

// releaseKeys are the keys of an application template at its root, as far as its
// documentation and public repositories show them.
var releaseKeys = []string{
	"app", "app_imports", "auto_deploy", "builds", "context", "cron_jobs", "custom_links", "development_environment",
	"domain", "environment_templates", "execution_type", "hostnames", "ingress", "jobs", "mode", "node_selector",
	"notifications", "parameters", "pipelines", "repo_name", "resources", "routes", "rules", "schema_version",
	"service_accounts", "services", "shared_volumes", "sidecars", "tracking_branch", "tracking_tag", "workflows",
}

type releaseReader struct {
	r    *reader
	root *node
}

func (t *releaseReader) service(s *node) {
	name := s.get("name")
	if !name.isScalar() {
		t.r.fail(CodeNoImage, s.at, "a service has no name", "name is missing", "name: SERVICE")
		return
	}
	service := Service{
		Name: name.text, Needed: true, Position: name.at, Command: s.get("command").words(), Entrypoint: s.get("entrypoint").words(),
		DependsOn: namesOf(s.get("depends_on")),
	}
	image, build := s.get("image"), s.get("build")
	hasRepo := s.get("has_repo").str() == "true"
	switch {
	case s.get("static").str() == "true":
		t.r.note(CodeUnsupported, name.at, "service "+quote(name.text)+" is a static site", "it has no image", "")
		return
	case build != nil:
		t.build(build, &service)
		if image.isScalar() {
			service.Image = t.refer(KindProduct, image, name.text)
		}
	case image.isScalar() && hasRepo:
		service.Image = t.refer(KindProduct, image, name.text)
		if !t.built(image.text) {
			t.r.warn(CodeProduct, image.at, "nothing here builds "+quote(image.text), "has_repo says that it is built from this repository; it is never pulled from a hub",
				"give the service a build")
		}
	case image.isScalar():
		service.Image = t.refer(KindImage, image, name.text)
	default:
		t.r.fail(CodeNoImage, name.at, "service "+quote(name.text)+" names nothing to start", "it has neither image nor build", "")
	}
	t.r.out.Services = append(t.r.out.Services, service)
}

// built reports whether a service of the template builds a product.
func (t *releaseReader) built(image string) bool {
	for _, s := range t.root.get("services").list() {
		if s.get("build") != nil && (s.get("image").str() == image || path.Base(image) == s.get("name").str()) {
			return true
		}
	}
	return false
}

func (t *releaseReader) build(n *node, service *Service) {
	b := &Build{Context: ".", Args: map[string]string{}, at: n.at}
	var ok bool
	if context := n.get("context"); context.isScalar() {
		if b.Context, ok = t.r.path(".", context, "the build context"); !ok {
			return
		}
	}
	b.Dockerfile = path.Join(b.Context, "Dockerfile")
	if dockerfile := n.get("dockerfile"); dockerfile.isScalar() {
		// From the repository's root, as its public templates write it, not from the context.
		if b.Dockerfile, ok = t.r.path(".", dockerfile, "the Dockerfile"); !ok {
			return
		}
		b.at = dockerfile.at
	}
	for _, e := range pairs(n.get("args")) {
		value, missing, err := interpolate(e.value.str(), t.r.in)
		if err == nil && len(missing) == 0 {
			b.Args[e.key] = value
		}
	}
	b.Target = n.get("target").str()
	t.r.secretArguments(n.get("args"))
	service.Build = b
	t.r.dockerfile(b, service.Name, true)
}

// job adds the image of a job; one with from_services has that service's.
func (t *releaseReader) job(key string, j *node) {
	image := j.get("image")
	if !image.isScalar() {
		return
	}
	name := j.get("name").str()
	if name == "" {
		name = strings.TrimSuffix(key, "s")
	}
	kind := KindImage
	if j.get("has_repo").str() == "true" || t.built(image.text) {
		kind = KindProduct
	}
	t.refer(kind, image, name)
}

func (t *releaseReader) refer(kind Kind, image *node, service string) string {
	name, missing, err := interpolate(image.text, t.r.in)
	if err != nil {
		t.r.fail(CodeBadReference, image.at, "cannot read "+quote(image.text), err.Error(), "")
		return ""
	}
	if len(missing) > 0 {
		name = ""
		if kind == KindProduct {
			missing = nil // the platform names what it builds
		}
	}
	t.r.refer(Reference{Raw: image.text, Name: name, Kind: kind, Service: service, Needed: true, Missing: missing, Position: image.at})
	return name
}
