package store

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// variablesPlace binds the variables of an environment to the runner that gets them,
// and to the images and commands that they are for: services is the column.
func variablesPlace(org pullpass.OrganizationID, id pullpass.EnvironmentID, created int64, project pullpass.ProjectID, runner pullpass.RunnerID, services string) seal.AssociatedData {
	return seal.AssociatedData{
		Organization: org, Table: "environment", Row: string(id), Field: "variables", Version: created,
		Bound: []string{string(project), string(runner), services},
	}
}

// storedServices is how services and their variables are kept.
type storedServices struct {
	text   string // the column: names of variables, and no values
	sealed sealed
}

// sealVariables takes the values out of e's services.
func (db *DB) sealVariables(ctx context.Context, e pullpass.Environment) (storedServices, error) {
	values := make([]map[string]string, len(e.Services))
	some := false
	for i, s := range e.Services {
		values[i] = s.Env
		some = some || len(s.Env) > 0
	}
	stored := storedServices{text: jsonText(namesOnly(e.Services))}
	if !some {
		return stored, nil
	}
	var err error
	stored.sealed, err = db.seal(ctx, pullpass.NewSecret(jsonText(values)),
		variablesPlace(e.Organization, e.ID, micros(e.CreatedAt), e.Project, e.Runner, stored.text))
	return stored, err
}

// namesOnly are services without the values of their variables.
func namesOnly(services []pullpass.Service) []pullpass.Service {
	out := slices.Clone(services)
	for i := range out {
		out[i] = withNames(out[i])
		out[i].Env = nil
	}
	return out
}

// withNames is a service that says what its variables are called.
func withNames(s pullpass.Service) pullpass.Service {
	if len(s.Env) > 0 {
		s.EnvNames = slices.Sorted(maps.Keys(s.Env))
	}
	return s
}

// sealedVariables are the columns that openVariables needs.
type sealedVariables struct {
	services string
	sealed   []byte
}

// openVariables gives e's services their values. Sealed ones that do not open are
// left out, and whoever uses them sees that values are missing: the row was changed
// in the database, and nobody else's environments suffer from it.
func (db *DB) openVariables(ctx context.Context, e *pullpass.Environment, v sealedVariables) error {
	if v.sealed == nil {
		var services []pullpass.Service
		if err := (asJSON{&services}).Scan(v.services); err != nil {
			return err
		}
		for i := range services { // of before: in clear text, or without variables
			services[i] = withNames(services[i])
		}
		e.Services = services
		return nil
	}
	secret, err := db.sealer.Open(ctx, v.sealed, variablesPlace(e.Organization, e.ID, micros(e.CreatedAt), e.Project, e.Runner, v.services))
	if isBroken(err) {
		db.log.Error("the sealed variables of an environment do not open: its row was changed in the database", "environment", e.ID)
		return nil
	}
	if err != nil {
		return err
	}
	var values []map[string]string
	if json.Unmarshal([]byte(secret.Reveal()), &values) != nil || len(values) != len(e.Services) {
		db.log.Error("the sealed variables of an environment do not read", "environment", e.ID)
		return nil //nolint:nilerr // it has been told, and the row alone suffers
	}
	for i := range e.Services {
		e.Services[i].Env = values[i]
	}
	return nil
}

// WithVariables is e with the values of its services' variables.
func (db *DB) WithVariables(ctx context.Context, e pullpass.Environment) (pullpass.Environment, error) {
	const what = "open the environment's variables"
	var v sealedVariables
	err := db.read.QueryRowContext(ctx, `SELECT services, sealed FROM environments WHERE organization = $1 AND id = $2`, e.Organization, e.ID).
		Scan(&v.services, &v.sealed)
	if err == nil {
		err = db.openVariables(ctx, &e, v)
	}
	return e, db.explain(what, err)
}

var variableSecrets = sealedTable{
	find: `SELECT s.organization, s.id, s.created_at, s.sealed, s.data_key, s.project, s.runner, s.services
		FROM environments s`,
	bound: 3,
	replace: `UPDATE environments SET sealed = $5, data_key = $6
		WHERE organization = $1 AND id = $2 AND created_at = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData {
		return variablesPlace(r.organization, pullpass.EnvironmentID(r.id), r.version, pullpass.ProjectID(r.bound[0]), pullpass.RunnerID(r.bound[1]), r.bound[2])
	},
}

// sealClearVariables seals the variables that versions of before kept in clear text,
// a batch in a transaction.
func (db *DB) sealClearVariables(ctx context.Context, r *Rotation) error {
	for {
		old, err := all(ctx, db.read, func(row scanner) (e pullpass.Environment, err error) {
			var created int64
			err = row.Scan(&e.Organization, &e.ID, &created, &e.Project, &e.Runner, asJSON{&e.Services})
			e.CreatedAt = moment(created)
			return e, err
		}, `SELECT organization, id, created_at, project, runner, services FROM environments WHERE clear = TRUE LIMIT $1`, resealBatch)
		if err != nil || len(old) == 0 {
			return err
		}
		fresh := make([]storedServices, len(old))
		for i, e := range old {
			if fresh[i], err = db.sealVariables(ctx, e); err != nil {
				return err
			}
		}
		err = db.tx(ctx, "seal variables", func(x *tx) error {
			for i, e := range old {
				_, err := x.exec(`UPDATE environments SET services = $3, sealed = $4, data_key = $5, clear = FALSE
					WHERE organization = $1 AND id = $2 AND clear = TRUE`, e.Organization, e.ID, fresh[i].text, fresh[i].sealed.bytes, fresh[i].sealed.key)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, s := range fresh {
			if s.sealed.bytes != nil {
				r.Resealed++
			}
		}
	}
}
