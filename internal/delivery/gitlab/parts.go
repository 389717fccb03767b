package gitlab

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/api"
)

// The executors of GitLab Runner that pull images.
const (
	Docker     = "docker"
	Machine    = "docker+machine"
	Autoscaler = "docker-autoscaler"
	Kubernetes = "kubernetes"
)

// Executors are those that are known.
func Executors() []string { return []string{Docker, Machine, Autoscaler, Kubernetes} }

// Options are what the parts are made from.
type Options struct {
	Executor     string
	Server       string
	Organization string
	AuthConfig   string         // the value of DOCKER_AUTH_CONFIG
	Hosts        []string       // for docker on the job host and in jobs
	Programs     []api.Download // what the server gives out, with the checksums
}

// Part is a piece of configuration, and where it goes.
type Part struct {
	Name  string `json:"name"`
	Where string `json:"where"`
	Why   string `json:"why"`
	Text  string `json:"text"`
	// Risk is what whoever takes it accepts.
	Risk string `json:"risk,omitempty"`
}

// The parts by name, in the order in which they are set up.
const (
	PartInstall  = "install"
	PartRunner   = "runner"
	PartUserdata = "userdata"
	PartPods     = "pods"
	PartJob      = "job"
	PartVolumes  = "volumes"
)

// PartNames are all names.
func PartNames() []string {
	return []string{PartInstall, PartRunner, PartUserdata, PartPods, PartJob, PartVolumes}
}

// Parts are what an executor needs.
func Parts(o Options) []Part {
	parts := []Part{o.install(), o.runner()}
	switch o.Executor {
	case Machine, Autoscaler:
		parts = append(parts, o.userdata())
	case Kubernetes:
		parts = append(parts, o.pods())
	}
	parts = append(parts, o.job())
	if o.Executor != Kubernetes {
		parts = append(parts, o.volumes())
	}
	return parts
}

func (o Options) install() Part {
	return Part{
		Name: PartInstall, Where: "the machine or image where gitlab-runner runs, as root",
		Why:  "the runner runs the helper itself: it has to be in the PATH of gitlab-runner, and not in the job's image",
		Text: "#!/bin/sh\nset -eu\n" + o.fetch() + o.login(),
	}
}

// login has the runner's user know the server. The token is typed, so that it is in no
// file but the login.
func (o Options) login() string {
	return fmt.Sprintf("# As the user that gitlab-runner runs as (root, where it is a system service):\n# pullpass login %s --token-file -\n", o.Server)
}

// fetch downloads both programs for the machine's architecture and checks them.
func (o Options) fetch() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server=%s\n", o.Server)
	b.WriteString("case $(uname -m) in\nx86_64) arch=amd64 ;;\naarch64) arch=arm64 ;;\n*) echo \"no programs for $(uname -m)\" >&2; exit 1 ;;\nesac\n")
	b.WriteString("dir=$(mktemp -d)\ntrap 'rm -rf \"$dir\"' EXIT\n")
	fmt.Fprintf(&b, "for program in %s; do\n", strings.Join(o.offered(), " "))
	b.WriteString("  curl -fsS --retry 5 --proto '=http,https' -o \"$dir/$program\" \"$server" + api.PathDownloads + "linux-$arch/$program\"\ndone\n")
	b.WriteString("# The programs that the server gave out when this was written. After an upgrade: pullpass gitlab config\n")
	b.WriteString("cd \"$dir\"\ncase $arch in\n")
	for _, arch := range []string{"amd64", "arm64"} {
		var sums []string
		for _, p := range o.Programs {
			if p.OS == "linux" && p.Arch == arch && slices.Contains(o.offered(), p.Name) {
				sums = append(sums, p.SHA256+"  "+p.Name)
			}
		}
		slices.Sort(sums)
		if len(sums) == 0 {
			fmt.Fprintf(&b, "%s) echo \"%s gives out no programs for linux-%s\" >&2; exit 1 ;;\n", arch, o.Server, arch)
			continue
		}
		fmt.Fprintf(&b, "%s) sha256sum -c - >&2 <<'SUMS'\n%s\nSUMS\n;;\n", arch, strings.Join(sums, "\n"))
	}
	b.WriteString("esac\n")
	fmt.Fprintf(&b, "install -m 0755 %s \"${INSTALL_DIR:-/usr/local/bin}\"\ncd /\n", strings.Join(o.offered(), " "))
	return b.String()
}

