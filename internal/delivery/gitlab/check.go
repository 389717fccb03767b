package gitlab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// Context is one of the three places where a job touches a registry.
type Context string

// The contexts.
const (
	Runner       Context = "runner"        // where gitlab-runner runs
	JobHost      Context = "job-host"      // where the Docker Engine of the jobs runs
	JobContainer Context = "job-container" // where the script runs
)

// State is how a thing is.
type State string

// The states.
const (
	OK      State = "ok"
	Missing State = "missing" // it will not work
	Risky   State = "risk"    // it works, for others too
	Unknown State = "unknown" // it cannot be told from here
)

// Finding is one thing that a context needs.
type Finding struct {
	What  string `json:"what"`
	State State  `json:"state"`
	Cause string `json:"cause,omitempty"`
	Fix   string `json:"fix,omitempty"`
}

// World is the place that is checked.
type World struct {
	Getenv   func(string) string
	ReadFile func(string) ([]byte, error)
	LookPath func(string) (string, error)
	// Run runs a program with this input, and returns its two outputs.
	Run func(ctx context.Context, name, input string, args ...string) (out, talk string, err error)
	// Engine reports whether the Docker Engine at an address answers.
	Engine func(ctx context.Context, host string) error
	// Metadata is the endpoint of the instance's metadata.
	Metadata string
	// TOML is the runner's configuration file.
	TOML string
}

// Here is this machine.
func Here() World {
	w := World{
		Getenv: os.Getenv, ReadFile: os.ReadFile, LookPath: exec.LookPath, Run: runProgram, Engine: dialEngine,
		Metadata: os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), TOML: "/etc/gitlab-runner/config.toml",
	}
	if w.Metadata == "" {
		w.Metadata = MetadataEndpoint
	}
	return w
}

// Guess says which context this probably is.
func (w World) Guess() Context {
	if w.Getenv("CI_JOB_ID") != "" {
		return JobContainer
	}
	if _, err := w.LookPath("gitlab-runner"); err == nil {
		return Runner
	}
	if _, err := w.ReadFile(w.TOML); !errors.Is(err, fs.ErrNotExist) {
		return Runner
	}
	return JobHost
}

// Check says what is there and what is missing.
func Check(ctx context.Context, c Context, w World) []Finding {
	switch c {
	case Runner:
		return w.runner(ctx)
	case JobHost:
		return w.jobHost(ctx)
	}
	return w.jobContainer(ctx)
}

const helperProgram = "docker-credential-pullpass"

// installHint is how both programs come to where they are missing.
const installHint = "pullpass gitlab config --part install"

// helper is the helper in the PATH of whoever runs it here.
func (w World) helper(ctx context.Context, whose string) Finding {
	f := Finding{What: helperProgram + " in the PATH of " + whose}
	path, err := w.LookPath(helperProgram)
	if err != nil {
		f.State, f.Cause, f.Fix = Missing, "it is not in "+w.Getenv("PATH"), installHint
		return f
	}
	if _, _, err := w.Run(ctx, path, "", "version"); err != nil {
		f.State, f.Cause, f.Fix = Missing, path+" does not run: "+err.Error(), "the program has to be for this architecture, and executable: "+installHint
		return f
	}
	f.State, f.Cause = OK, path
	return f
}

// identity is who the helper is here, for the server.
func (w World) identity() Finding {
	f := Finding{What: "an identity for the helper", State: OK}
	switch {
	case w.Getenv("PULLPASS_TOKEN") != "" && w.Getenv("PULLPASS_SERVER") != "":
		f.Cause = "PULLPASS_SERVER and PULLPASS_TOKEN"
	case w.Getenv("PULLPASS_ID_TOKEN") != "":
		f.State, f.Cause = Missing, "the job has its identity token, and it is not exchanged yet"
		f.Fix = "in before_script: export PULLPASS_TOKEN=$(printf %s \"$PULLPASS_ID_TOKEN\" | pullpass token exchange $PULLPASS_SERVER --organization NAME)"
	default:
		f.State, f.Cause = Missing, "neither PULLPASS_TOKEN with PULLPASS_SERVER nor PULLPASS_ID_TOKEN is set"
		f.Fix = "give the job id_tokens: pullpass gitlab config --part job"
	}
	return f
}

// engine is the Docker Engine that is used here.
func (w World) engine(ctx context.Context) Finding {
	host := w.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	f := Finding{What: "a Docker Engine at " + host, State: OK}
	if err := w.Engine(ctx, host); err != nil {
		f.State, f.Cause = Missing, err.Error()
		f.Fix = "start it here, or in a job: the service docker:dind, or the job host's socket (pullpass gitlab config --part volumes, which names the risk)"
	}
	return f
}

