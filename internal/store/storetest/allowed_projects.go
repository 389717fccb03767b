package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

// testAllowedProjects: lists of projects on integrations and runners are kept,
// replaced and emptied; a runner's binds every start; and no list empties itself
// into one that allows everything.
func testAllowedProjects(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "globex")
	ctx := t.Context()
	second, err := w.CreateProject(ctx, pullpass.Project{Organization: w.org, Name: "second"})
	must(t, "CreateProject", err)

	i, err := w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: "aws", Mode: pullpass.ModeAmbient,
		Projects: []pullpass.ProjectID{second.ID, w.project, second.ID}}, pullpass.Secret{})
	must(t, "CreateIntegration", err)
	if len(i.Projects) != 2 {
		t.Errorf("projects %v, want two", i.Projects)
	}
	got, err := w.Integration(ctx, w.org, i.ID)
	must(t, "Integration", err)
	if diff := cmp.Diff(i, got); diff != "" {
		t.Errorf("Integration differs from what was created:\n%s", diff)
	}
	none, foreign := []pullpass.ProjectID{}, []pullpass.ProjectID{other.project}
	_, err = w.UpdateIntegration(ctx, w.org, i.ID, pullpass.IntegrationChange{Projects: &foreign})
	wantKind(t, "a project of another organization", err, pullpass.NotFound)
	got, err = w.UpdateIntegration(ctx, w.org, i.ID, pullpass.IntegrationChange{Projects: &none})
	must(t, "UpdateIntegration", err)
	if len(got.Projects) != 0 || got.Generation != 2 {
		t.Errorf("projects %v in generation %d, want none in 2", got.Projects, got.Generation)
	}

	r, err := w.CreateRunner(ctx, pullpass.Runner{Organization: w.org, Name: "narrow", Kind: pullpass.RunnerDocker, Projects: []pullpass.ProjectID{second.ID}})
	must(t, "CreateRunner", err)
	if found, err := w.RunnerByName(ctx, w.org, "narrow"); err != nil || !cmp.Equal(found.Projects, r.Projects) {
		t.Errorf("RunnerByName = %v, %v, want %v", found.Projects, err, r.Projects)
	}
	place := func(name string, p pullpass.ProjectID) (pullpass.Environment, error) {
		return w.CreateEnvironment(ctx, pullpass.Environment{Organization: w.org, Project: p, Runner: r.ID, Name: name,
			Services: []pullpass.Service{{Name: "web", Image: "alpine"}}})
	}
	_, err = place("a", w.project)
	if pullpass.CodeOf(err) != pullpass.CodeRunnerNotForProject {
		t.Errorf("an environment of another project: %v, want %s", err, pullpass.CodeRunnerNotForProject)
	}
	e, err := place("b", second.ID)
	must(t, "CreateEnvironment", err)
	only := []pullpass.ProjectID{w.project}
	_, err = w.UpdateRunner(ctx, w.org, r.ID, pullpass.RunnerChange{Projects: &foreign})
	wantKind(t, "a runner for a project of another organization", err, pullpass.NotFound)
	_, err = w.UpdateRunner(ctx, other.org, r.ID, pullpass.RunnerChange{Projects: &none})
	wantKind(t, "another organization's runner", err, pullpass.NotFound)
	wakes := w.Watch(ctx, w.org, string(r.ID))
	_, err = w.UpdateRunner(ctx, w.org, r.ID, pullpass.RunnerChange{Projects: &only})
	must(t, "UpdateRunner", err)
	select {
	case <-wakes:
	default:
		t.Error("the runner's poll does not hear that its projects changed")
	}
	wantsOf := func(what string, want int) {
		t.Helper()
		l, err := w.WantedOf(ctx, w.org, r.ID, pullpass.Page{})
		if err != nil || len(l.Items) != want {
			t.Errorf("%s: WantedOf = %d environments, %v, want %d", what, len(l.Items), err, want)
		}
	}
	wantsOf("what it has not begun, of a project that it does not take", 0)
	if _, err = w.Restart(ctx, w.org, e.ID); pullpass.CodeOf(err) != pullpass.CodeRunnerNotForProject {
		t.Errorf("Restart = %v, want %s", err, pullpass.CodeRunnerNotForProject)
	}
	_, err = w.SetWanted(ctx, w.org, e.ID, pullpass.WantedStopped)
	must(t, "stop", err)
	wantsOf("what is to be stopped", 1)
	if _, err = w.SetWanted(ctx, w.org, e.ID, pullpass.WantedRunning); pullpass.CodeOf(err) != pullpass.CodeRunnerNotForProject {
		t.Errorf("start = %v, want %s", err, pullpass.CodeRunnerNotForProject)
	}
	third, err := w.CreateProject(ctx, pullpass.Project{Organization: w.org, Name: "third"})
	must(t, "CreateProject", err)
	only = []pullpass.ProjectID{third.ID}
	_, err = w.UpdateRunner(ctx, w.org, r.ID, pullpass.RunnerChange{Projects: &only})
	must(t, "UpdateRunner", err)
	wantKind(t, "deleting the only project of a runner", w.DeleteProject(ctx, w.org, third.ID), pullpass.Conflict)
	_, err = w.UpdateRunner(ctx, w.org, r.ID, pullpass.RunnerChange{Projects: &none})
	must(t, "UpdateRunner", err)
	must(t, "DeleteProject", w.DeleteProject(ctx, w.org, third.ID))
	wantsOf("with every project", 1)
	if _, err = w.Restart(ctx, w.org, e.ID); err != nil {
		t.Errorf("Restart on a runner for every project: %v", err)
	}
}