// offered are the programs to install: pullpass-aws where the server has it, as the
// helper asks AWS through it where it is there.
func (o Options) offered() []string {
	programs := []string{"pullpass", "docker-credential-pullpass"}
	for _, p := range o.Programs {
		if p.Name == "pullpass-aws" {
			return append(programs, p.Name)
		}
	}
	return programs
}

// quoted is a basic string of TOML.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (o Options) runner() Part {
	p := Part{
		Name: PartRunner, Where: "/etc/gitlab-runner/config.toml",
		Why: "the variable is read by the runner, not by the job; docker in a job reads no helpers from it",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[[runners]]\n  executor = %s\n  environment = [%s]\n", quoted(o.Executor), quoted("DOCKER_AUTH_CONFIG="+o.AuthConfig))
	switch o.Executor {
	case Machine:
		b.WriteString("  [runners.docker]\n    pull_policy = [\"always\"] # an image that another job has pulled is no permission\n")
		b.WriteString("  [runners.machine]\n    MachineOptions = [\n")
		b.WriteString("      \"amazonec2-userdata=/etc/gitlab-runner/pullpass-userdata.sh\",\n")
		b.WriteString("      # Job containers do not reach the instance's identity:\n")
		b.WriteString("      \"amazonec2-metadata-token=required\",\n      \"amazonec2-metadata-token-response-hop-limit=1\",\n    ]\n")
	case Autoscaler:
		b.WriteString("  [runners.docker]\n    pull_policy = [\"always\"] # an image that another job has pulled is no permission\n")
		b.WriteString("  [runners.autoscaler]\n    plugin = \"aws\"\n")
		b.WriteString("    # The launch template of its group has the userdata, and\n")
		b.WriteString("    # MetadataOptions={HttpTokens=required,HttpPutResponseHopLimit=1}: job containers do not\n    # reach the instance's identity.\n")
	case Kubernetes:
		b.WriteString("  [runners.kubernetes]\n    pull_policy = [\"always\"] # an image that another job has pulled is no permission\n")
		b.WriteString("    image_pull_secrets = [\"pullpass-registries\"]\n")
	default:
		b.WriteString("  [runners.docker]\n    pull_policy = [\"always\"] # an image that another job has pulled is no permission\n")
	}
	p.Text = b.String()
	return p
}

func (o Options) userdata() Part {
	text := "#!/bin/sh\nset -eu\n" + o.fetch()
	for _, host := range o.Hosts {
		text += "hosts=\"${hosts:-} --host=" + host + "\"\n"
	}
	text += "pullpass docker-config --file \"${DOCKER_CONFIG:-/root/.docker}/config.json\" ${hosts:---store}\n"
	return Part{
		Name: PartUserdata, Where: "the runner's /etc/gitlab-runner/pullpass-userdata.sh, or the launch template",
		Why:  "each new job host fetches both programs from the Pullpass server, checks them, and tells docker of the helper",
		Text: text,
	}
}

func (o Options) pods() Part {
	return Part{
		Name: PartPods, Where: "a CronJob or the machine that manages the cluster",
		Why:  "the kubelet runs no helper for a Secret: its login expires, and is written anew before",
		Text: "pullpass docker-config --form kubernetes --namespace gitlab-runner | kubectl apply -f -\n",
	}
}

func (o Options) job() Part {
	return Part{
		Name: PartJob, Where: ".gitlab-ci.yml",
		Why: "docker in the script asks as this job, by its identity token: nothing is stored in GitLab",
		Text: fmt.Sprintf(`include:
  - component: $CI_SERVER_FQDN/YOUR-GROUP/pullpass/registries@1
    inputs:
      server: %s
      organization: %s

build:
  extends: .pullpass
  script:
    - docker pull IMAGE
`, o.Server, o.Organization),
	}
}

func (o Options) volumes() Part {
	return Part{
		Name: PartVolumes, Where: "/etc/gitlab-runner/config.toml, only where jobs may use the job host's Docker Engine",
		Why: "docker in the job uses the job host's engine and finds the helper; config.json holds no secret, and is read-only",
		Risk: "whoever writes a job is root on the job host: through the socket it starts any container, reads what other jobs of " +
			"the host leave, and borrows the host's identity. Use it on hosts of one trust that are thrown away after a job",
		Text: `[[runners]]
  [runners.docker]
    volumes = [
      "/cache",
      "/var/run/docker.sock:/var/run/docker.sock",
      "/root/.docker/config.json:/root/.docker/config.json:ro",
      "/usr/local/bin/pullpass:/usr/local/bin/pullpass:ro",
      "/usr/local/bin/docker-credential-pullpass:/usr/local/bin/docker-credential-pullpass:ro",
    ]
`,
	}
}
