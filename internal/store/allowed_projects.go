package store

import (
	"context"
	"slices"

	"github.com/pullpass/pullpass"
)

// setIntegrationProjects writes whose limited callers may attach i.
func (x *tx) setIntegrationProjects(i pullpass.Integration) error {
	if _, err := x.exec(`DELETE FROM integration_projects WHERE organization = $1 AND integration = $2`, i.Organization, i.ID); err != nil {
		return err
	}
	for _, project := range i.Projects {
		if err := x.lockProject(i.Organization, project, x.db.dialect.ForShare); err != nil {
			return err
		}
		if _, err := x.exec(`INSERT INTO integration_projects (organization, integration, project) VALUES ($1, $2, $3)`,
			i.Organization, i.ID, project); err != nil {
			return err
		}
	}
	return nil
}

// setRunnerProjects writes whose environments r takes.
func (x *tx) setRunnerProjects(r pullpass.Runner) error {
	if _, err := x.exec(`DELETE FROM runner_projects WHERE organization = $1 AND runner = $2`, r.Organization, r.ID); err != nil {
		return err
	}
	for _, project := range r.Projects {
		if err := x.lockProject(r.Organization, project, x.db.dialect.ForShare); err != nil {
			return err
		}
		if _, err := x.exec(`INSERT INTO runner_projects (organization, runner, project) VALUES ($1, $2, $3)`,
			r.Organization, r.ID, project); err != nil {
			return err
		}
	}
	return nil
}

// UpdateRunner changes what people say of a runner. Environments that run on it
// stay until they are started anew.
func (db *DB) UpdateRunner(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID, c pullpass.RunnerChange) (pullpass.Runner, error) {
	const what = "update the runner"
	err := db.tx(ctx, what, func(x *tx) error {
		if err := x.lockRunner(org, id, db.dialect.ForUpdate); err != nil {
			return err
		}
		if c.Projects == nil {
			return nil
		}
		x.announceTo(org, string(id)) // what it has not begun depends on it
		return x.setRunnerProjects(pullpass.Runner{Organization: org, ID: id, Projects: distinct(*c.Projects)})
	})
	if err != nil {
		return pullpass.Runner{}, err
	}
	return db.Runner(ctx, org, id)
}

// checkPlace refuses an environment of a project on a runner that does not take
// it. The runner's row is locked by whoever asks, so the list does not change.
func (x *tx) checkPlace(what string, org pullpass.OrganizationID, runner pullpass.RunnerID, project pullpass.ProjectID) error {
	projects, err := all(x.ctx, x, scanID[pullpass.ProjectID],
		`SELECT project FROM runner_projects WHERE organization = $1 AND runner = $2`, org, runner)
	if err != nil || len(projects) == 0 || slices.Contains(projects, project) {
		return err
	}
	return &pullpass.Error{Kind: pullpass.Denied, Code: pullpass.CodeRunnerNotForProject, What: "cannot " + what,
		Cause: "the runner does not take environments of this project", Hint: "use another runner, or have an administrator add the project: pullpass runner update NAME --project PROJECT"}
}

// forgetAllowed takes a project that is being deleted off all lists. An empty list
// of a runner is for every project, so the last one does not go by itself.
func (x *tx) forgetAllowed(what string, org pullpass.OrganizationID, project pullpass.ProjectID) error {
	var runner string
	found, err := all(x.ctx, x, func(row scanner) (string, error) { err := row.Scan(&runner); return runner, err },
		`SELECT r.name FROM runner_projects p JOIN runners r ON r.organization = p.organization AND r.id = p.runner
		WHERE p.organization = $1 AND p.project = $2 AND r.deleted_at = 0 AND NOT EXISTS (SELECT 1 FROM runner_projects o
			WHERE o.organization = p.organization AND o.runner = p.runner AND o.project <> p.project) ORDER BY r.name LIMIT 1`, org, project)
	switch {
	case err != nil:
		return err
	case len(found) > 0:
		return errConflict("project_in_use", what, "it is the only project that the runner "+found[0]+" takes, and without it the runner would take all",
			"say what the runner takes: pullpass runner update "+found[0]+" --project OTHER, or --any-project")
	}
	if _, err := x.exec(`DELETE FROM runner_projects WHERE organization = $1 AND project = $2`, org, project); err != nil {
		return err
	}
	_, err = x.exec(`DELETE FROM integration_projects WHERE organization = $1 AND project = $2`, org, project)
	return err
}
