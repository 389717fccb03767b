package clients

// Client is one registry client, and how it finds a credential.
type Client struct {
	Name     string
	Versions string
	// Places are looked at in this order.
	Places []Place
	style  style
	// FirstFile: the first file that is there is the only one.
	firstFile bool
	// fullName: it asks for host/repository first, and for the host then.
	fullName bool
	// exactCase: fields in another case are unknown to it.
	exactCase bool
	// Notes are what else decides there.
	Notes []string
	// Source is where the rules were read.
	Source string
}

// style is how entries of a place are chosen.
type style int

const (
	// perHost: the helper of the host, else the helper of all, else the login of the
	// host; paths do not count.
	perHost style = iota
	// perPath: the helper of the host, else the login of the longest path.
	perPath
	// merged: all entries of all places, the first place for each path; then the
	// longest path.
	merged
	// keyring: all logins whose pattern matches are tried, the longest pattern first.
	keyring
)

// Place is where a client looks. In File, "$NAME/" stands for a variable; the place
// does not exist where that is not set, and Else is looked at instead.
type Place struct {
	// Variable holds a configuration itself.
	Variable string
	// OnlyAuths: any field but auths makes the client ignore the variable.
	OnlyAuths bool
	File      string
	Else      string
	// Otherwise is looked at where the file is not there.
	Otherwise       string
	OtherwiseLegacy bool
	// Alone: where its variable is set, no other place is looked at.
	Alone bool
	// Legacy is a file of logins without a field around them.
	Legacy bool
}

var (
	dockerFile  = Place{File: "$DOCKER_CONFIG/config.json", Else: "$HOME/.docker/config.json"}
	authsInEnv  = Place{Variable: "DOCKER_AUTH_CONFIG", OnlyAuths: true}
	runtimeAuth = Place{File: "$XDG_RUNTIME_DIR/containers/auth.json", Else: "/run/containers/$UID/auth.json"}
	homeAuth    = Place{File: "$XDG_CONFIG_HOME/containers/auth.json", Else: "$HOME/.config/containers/auth.json"}
	legacyFile  = Place{File: "$HOME/.dockercfg", Legacy: true}
)

