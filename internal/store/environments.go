package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

const environmentFields = `SELECT organization, id, project, runner, name, services, wanted, phase, conditions, status,
	starts, revision, created_at, updated_at, ref, commit_id, `

// environmentListed is without registries: of a thousand environments with a
// thousand registries each, nobody wants to be told a million.
const environmentListed = environmentFields + `'' FROM environments`

// environmentWanted has the sealed variables, for the runner that starts it.
const environmentWanted = environmentFields + `'', services, sealed FROM environments`

const environmentColumns = environmentFields + `
	(SELECT COALESCE(string_agg(er.registry || ':' || er.generation, ','), '') FROM environment_registries er
		WHERE er.organization = environments.organization AND er.environment = environments.id)
	FROM environments`

func scanEnvironment(row scanner) (e pullpass.Environment, err error) {
	return scanEnvironmentAnd(row)
}

// scanEnvironmentAnd reads an environment, without the values of its variables, and
// what else the query selects.
func scanEnvironmentAnd(row scanner, more ...any) (e pullpass.Environment, err error) {
	var pins string
	var created, updated int64
	columns := []any{
		&e.Organization, &e.ID, &e.Project, &e.Runner, &e.Name, asJSON{&e.Services}, &e.Wanted, &e.Phase, asJSON{&e.Conditions}, asJSON{&e.Status},
		&e.Start, &e.Revision, &created, &updated, &e.Ref, &e.Commit, &pins,
	}
	if err := row.Scan(append(columns, more...)...); err != nil {
		return e, err
	}
	e.CreatedAt, e.UpdatedAt, e.Services = moment(created), moment(updated), namesOnly(e.Services)
	e.Registries, err = generationList(pins)
	return e, err
}

func generationList(joined string) ([]pullpass.RegistryGeneration, error) {
	if joined == "" {
		return nil, nil
	}
	var list []pullpass.RegistryGeneration
	for pin := range strings.SplitSeq(joined, ",") {
		id, number, _ := strings.Cut(pin, ":")
		generation, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, pullpass.RegistryGeneration{Registry: pullpass.RegistryID(id), Generation: generation})
	}
	sortGenerations(list)
	return list, nil
}

func sortGenerations(list []pullpass.RegistryGeneration) {
	slices.SortFunc(list, func(a, b pullpass.RegistryGeneration) int {
		return strings.Compare(string(a.Registry), string(b.Registry))
	})
}

// Environment returns the environment with this id. A deleted one is still
// found, in PhaseDeleted, so that whoever waits for the deletion sees it.
func (db *DB) Environment(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	e, err := scanEnvironment(db.read.QueryRowContext(ctx, environmentColumns+` WHERE organization = $1 AND id = $2`, org, id))
	return e, db.explain("find the environment", err)
}

// EnvironmentByName returns the environment with this name in the project.
func (db *DB) EnvironmentByName(ctx context.Context, org pullpass.OrganizationID, project pullpass.ProjectID, name string) (pullpass.Environment, error) {
	e, err := scanEnvironment(db.read.QueryRowContext(ctx,
		environmentColumns+` WHERE organization = $1 AND project = $2 AND name = $3 AND phase <> 'deleted'`, org, project, name))
	return e, db.explain("find the environment", err)
}

// Environments lists the organization's environments, without the registries that
// they have; deleted ones only if the filter asks for their phase.
func (db *DB) Environments(ctx context.Context, org pullpass.OrganizationID, f pullpass.EnvironmentFilter, p pullpass.Page) (pullpass.List[pullpass.Environment], error) {
	var w where
	w.and("organization = ", org)
	w.and("id > ", p.After)
	if f.Project != "" {
		w.and("project = ", f.Project)
	}
	if f.Runner != "" {
		w.and("runner = ", f.Runner)
	}
	switch {
	case f.Phase == "":
		w.fixed("phase <> 'deleted'")
	case f.Project != "" || f.Runner != "":
		// Most environments are in one phase: its index must not be preferred to
		// that of the project or the runner, and is not for an expression.
		w.and("phase || '' = ", f.Phase)
	default:
		w.and("phase = ", f.Phase)
	}
	return db.environments(ctx, "list environments", environmentListed, scanEnvironment, &w, p)
}

const notWithdrawn = `NOT (wanted = 'running' AND phase = 'creating'
	AND EXISTS (SELECT 1 FROM runner_projects rp WHERE rp.organization = environments.organization AND rp.runner = environments.runner)
	AND NOT EXISTS (SELECT 1 FROM runner_projects rp WHERE rp.organization = environments.organization AND rp.runner = environments.runner
		AND rp.project = environments.project))`

