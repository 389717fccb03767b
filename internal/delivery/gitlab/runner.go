package gitlab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/pullpass/pullpass/internal/delivery"
	"github.com/pullpass/pullpass/internal/printable"
)

// runnersFile is what is read of config.toml.
type runnersFile struct {
	Runners []struct {
		Name        string   `toml:"name"`
		Executor    string   `toml:"executor"`
		Environment []string `toml:"environment"`
		Docker      struct {
			Volumes    []string `toml:"volumes"`
			PullPolicy any      `toml:"pull_policy"`
		} `toml:"docker"`
	} `toml:"runners"`
}

// source is one of the runner's sources of credentials.
type source struct {
	name    string
	helpers map[string]string
	store   string
	auths   []string
}

func parseSource(name string, text []byte) (source, error) {
	c, err := delivery.ParseConfig(text)
	if err != nil {
		return source{}, fmt.Errorf("%s: %w", name, err)
	}
	s := source{name: name}
	if s.helpers, err = c.Helpers(); err != nil {
		return source{}, fmt.Errorf("%s: %w", name, err)
	}
	if s.store, err = c.Store(); err != nil {
		return source{}, fmt.Errorf("%s: %w", name, err)
	}
	auths, err := c.Auths()
	if err != nil {
		return source{}, fmt.Errorf("%s: %w", name, err)
	}
	for _, a := range auths {
		if !a.Empty {
			s.auths = append(s.auths, a.Key)
		}
	}
	return s, nil
}

func (w World) runner(ctx context.Context) []Finding {
	all := []Finding{w.helper(ctx, "gitlab-runner")}
	sources := 0
	for _, f := range w.tomlSources(ctx, &sources) {
		all = append(all, f...)
	}
	home := w.Getenv("HOME")
	path := filepath.Join(home, ".docker", "config.json")
	if text, err := w.ReadFile(path); err == nil {
		all = append(all, w.source(ctx, path, text)...)
		sources++
	} else if !errors.Is(err, fs.ErrNotExist) {
		all = append(all, Finding{What: "the runner's " + path, State: Missing, Cause: err.Error(), Fix: "make it readable for the user that gitlab-runner runs as"})
	}
	if sources == 0 {
		all = append(all, Finding{
			What: "a source of credentials for the runner", State: Missing,
			Cause: fmt.Sprintf("no runner of %s has DOCKER_AUTH_CONFIG in its environment, and there is no %s", w.TOML, path),
			Fix:   "pullpass gitlab config --part runner, or a CI/CD variable: pullpass docker-config --form variable",
		})
	}
	return all
}

// tomlSources are the findings of each runner in config.toml.
func (w World) tomlSources(ctx context.Context, sources *int) [][]Finding {
	text, err := w.ReadFile(w.TOML)
	if err != nil {
		return [][]Finding{{{
			What: "the runner's " + w.TOML, State: Unknown, Cause: err.Error(),
			Fix: "run this where gitlab-runner runs, as its user, or name the file: --runner-config PATH",
		}}}
	}
	var file runnersFile
	if err := toml.Unmarshal(text, &file); err != nil {
		return [][]Finding{{{What: "the runner's " + w.TOML, State: Missing, Cause: "it is not TOML", Fix: "gitlab-runner verify says where"}}}
	}
	var all [][]Finding
	for i, r := range file.Runners {
		name := r.Name
		if name == "" {
			name = fmt.Sprint("number ", i+1)
		}
		for _, entry := range r.Environment {
			if value, ok := strings.CutPrefix(entry, "DOCKER_AUTH_CONFIG="); ok {
				*sources++
				all = append(all, w.source(ctx, fmt.Sprintf("DOCKER_AUTH_CONFIG of the runner %s", name), []byte(value)))
			}
		}
		for _, volume := range r.Docker.Volumes {
			if strings.Contains(volume, "docker.sock") {
				all = append(all, []Finding{{
					What: "the runner " + name + " keeps the Docker Engine from jobs", State: Risky,
					Cause: "its volumes have " + volume + ": whoever writes a job is root on the job host",
					Fix:   "use docker:dind as a service, or hosts that are thrown away after a job",
				}})
			}
		}
	}
	return all
}

