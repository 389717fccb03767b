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

// LoginHint says what this kind of registry takes as user name and password.
func (k Kind) LoginHint() string {
	switch k {
	case KindECR:
		return "ECR passwords last 12 hours: use an integration or runner-native instead of a password"
	case KindECRPublic:
		return "user name AWS and a token from us-east-1; public images need none"
	case KindDockerHub:
		return "your Docker ID and an access token with the scope repo:read"
	case KindGHCR:
		return "your GitHub user name and a classic personal access token with the scope read:packages"
	case KindGitLab:
		return "a deploy token's name and the token with the scope read_registry"
	case KindACR:
		return "a token's name and password (az acr token create), or a service principal's id and secret"
	case KindGCR:
		return "user name _json_key and a service account key, or oauth2accesstoken and an access token"
	}
	return "a user name and a password or token that may only read"
}