// WantedOf lists what a runner has to care for: its environments that are not
// deleted yet, with their variables and without the registries that they have.
// Those that it has not begun are left out while it does not take their project.
func (db *DB) WantedOf(ctx context.Context, org pullpass.OrganizationID, runner pullpass.RunnerID, p pullpass.Page) (pullpass.List[pullpass.Environment], error) {
	var w where
	w.and("organization = ", org)
	w.and("runner = ", runner)
	w.and("id > ", p.After)
	w.fixed("phase <> 'deleted'")
	w.fixed(notWithdrawn)
	var sealed []sealedVariables
	const what = "list the runner's environments"
	l, err := db.environments(ctx, what, environmentWanted, func(row scanner) (pullpass.Environment, error) {
		var v sealedVariables
		e, err := scanEnvironmentAnd(row, &v.services, &v.sealed)
		sealed = append(sealed, v)
		return e, err
	}, &w, p)
	for i := range l.Items {
		if err == nil {
			err = db.openVariables(ctx, &l.Items[i], sealed[i])
		}
	}
	return l, db.explain(what, err)
}

func (db *DB) environments(ctx context.Context, what, columns string, scan func(scanner) (pullpass.Environment, error), w *where, p pullpass.Page) (pullpass.List[pullpass.Environment], error) {
	items, err := all(ctx, db.read, scan, columns+w.page("id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Environment]{}, db.explain(what, err)
	}
	return page(items, p.Size(), func(e pullpass.Environment) string { return string(e.ID) }), nil
}

// CreateEnvironment stores a new environment, its variables sealed, and pins the
// registries in force, in one transaction.
func (db *DB) CreateEnvironment(ctx context.Context, e pullpass.Environment) (pullpass.Environment, error) {
	const what = "create the environment"
	if err := checkName(what, e.Name); err != nil {
		return pullpass.Environment{}, err
	}
	if e.ID == "" {
		e.ID = pullpass.NewEnvironmentID()
	}
	if e.Wanted == "" {
		e.Wanted = pullpass.WantedRunning
	}
	e.Phase, e.Start, e.Revision = pullpass.PhaseCreating, 1, 1
	e.Conditions, e.Status, e.Registries = nil, nil, nil
	e.CreatedAt = db.createdAt(e.CreatedAt)
	e.UpdatedAt = e.CreatedAt
	stored, err := db.sealVariables(ctx, e)
	if err != nil {
		return pullpass.Environment{}, db.explain(what, err)
	}
	e.Services = slices.Clone(e.Services)
	for i := range e.Services {
		e.Services[i] = withNames(e.Services[i])
	}
	err = db.tx(ctx, what, func(x *tx) error {
		creator, err := x.rootOf(e.Organization, e.Creator)
		if err != nil {
			return err
		}
		if err := x.room(what, e.Organization, "environments", whose{e.Project, creator}); err != nil {
			return err
		}
		if err := x.lockProject(e.Organization, e.Project, db.dialect.ForShare); err != nil {
			return err
		}
		if err := x.lockRunner(e.Organization, e.Runner, db.dialect.ForShare); err != nil {
			return err
		}
		if err := x.checkPlace(what, e.Organization, e.Runner, e.Project); err != nil {
			return err
		}
		_, err = x.exec(`INSERT INTO environments (organization, id, project, runner, name, services, wanted, phase, conditions, status,
				starts, revision, created_at, updated_at, ref, commit_id, creator, sealed, data_key, clear)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, FALSE)`,
			e.Organization, e.ID, e.Project, e.Runner, e.Name, stored.text, e.Wanted, e.Phase, asJSON{e.Conditions}, asJSON{e.Status},
			e.Start, e.Revision, micros(e.CreatedAt), micros(e.UpdatedAt), e.Ref, e.Commit, creator, stored.sealed.bytes, stored.sealed.key)
		if err != nil {
			return err
		}
		x.announce(e)
		return x.pin(&e)
	})
	if err != nil {
		return pullpass.Environment{}, err
	}
	return e, nil
}

// saveEnvironment writes what can change of e as its next revision, and tells e's
// runner: what it has to do may have changed.
func (x *tx) saveEnvironment(e *pullpass.Environment, now time.Time) error {
	x.announce(*e)
	return x.writeEnvironment(e, now)
}

// saveReport writes what e's own runner reports. Only those who watch e are told:
// a runner's words give itself nothing to do.
func (x *tx) saveReport(e *pullpass.Environment, now time.Time) error {
	x.announceTo(e.Organization, string(e.ID))
	return x.writeEnvironment(e, now)
}

func (x *tx) writeEnvironment(e *pullpass.Environment, now time.Time) error {
	e.Revision++
	e.UpdatedAt = moment(micros(now))
	_, err := x.exec(`UPDATE environments SET wanted = $3, phase = $4, conditions = $5, status = $6, starts = $7, revision = $8, updated_at = $9
		WHERE organization = $1 AND id = $2`,
		e.Organization, e.ID, e.Wanted, e.Phase, asJSON{e.Conditions}, asJSON{e.Status}, e.Start, e.Revision, micros(e.UpdatedAt))
	return err
}
