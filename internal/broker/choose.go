package broker

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// Choose finds the registry for a repository of a host: project before
// organization, then the longest path prefix that ends where a path segment
// does. For the whole host it is the one that covers most of it.
func Choose(registries []pullpass.Registry, host, repository string) (pullpass.Registry, bool) {
	var best pullpass.Registry
	found := false
	for _, r := range registries {
		if r.Host != host || (repository != "" && !covers(r.PathPrefix, repository)) {
			continue
		}
		if !found || better(r, best, repository == "") {
			best, found = r, true
		}
	}
	return best, found
}

func better(a, b pullpass.Registry, widest bool) bool {
	if (a.Project != "") != (b.Project != "") {
		return a.Project != ""
	}
	if len(a.PathPrefix) != len(b.PathPrefix) {
		return (len(a.PathPrefix) > len(b.PathPrefix)) != widest
	}
	return a.ID < b.ID // a tie is refused when saved; this keeps the answer stable
}

// covers reports whether a repository lies under a path prefix: "team" covers
// team and team/app, not teams.
func covers(prefix, repository string) bool {
	prefix = strings.Trim(prefix, "/")
	rest, ok := strings.CutPrefix(repository, prefix)
	return prefix == "" || (ok && (rest == "" || rest[0] == '/'))
}

// policyBudget keeps the repositories of one session policy under AWS's 2,048
// characters: every one is written as an ARN.
const (
	policyBudget = 1500
	arnOverhead  = 64
)

// scope lists what a credential is narrowed to: the environment's repositories
// at this registry if the wanted one is among them, so that one credential
// serves all of its services; otherwise the wanted one alone.
func scope(registries []pullpass.Registry, r pullpass.Registry, env *pullpass.Environment, repository string) []string {
	if repository == "" {
		if prefix := strings.Trim(r.PathPrefix, "/"); prefix != "" {
			return []string{prefix, prefix + "/*"}
		}
		return []string{"*"}
	}
	all := images(registries, r, env)
	if !slices.Contains(all, repository) {
		return []string{repository}
	}
	return part(all, repository)
}

// own lists what a person inside an environment gets of a registry that is not
// open as a whole: the repositories of the environment's images, and none at all
// where the wanted one is not among them. Docker asks for a host alone, and then
// gets as many of them as fit into one policy.
func own(registries []pullpass.Registry, r pullpass.Registry, env *pullpass.Environment, repository string) []string {
	all := images(registries, r, env)
	switch {
	case len(all) == 0 || (repository != "" && !slices.Contains(all, repository)):
		return nil
	case repository == "":
		repository = all[0]
	}
	return part(all, repository)
}

// images lists the repositories of an environment's images at a registry.
func images(registries []pullpass.Registry, r pullpass.Registry, env *pullpass.Environment) []string {
	if env == nil {
		return nil
	}
	var all []string
	for _, s := range env.Services {
		img, err := reference.ParseImage(s.Image)
		if err != nil || img.Host != r.Host {
			continue
		}
		if chosen, ok := Choose(registries, img.Host, img.Repository); ok && chosen.ID == r.ID {
			all = append(all, img.Repository)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// part splits a sorted list by what fits into one policy, and returns the part
// with the wanted repository.
func part(all []string, repository string) []string {
	start, size := 0, 0
	for i, name := range all {
		if size += len(name) + arnOverhead; size > policyBudget && i > start {
			if slices.Contains(all[start:i], repository) {
				return all[start:i]
			}
			start, size = i, len(name)+arnOverhead
		}
	}
	return all[start:]
}
