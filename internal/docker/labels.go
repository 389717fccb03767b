package docker

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// The labels of a container: all that is remembered of it.
const (
	labelRunner       = "io.pullpass.runner"
	labelOrganization = "io.pullpass.organization"
	labelProject      = "io.pullpass.project"
	labelEnvironment  = "io.pullpass.environment"
	labelService      = "io.pullpass.service"
	labelStart        = "io.pullpass.start"
	labelDigest       = "io.pullpass.digest"
)

func (e *Engine) labels(s runner.StartRequest) map[string]string {
	return map[string]string{
		labelRunner:       string(e.runner),
		labelOrganization: string(s.Organization),
		labelProject:      string(s.Project),
		labelEnvironment:  string(s.Environment),
		labelService:      s.Service.Name,
		labelStart:        strconv.FormatInt(s.Start, 10),
		labelDigest:       s.Digest,
	}
}

// name is the same for the same start of the same service: the engine itself
// refuses a second container.
func name(s runner.StartRequest) string {
	return nameOf(s.Environment, s.Service.Name, s.Start)
}

func nameOf(environment pullpass.EnvironmentID, service string, start int64) string {
	return fmt.Sprintf("pullpass-%s-%s-%d", environment, service, start)
}

// fromLabels reads what labels wrote; ok is false for somebody else's container. An
// image can carry any label, and whoever runs it on this engine gets a container with
// it: only a container that has the name, too, which no image can set, is ours.
func (e *Engine) fromLabels(id string, names []string, labels map[string]string) (a runner.Actual, ok bool) {
	start, err := strconv.ParseInt(labels[labelStart], 10, 64)
	if err != nil || labels[labelRunner] != string(e.runner) || labels[labelEnvironment] == "" {
		return runner.Actual{}, false
	}
	if !slices.Contains(names, "/"+nameOf(pullpass.EnvironmentID(labels[labelEnvironment]), labels[labelService], start)) {
		return runner.Actual{}, false
	}
	return runner.Actual{
		ID:           id,
		Organization: pullpass.OrganizationID(labels[labelOrganization]),
		Environment:  pullpass.EnvironmentID(labels[labelEnvironment]),
		Service:      labels[labelService],
		Start:        start,
		Digest:       labels[labelDigest],
	}, true
}
