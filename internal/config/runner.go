package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// Runner is what `pullpass runner` can be told.
type Runner struct {
	Server      string        `required:"" env:"PULLPASS_SERVER" placeholder:"URL" help:"Address of the Pullpass server."`
	JoinToken   string        `name:"join-token-file" env:"PULLPASS_JOIN_TOKEN_FILE" placeholder:"FILE" help:"File with the one-time token that 'pullpass runner add' printed; - reads standard input. Needed on the first start only."`
	Join        string        `default:"token" enum:"token,aws" env:"PULLPASS_RUNNER_JOIN" help:"token: join with the one-time token; aws: join by this machine's AWS role, for a runner that was added with 'pullpass runner add NAME --aws-role ARN'."`
	JoinAs      string        `env:"PULLPASS_RUNNER_JOIN_AS" placeholder:"ORGANIZATION/RUNNER" help:"With --join aws: the runner to join as, by its ids. 'pullpass runner add NAME --aws-role ARN' prints it."`
	State       string        `default:"${runner_dir}" env:"PULLPASS_RUNNER_STATE" placeholder:"DIR" help:"Directory for the runner's own token and its agent sockets. Created with mode 0700."`
	DockerHost  string        `env:"DOCKER_HOST" placeholder:"URL" help:"Address of the Docker Engine: unix:///var/run/docker.sock if it is not given."`
	Hosts       []string      `name:"host" env:"PULLPASS_HOSTS" sep:";" placeholder:"MAPPING" help:"An ECR registry under another name, as for the server. Can be repeated."`
	AllowEgress []string      `name:"allow-egress" env:"PULLPASS_ALLOW_EGRESS" sep:"," placeholder:"PREFIX" help:"Private address ranges that registries may be in, as for the server."`
	Parallel    int           `default:"4" env:"PULLPASS_RUNNER_PARALLEL" placeholder:"N" help:"Images pulled at the same time. Where several projects wait, they take turns."`
	MaxImage    Size          `name:"max-image-size" default:"64GiB" env:"PULLPASS_RUNNER_MAX_IMAGE_SIZE" placeholder:"SIZE" help:"Largest image that is pulled: the sum of its layers, compressed; none: any."`
	ImageSpace  Size          `default:"100GiB" env:"PULLPASS_RUNNER_IMAGE_SPACE" placeholder:"SIZE" help:"Disk that images may take which this runner has pulled: beyond it the longest unused are removed; none: any."`
	ImageAge    time.Duration `default:"336h" env:"PULLPASS_RUNNER_IMAGE_AGE" placeholder:"DURATION" help:"After how long without use an image that this runner has pulled is removed; 0: never."`
	MemoryLimit Size          `default:"auto" env:"PULLPASS_RUNNER_MEMORY_LIMIT" placeholder:"SIZE" help:"Memory that one container may use, such as 4GiB; auto: three quarters of the machine's; none: all of it."`
	PidsLimit   int64         `default:"4096" env:"PULLPASS_RUNNER_PIDS_LIMIT" placeholder:"N" help:"Processes and threads that one container may have; -1: unlimited."`
	LogLimit    Size          `default:"64MiB" env:"PULLPASS_RUNNER_LOG_LIMIT" placeholder:"SIZE" help:"Output of one container that the engine keeps on its disk, at least 4MiB; none: all of it."`
	Networks    string        `default:"10.213.0.0/16" env:"PULLPASS_RUNNER_NETWORKS" placeholder:"PREFIX" help:"Range of private addresses that environments' networks are cut from, a /27 each."`
	AWSIdentity string        `name:"aws-identity" default:"ambient" enum:"ambient,none" env:"PULLPASS_RUNNER_AWS_IDENTITY" help:"ambient: lend this machine's AWS identity (profile, web identity, container or instance role) to registries with runner-native; none: do not."`
	Log
}

// JoinByAWS joins by the machine's AWS role.
const JoinByAWS = "aws"

// NoAWSIdentity keeps the machine's AWS identity from every registry.
const NoAWSIdentity = "none"

const (
	minMemory Size = 6 << 20
	minLog    Size = 4 << 20
)

// Check reports everything that is wrong with the options.
func (r *Runner) Check() error {
	var p problems
	p.url("--server", r.Server)
	p.allowances(r.AllowEgress)
	if r.Join == JoinByAWS && r.JoinAs == "" {
		p.add("--join-as", "is needed with --join aws")
	}
	if r.Parallel < 1 || r.Parallel > 256 {
		p.add("--parallel", "want 1 to 256")
	}
	if r.MemoryLimit > 0 && r.MemoryLimit < minMemory {
		p.add("--memory-limit", "want at least 6MiB, the least that an engine takes, or none")
	}
	if r.PidsLimit < -1 {
		p.add("--pids-limit", "want 1 or more, or -1")
	}
	if r.LogLimit > 0 && r.LogLimit < minLog {
		p.add("--log-limit", "want at least 4MiB, or none")
	}
	if n, err := netip.ParsePrefix(r.Networks); r.Networks != "" && (err != nil || !n.Addr().Is4() || n.Bits() > 27) {
		p.add("--networks", "want an IPv4 prefix of at least a /27, such as 10.213.0.0/16")
	}
	return p.err()
}

// DefaultRunnerState is the state directory of a runner that is not told one.
func DefaultRunnerState() string {
	if os.Geteuid() == 0 {
		return "/var/lib/pullpass/runner"
	}
	return filepath.Join(filepath.Dir(DefaultData()), "runner")
}