// source runs the helpers of a source as the runner does: one that fails loses all.
func (w World) source(ctx context.Context, name string, text []byte) []Finding {
	s, err := parseSource(name, text)
	if err != nil {
		return []Finding{{What: name, State: Missing, Cause: err.Error() + "; the runner ignores the source", Fix: "pullpass docker-config --form variable"}}
	}
	var all []Finding
	if s.store != "" {
		all = append(all, w.store(ctx, s)...)
	}
	for _, key := range slices.Sorted(maps.Keys(s.helpers)) {
		all = append(all, w.get(ctx, s.name, s.helpers[key], key))
	}
	if len(all) == 0 {
		f := Finding{What: name, State: OK, Cause: "logins for " + strings.Join(s.auths, ", ")}
		if len(s.auths) == 0 {
			f.State, f.Cause, f.Fix = Missing, "it holds nothing", "pullpass docker-config --form variable"
		}
		all = append(all, f)
	}
	return all
}

// store lists what the helper of all registries knows, and asks for each.
func (w World) store(ctx context.Context, s source) []Finding {
	f := Finding{What: fmt.Sprintf("%s: docker-credential-%s list", s.name, s.store)}
	out, talk, err := w.Run(ctx, "docker-credential-"+s.store, "unused", "list")
	var listed map[string]string
	if err == nil {
		err = json.Unmarshal([]byte(out), &listed)
	}
	if err != nil {
		f.State, f.Cause, f.Fix = Missing, "the runner loses the whole source: "+said(out, talk, err), installHint
		return []Finding{f}
	}
	f.State, f.Cause = OK, strings.Join(slices.Sorted(maps.Keys(listed)), ", ")
	if len(listed) == 0 {
		f.State, f.Cause = Missing, "it lists nothing, and the runner asks for nothing else"
		f.Fix = "name the hosts instead: pullpass docker-config --form variable --host HOST"
	}
	all := []Finding{f}
	for _, key := range slices.Sorted(maps.Keys(listed)) {
		all = append(all, w.get(ctx, s.name, s.store, key))
	}
	return all
}

// get asks a helper for one registry; the secret is not looked at.
func (w World) get(ctx context.Context, where, helper, key string) Finding {
	f := Finding{What: fmt.Sprintf("%s: a credential for %s", where, key)}
	if helper != filepath.Base(helper) {
		f.State, f.Cause, f.Fix = Missing, "the helper's name is a path, and the runner refuses the job", "name it without a directory"
		return f
	}
	out, talk, err := w.Run(ctx, "docker-credential-"+helper, key, "get")
	var got struct{ Username string }
	switch {
	case err != nil && strings.TrimSpace(out) == "credentials not found in native keychain":
		f.State, f.Cause = Missing, "the helper has none: the runner pulls without"
		f.Fix = "pullpass registry add NAME --host " + key
	case err != nil:
		f.State, f.Cause = Missing, "the runner loses the whole source: "+said(out, talk, err)
		f.Fix = "mend this one, or take it out of the source: " + installHint
	case json.Unmarshal([]byte(out), &got) != nil || got.Username == "":
		f.State, f.Cause, f.Fix = Missing, "docker-credential-"+helper+" answers something that is no credential", installHint
	default:
		f.State, f.Cause = OK, "as "+got.Username
	}
	return f
}

// said is what a helper says of its failure: its standard error, else its one line.
func said(out, talk string, err error) string {
	for _, text := range []string{talk, out} {
		if text = strings.TrimSpace(text); text != "" {
			return printable.Line(strings.ReplaceAll(text, "\n", "; "), 0)
		}
	}
	return err.Error()
}

// helperWait is how long a helper is waited for.
const helperWait = 30 * time.Second

func runProgram(ctx context.Context, name, input string, args ...string) (out, talk string, err error) {
	ctx, cancel := context.WithTimeout(ctx, helperWait)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the helper that the configuration names, as the runner runs it
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = strings.NewReader(input), &stdout, &stderr, time.Second
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// dialEngine connects, which tells whether somebody listens.
func dialEngine(ctx context.Context, host string) error {
	network, address, ok := strings.Cut(host, "://")
	if !ok {
		return errors.New("the address has no scheme, such as unix:// or tcp://")
	}
	if network != "unix" {
		network = "tcp"
	}
	conn, err := (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}