// metadata says whether whoever is here can act as the instance.
func (w World) metadata(ctx context.Context, inContainer bool) Finding {
	const fix = "aws ec2 modify-instance-metadata-options --instance-id ID --http-tokens required --http-put-response-hop-limit 1; " +
		"for new hosts the MachineOptions of: pullpass gitlab config --executor docker+machine --part runner"
	m := ProbeMetadata(ctx, w.Metadata)
	f := Finding{What: "job containers do not reach the instance's metadata", State: OK}
	as := "the instance's identity"
	if m.Role != "" {
		as = "the instance's role " + m.Role
	}
	switch {
	case inContainer && m.Open:
		f.State, f.Cause, f.Fix = Risky, "version 1 answers here, without a token and at any distance: every job can act as "+as, fix
	case inContainer && m.Token:
		f.State, f.Cause, f.Fix = Risky, "version 2 answers here, because the hop limit is 2 or more: every job can act as "+as, fix
	case inContainer:
		f.Cause = "it does not answer here"
		if m.Required {
			f.Cause = "version 1 is refused, and the hop limit keeps the token of version 2 from coming here"
		}
	case m.Open:
		f.State, f.Cause, f.Fix = Risky, "version 1 answers without a token, which has no hop limit: every job can act as "+as, fix
	case m.Token:
		f.State = Unknown
		f.Cause = "a token is required, which is right; the hop limit cannot be seen from the host itself"
		f.Fix = "in a job: pullpass gitlab check --context job-container"
	default:
		f.Cause = "no instance metadata answers here"
	}
	return f
}

func (w World) jobHost(ctx context.Context) []Finding {
	all := []Finding{w.engine(ctx), w.helper(ctx, "docker on the job host")}
	all = append(all, w.dockerConfig())
	return append(all, w.metadata(ctx, false))
}

func (w World) jobContainer(ctx context.Context) []Finding {
	client := Finding{What: "the docker command", State: OK}
	if path, err := w.LookPath("docker"); err != nil {
		client.State, client.Cause, client.Fix = Missing, "it is not in the job's image", "use an image that has it, such as docker:cli, or crane, which needs no engine"
	} else {
		client.Cause = path
	}
	all := []Finding{client, w.engine(ctx), w.helper(ctx, "the job"), w.dockerConfig(), w.identity()}
	if value := w.Getenv("DOCKER_AUTH_CONFIG"); value != "" {
		all = append(all, w.variableInJob(value))
	}
	return append(all, w.metadata(ctx, true))
}

// variableInJob says what the runner's variable means for docker in the job.
func (w World) variableInJob(value string) Finding {
	f := Finding{What: "DOCKER_AUTH_CONFIG in the job", State: OK, Cause: "it is the runner's: docker before 28.3 does not read it"}
	sources, err := parseSource("$DOCKER_AUTH_CONFIG", []byte(value))
	switch {
	case err != nil:
		f.State, f.Cause, f.Fix = Missing, err.Error(), "pullpass docker-config --form variable"
	case len(sources.helpers) > 0 || sources.store != "":
		f.Cause = "it names helpers: docker 28.3 and later ignores it with a warning, earlier ones do not read it"
	case len(sources.auths) > 0:
		f.State = Risky
		f.Cause = "docker 28.3 and later takes these logins before the job's own: " + strings.Join(sources.auths, ", ")
		f.Fix = "unset DOCKER_AUTH_CONFIG in the script, or have it name helpers: pullpass docker-config --form variable"
	}
	return f
}

// dockerConfig is the file of the docker command here.
func (w World) dockerConfig() Finding {
	path := w.Getenv("HOME") + "/.docker/config.json"
	if dir := w.Getenv("DOCKER_CONFIG"); dir != "" {
		path = dir + "/config.json"
	}
	f := Finding{What: "a configuration that names the helper for the docker command", State: Missing, Fix: "pullpass docker-config --host HOST"}
	text, err := w.ReadFile(path)
	if err != nil {
		f.Cause = fmt.Sprintf("%s cannot be read: %v; DOCKER_AUTH_CONFIG is no substitute", path, err)
		return f
	}
	source, err := parseSource(path, text)
	if err != nil {
		f.Cause = err.Error()
		return f
	}
	for key, helper := range source.helpers {
		if helper == "pullpass" {
			f.State, f.Cause, f.Fix = OK, fmt.Sprintf("%s names it for %s", path, key), ""
		}
	}
	if source.store == "pullpass" {
		f.State, f.Cause, f.Fix = OK, path+" names it for every registry", ""
	}
	if f.State == Missing {
		f.Cause = path + " does not name it"
	}
	return f
}
