package storetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
)

// Filled is an organization with many environments, in 100 projects and on 50
// runners.
type Filled struct {
	Organization pullpass.OrganizationID
	Environments int
}

const (
	filledProjects = 100
	filledRunners  = 50
)

// Fill adds an organization with n environments to db, as fast as the database
// itself can make them up. Each environment has two registries: the
// organization's and its project's.
func Fill(ctx context.Context, db *store.DB, n int) (Filled, error) {
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: fmt.Sprintf("filled-%d-%d", n, time.Now().UnixNano())})
	if err != nil {
		return Filled{}, err
	}
	f := Filled{Organization: org.ID, Environments: n}
	now := time.Now().UnixMicro()
	for _, step := range []struct {
		rows      int
		statement string
	}{
		{filledProjects, `INSERT INTO projects (organization, id, name, repository, ownership_proved, created_at)
			SELECT $1, 'prj_0000000000000000' || CAST(1000000000 + i AS TEXT), 'project-' || CAST(i AS TEXT), 'https://git.example/x', 1 = 1, $3 FROM n`},
		{filledRunners, `INSERT INTO runners (organization, id, name, kind, hosted, version, capabilities, aws_identity, phase, message, last_seen_at, created_at)
			SELECT $1, 'run_0000000000000000' || CAST(1000000000 + i AS TEXT), 'runner-' || CAST(i AS TEXT), 'docker', 1 = 0, '1.0.0', '[]', '', 'active', '', $3, $3 FROM n`},
		{filledProjects + 1, `INSERT INTO registries (organization, id, project, name, host, path_prefix, auth, generation, created_at)
			SELECT $1, 'reg_0000000000000000' || CAST(1000000000 + i AS TEXT),
				CASE WHEN i = 100 THEN NULL ELSE 'prj_0000000000000000' || CAST(1000000000 + i AS TEXT) END,
				'registry', 'hub.example', '', 'runner-native', 1, $3 FROM n`},
		{filledProjects + 1, `INSERT INTO registry_generations (organization, registry, generation, username, inside, created_at)
			SELECT $1, 'reg_0000000000000000' || CAST(1000000000 + i AS TEXT), 1, '', 'never', $3 FROM n`},
		{n, `INSERT INTO environments (organization, id, project, runner, name, services, wanted, phase, conditions, status, starts, revision, created_at, updated_at)
			SELECT $1, 'env_0000000000000000' || CAST(1000000000 + i AS TEXT), 'prj_0000000000000000' || CAST(1000000000 + i % 100 AS TEXT),
				'run_0000000000000000' || CAST(1000000000 + i % 50 AS TEXT), 'environment-' || CAST(i AS TEXT),
				'[{"name":"web","image":"222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4","command":["serve","--all"]}]',
				'running', 'running', 'null',
				'[{"name":"web","state":"running","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]',
				1, 1, $3, $3 FROM n`},
		{n, `INSERT INTO environment_registries (organization, environment, registry, generation)
			SELECT $1, 'env_0000000000000000' || CAST(1000000000 + i AS TEXT), 'reg_0000000000000000' || CAST(1000000000 + i % 100 AS TEXT), 1 FROM n`},
		{n, `INSERT INTO environment_registries (organization, environment, registry, generation)
			SELECT $1, 'env_0000000000000000' || CAST(1000000000 + i AS TEXT), 'reg_00000000000000001000000100', 1 FROM n`},
	} {
		if err := f.insert(ctx, db, step.statement, step.rows, now); err != nil {
			return Filled{}, err
		}
	}
	return f, nil
}

// insert runs one INSERT … SELECT over the numbers from 0 to rows-1. PostgreSQL
// is told the types of the parameters, which a SELECT list does not tell it.
func (f Filled) insert(ctx context.Context, db *store.DB, statement string, rows int, now int64) error {
	const numbers = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < CAST($2 AS BIGINT)) `
	if _, err := db.Schema().Write.ExecContext(ctx, numbers+typed.Replace(statement), f.Organization, rows, now); err != nil {
		return fmt.Errorf("filling the store: %w", err)
	}
	return nil
}

var typed = strings.NewReplacer("$1", "CAST($1 AS TEXT)", "$3", "CAST($3 AS BIGINT)")

// Settle brings the database into the state that it has some time after: the
// planner knows the tables.
func (f Filled) Settle(ctx context.Context, db *store.DB) error {
	_, err := db.Schema().Write.ExecContext(ctx, "ANALYZE")
	return err
}

// Environment is the id of the i-th environment, whatever i is.
func (f Filled) Environment(i int) pullpass.EnvironmentID {
	return pullpass.EnvironmentID(fmt.Sprintf("env_0000000000000000%d", 1_000_000_000+i%f.Environments))
}

func (f Filled) project(i int) pullpass.ProjectID {
	return pullpass.ProjectID(fmt.Sprintf("prj_0000000000000000%d", 1_000_000_000+i%f.Environments%filledProjects))
}

func (f Filled) runner(i int) pullpass.RunnerID {
	return pullpass.RunnerID(fmt.Sprintf("run_0000000000000000%d", 1_000_000_000+i%f.Environments%filledRunners))
}

// Operation is one of the store's named operations on the i-th environment.
type Operation struct {
	Name string
	Run  func(ctx context.Context, i int) error
}

// Operations are those whose price must not depend on the number of
// environments.
func (f Filled) Operations(db *store.DB) []Operation {
	org := f.Organization
	return []Operation{
		{"get", func(ctx context.Context, i int) error {
			_, err := db.Environment(ctx, org, f.Environment(i))
			return err
		}},
		{"list page", func(ctx context.Context, i int) error {
			_, err := db.Environments(ctx, org, pullpass.EnvironmentFilter{}, pullpass.Page{After: string(f.Environment(i / 2))})
			return err
		}},
		{"resolve registry", func(ctx context.Context, i int) error {
			if _, err := db.RegistriesInForce(ctx, org, f.project(i)); err != nil {
				return err
			}
			_, err := db.PinnedRegistries(ctx, org, f.Environment(i))
			return err
		}},
		{"update status", func(ctx context.Context, i int) error {
			_, err := db.UpdateStatus(ctx, org, f.Environment(i), pullpass.StatusUpdate{
				Runner: f.runner(i), Start: 1, Phase: pullpass.PhaseRunning,
				Status: []pullpass.ServiceStatus{{Name: "web", State: pullpass.ServiceRunning, Digest: fmt.Sprintf("sha256:%064d", time.Now().UnixNano())}},
			})
			return err
		}},
	}
}