// All are the clients that are known.
func All() []Client {
	return []Client{
		{
			Name: "docker", Versions: "20.10",
			Places: []Place{{File: "$DOCKER_CONFIG/config.json", Else: "$HOME/.docker/config.json", Otherwise: "$HOME/.dockercfg", OtherwiseLegacy: true}},
			Notes:  []string{"DOCKER_AUTH_CONFIG is not read"},
			Source: "docker/cli 20.10 cli/config/config.go Load, configfile/file.go GetAuthConfig",
		},
		{
			Name: "docker", Versions: "23 to 28.2", Places: []Place{dockerFile},
			Notes:  []string{"DOCKER_AUTH_CONFIG is not read"},
			Source: "docker/cli v28.2.2 cli/config/configfile/file.go GetAuthConfig, credentials/file_store.go",
		},
		{
			Name: "docker", Versions: "28.3 to 29", Places: []Place{authsInEnv, dockerFile},
			Source: "docker/cli v29.7.2 cli/config/configfile/file.go GetCredentialsStore, parseEnvConfig",
		},
		{
			Name: "buildx", Versions: "docker build, buildx; BuildKit asks them through its session", Places: []Place{authsInEnv, dockerFile},
			Notes:  []string{"releases that are older than docker 28.3 do not read DOCKER_AUTH_CONFIG"},
			Source: "moby/buildkit session/auth/authprovider, with docker/cli's configfile",
		},
		{
			Name: "podman", Versions: "podman, buildah", style: perPath,
			Places: []Place{
				{File: "$REGISTRY_AUTH_FILE", Alone: true}, {File: "$DOCKER_CONFIG/config.json", Alone: true},
				runtimeAuth, homeAuth, {File: "$HOME/.docker/config.json"}, legacyFile,
			},
			Notes:  []string{"credsStore is not read", "credential-helpers in registries.conf come first where they are listed first"},
			Source: "go.podman.io/image v5.42.1 pkg/docker/config/config.go; go.podman.io/common pkg/auth GetDefaultAuthFile",
		},
		{
			Name: "skopeo", Versions: "1.4 and later", style: perPath,
			Places: []Place{{File: "$REGISTRY_AUTH_FILE", Alone: true}, runtimeAuth, homeAuth, dockerFile, legacyFile},
			Notes:  []string{"credsStore is not read", "credential-helpers in registries.conf come first where they are listed first"},
			Source: "go.podman.io/image v5.42.1 pkg/docker/config/config.go",
		},
		{
			Name: "containerd", Versions: "ctr, and the CRI plugin by itself",
			Notes:  []string{"it reads no configuration of docker: the kubelet, or its caller, gives it each credential"},
			Source: "containerd docs/cri/registry.md",
		},
		{
			Name: "kubelet", Versions: "files of the node", style: keyring,
			Places: []Place{
				{File: "/var/lib/kubelet/config.json"}, {File: "$HOME/.docker/config.json"}, {File: "/.docker/config.json"},
			},
			Notes: []string{
				"the Pod's imagePullSecrets and credential provider plugins are tried beside them",
				"credHelpers and credsStore are not read", "every login that matches is tried, the longest pattern first",
			},
			Source: "kubernetes pkg/credentialprovider/config.go, keyring.go",
		},
		{
			Name: "gitlab-runner", Versions: "job image and services", style: merged,
			Places: []Place{{Variable: "DOCKER_AUTH_CONFIG"}, {File: "$HOME/.docker/config.json", Otherwise: "$HOME/.dockercfg"}},
			Notes: []string{
				"read by the runner, with the runner's HOME and PATH; the job's registry credentials come last",
				"all helpers run for every image: one that fails loses its whole source",
				"of credsStore it knows the hosts that its list shows",
			},
			Source: "gitlab-runner fc1f1862bd91 helpers/docker/auth/auth.go",
		},
		{
			Name: "crane", Versions: "crane, ko: go-containerregistry 0.20 and later", firstFile: true, fullName: true,
			Places: []Place{dockerFile, {File: "$REGISTRY_AUTH_FILE"}, {File: "$XDG_RUNTIME_DIR/containers/auth.json"}, homeAuth},
			Notes:  []string{"DOCKER_AUTH_CONFIG (auths) is read where one of the files is there, and not without"},
			Source: "go-containerregistry v0.22.1 pkg/authn/keychain.go",
		},
		{
			Name: "kaniko", Versions: "its maintained forks", firstFile: true, fullName: true,
			Places: []Place{{File: "$DOCKER_CONFIG/config.json", Else: "/kaniko/.docker/config.json"}},
			Notes: []string{
				"DOCKER_AUTH_CONFIG (auths) is read where the file is there",
				"its built-in providers (env, google, ecr, acr, gitlab) are asked where the file has nothing",
			},
			Source: "kaniko README, Credential Provider Priorities; go-containerregistry pkg/authn/keychain.go",
		},
		{
			Name: "helm", Versions: "3.13 and later", exactCase: true,
			Places: []Place{
				{File: "$HELM_REGISTRY_CONFIG", Else: "$XDG_CONFIG_HOME/helm/registry/config.json"},
				{File: "$HOME/.config/helm/registry/config.json"}, dockerFile,
			},
			Source: "helm v3.22.0 pkg/registry/client.go, oras-go v2.7.0 registry/remote/credentials",
		},
		{
			Name: "oras", Versions: "1.0 and later", exactCase: true, Places: []Place{dockerFile},
			Notes:  []string{"DOCKER_AUTH_CONFIG is not read"},
			Source: "oras-go v2.7.0 registry/remote/credentials",
		},
	}
}

// Names are the clients' names, each once.
func Names() []string {
	var names []string
	for _, c := range All() {
		if len(names) == 0 || names[len(names)-1] != c.Name {
			names = append(names, c.Name)
		}
	}
	return names
}
