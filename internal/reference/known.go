package reference

import (
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

// dockerHub is Docker Hub's name in canonical references.
const dockerHub = "docker.io"

// unalias turns Docker Hub's other names into the one that references use.
func unalias(name string) string {
	switch name {
	case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com":
		return dockerHub
	}
	return name
}

// knownKind recognises the registries that have names of their own.
func knownKind(name string) Kind {
	switch name {
	case dockerHub:
		return KindDockerHub
	case awsname.PublicRegistry, "ecr-public.aws.com":
		return KindECRPublic
	case "ghcr.io":
		return KindGHCR
	case "registry.gitlab.com":
		return KindGitLab
	case "gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io":
		return KindGCR
	}
	if location, ok := strings.CutSuffix(name, "-docker.pkg.dev"); ok && oneLabel(location) {
		return KindGCR
	}
	for _, suffix := range []string{".azurecr.io", ".azurecr.cn", ".azurecr.us"} {
		if registry, ok := strings.CutSuffix(name, suffix); ok && oneLabel(registry) {
			return KindACR
		}
	}
	return KindGeneric
}

func oneLabel(s string) bool { return s != "" && !strings.ContainsAny(s, ".:") }

// AddCommand is the command that registers a host, with the way to open it that its
// kind has. What is in capitals is for the reader to fill in.
func (h Host) AddCommand() string {
	how := " --username USER"
	if h.Kind == KindECR || h.Kind == KindECRPublic {
		how = " --integration INTEGRATION"
	}
	return "pullpass registry add NAME --host " + h.Name + how
}
