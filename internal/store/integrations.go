package store

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

const integrationColumns = `SELECT i.organization, i.id, i.name, i.mode, i.account, i.region, i.access_key_id, i.chain, i.principal,
	i.generation, i.created_at, i.updated_at,
	(SELECT COALESCE(string_agg(ir.runner, ','), '') FROM integration_runners ir
		WHERE ir.organization = i.organization AND ir.integration = i.id),
	(SELECT COALESCE(string_agg(ip.project, ','), '') FROM integration_projects ip
		WHERE ip.organization = i.organization AND ip.integration = i.id)
	FROM integrations i`

func scanIntegration(row scanner) (i pullpass.Integration, err error) {
	var runners, projects string
	var created, updated int64
	err = row.Scan(&i.Organization, &i.ID, &i.Name, &i.Mode, &i.Account, &i.Region, &i.AccessKeyID, asJSON{&i.Chain}, &i.Principal,
		&i.Generation, &created, &updated, &runners, &projects)
	i.CreatedAt, i.UpdatedAt, i.Runners = moment(created), moment(updated), idList[pullpass.RunnerID](runners)
	i.Projects = idList[pullpass.ProjectID](projects)
	return i, err
}

// integrationPlace binds a secret access key to the identity that it is half of, and
// to what is done with it: bound is the account, region, access key id and chain.
func integrationPlace(org pullpass.OrganizationID, id pullpass.IntegrationID, generation int64, bound []string) seal.AssociatedData {
	return seal.AssociatedData{Organization: org, Table: "integration", Row: string(id), Field: "secret", Version: generation, Bound: bound}
}

func boundOf(i pullpass.Integration) []string {
	return []string{i.Account, i.Region, i.AccessKeyID, jsonText(i.Chain)}
}

// CreateIntegration stores a new integration; secret is the secret half of its
// access key and must be empty for the other modes.
func (db *DB) CreateIntegration(ctx context.Context, i pullpass.Integration, secret pullpass.Secret) (pullpass.Integration, error) {
	const what = "create the integration"
	if err := checkName(what, i.Name); err != nil {
		return pullpass.Integration{}, err
	}
	if (i.Mode == pullpass.ModeAccessKey) == secret.Empty() {
		return pullpass.Integration{}, errInvalid(what, "only the mode access-key has a secret, and it must have one", "give the secret access key, or choose another mode")
	}
	if i.ID == "" {
		i.ID = pullpass.NewIntegrationID()
	}
	i.Generation, i.Runners, i.Projects = 1, distinct(i.Runners), distinct(i.Projects)
	i.CreatedAt = db.createdAt(i.CreatedAt)
	i.UpdatedAt = i.CreatedAt
	s, err := db.seal(ctx, secret, integrationPlace(i.Organization, i.ID, i.Generation, boundOf(i)))
	if err != nil {
		return pullpass.Integration{}, db.explain(what, err)
	}
	err = db.tx(ctx, what, func(x *tx) error {
		if err := x.room(what, i.Organization, "integrations", whose{}); err != nil {
			return err
		}
		_, err := x.exec(`INSERT INTO integrations (organization, id, name, mode, account, region, access_key_id, chain, principal,
				generation, sealed, data_key, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			i.Organization, i.ID, i.Name, i.Mode, i.Account, i.Region, i.AccessKeyID, asJSON{i.Chain}, i.Principal,
			i.Generation, s.bytes, s.key, micros(i.CreatedAt), micros(i.UpdatedAt))
		if err != nil {
			return err
		}
		return x.setIntegrationLists(i)
	})
	if err != nil {
		return pullpass.Integration{}, err
	}
	return i, nil
}

func (x *tx) setIntegrationLists(i pullpass.Integration) error {
	if err := x.setIntegrationRunners(i); err != nil {
		return err
	}
	return x.setIntegrationProjects(i)
}

func (x *tx) setIntegrationRunners(i pullpass.Integration) error {
	if _, err := x.exec(`DELETE FROM integration_runners WHERE organization = $1 AND integration = $2`, i.Organization, i.ID); err != nil {
		return err
	}
	for _, runner := range i.Runners {
		if err := x.lockRunner(i.Organization, runner, x.db.dialect.ForShare); err != nil {
			return err
		}
		if _, err := x.exec(`INSERT INTO integration_runners (organization, integration, runner) VALUES ($1, $2, $3)`,
			i.Organization, i.ID, runner); err != nil {
			return err
		}
	}
	return nil
}

// UpdateIntegration changes an integration. The generation grows, unless only
// the principal last seen is noted: that is an observation, not a change.
func (db *DB) UpdateIntegration(ctx context.Context, org pullpass.OrganizationID, id pullpass.IntegrationID, c pullpass.IntegrationChange) (pullpass.Integration, error) {
	const what = "update the integration"
	if c.Name != nil {
		if err := checkName(what, *c.Name); err != nil {
			return pullpass.Integration{}, err
		}
	}
	for attempt := 0; ; attempt++ {
		i, err := db.tryUpdateIntegration(ctx, what, org, id, c)
		if !isAgain(err) || attempt+1 == attempts || !pause(ctx, attempt) {
			return i, err
		}
	}
}

// tryUpdateIntegration seals outside of the transaction (KMS may be slow) for the
// generation it expects, and starts over if another update was faster.
func (db *DB) tryUpdateIntegration(ctx context.Context, what string, org pullpass.OrganizationID, id pullpass.IntegrationID, c pullpass.IntegrationChange) (pullpass.Integration, error) {
	i, err := db.Integration(ctx, org, id)
	if err != nil {
		return pullpass.Integration{}, err
	}
	before := i.Generation
	observation := c == pullpass.IntegrationChange{Principal: c.Principal}
	if !observation {
		i.Generation++
	}
	if c.Secret != nil && (i.Mode != pullpass.ModeAccessKey || c.Secret.Empty()) {
		return pullpass.Integration{}, errInvalid(what, "only the mode access-key has a secret, and it must have one", "give the secret access key, or leave it out")
	}
	applyIntegrationChange(&i, c)
	var s sealed
	if i.Mode == pullpass.ModeAccessKey {
		secret := c.Secret
		if secret == nil {
			current, err := db.IntegrationSecret(ctx, org, id, before)
			if err != nil {
				return pullpass.Integration{}, err
			}
			secret = &current
		}
		if s, err = db.seal(ctx, *secret, integrationPlace(org, id, i.Generation, boundOf(i))); err != nil {
			return pullpass.Integration{}, db.explain(what, err)
		}
	}
	i.UpdatedAt = moment(micros(db.now()))
	err = db.tx(ctx, what, func(x *tx) error {
		n, err := x.exec(`UPDATE integrations SET name = $4, account = $5, region = $6, access_key_id = $7, chain = $8, principal = $9,
				generation = $10, sealed = $11, data_key = $12, updated_at = $13
			WHERE organization = $1 AND id = $2 AND generation = $3`,
			org, id, before, i.Name, i.Account, i.Region, i.AccessKeyID, asJSON{i.Chain}, i.Principal,
			i.Generation, s.bytes, s.key, micros(i.UpdatedAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return errOvertaken(what)
		}
		return x.setIntegrationLists(i)
	})
	if err != nil {
		return pullpass.Integration{}, err
	}
	return i, nil
}

func applyIntegrationChange(i *pullpass.Integration, c pullpass.IntegrationChange) {
	set(&i.Name, c.Name)
	set(&i.Account, c.Account)
	set(&i.Region, c.Region)
	set(&i.AccessKeyID, c.AccessKeyID)
	set(&i.Chain, c.Chain)
	set(&i.Principal, c.Principal)
	if c.Runners != nil {
		i.Runners = distinct(*c.Runners)
	}
	if c.Projects != nil {
		i.Projects = distinct(*c.Projects)
	}
}

func set[T any](field, change *T) {
	if change != nil {
		*field = *change
	}
}

// Integration returns the integration with this id.
func (db *DB) Integration(ctx context.Context, org pullpass.OrganizationID, id pullpass.IntegrationID) (pullpass.Integration, error) {
	i, err := scanIntegration(db.read.QueryRowContext(ctx, integrationColumns+` WHERE i.organization = $1 AND i.id = $2`, org, id))
	return i, db.explain("find the integration", err)
}

// IntegrationByName returns the integration with this name.
func (db *DB) IntegrationByName(ctx context.Context, org pullpass.OrganizationID, name string) (pullpass.Integration, error) {
	i, err := scanIntegration(db.read.QueryRowContext(ctx, integrationColumns+` WHERE i.organization = $1 AND i.name = $2`, org, name))
	return i, db.explain("find the integration", err)
}

// Integrations lists the organization's integrations.
func (db *DB) Integrations(ctx context.Context, org pullpass.OrganizationID, p pullpass.Page) (pullpass.List[pullpass.Integration], error) {
	var w where
	w.and("i.organization = ", org)
	w.and("i.id > ", p.After)
	items, err := all(ctx, db.read, scanIntegration, integrationColumns+w.page("i.id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Integration]{}, db.explain("list integrations", err)
	}
	return page(items, p.Size(), func(i pullpass.Integration) string { return string(i.ID) }), nil
}

// IntegrationSecret opens the secret of an integration. Only the current
// generation has one: for an older one the answer is Conflict, and asking again
// with the integration as it is now helps.
func (db *DB) IntegrationSecret(ctx context.Context, org pullpass.OrganizationID, id pullpass.IntegrationID, generation int64) (pullpass.Secret, error) {
	const what = "open the integration's secret"
	var current int64
	var s []byte
	bound := make([]string, len(boundOf(pullpass.Integration{})))
	err := db.read.QueryRowContext(ctx, `SELECT generation, sealed, account, region, access_key_id, chain FROM integrations WHERE organization = $1 AND id = $2`, org, id).
		Scan(&current, &s, &bound[0], &bound[1], &bound[2], &bound[3])
	switch {
	case err != nil:
		return pullpass.Secret{}, db.explain(what, err)
	case current != generation:
		return pullpass.Secret{}, errOvertaken(what)
	case s == nil:
		return pullpass.Secret{}, errNotFound(what)
	}
	secret, err := db.sealer.Open(ctx, s, integrationPlace(org, id, generation, bound))
	return secret, db.explain(what, err)
}

// DeleteIntegration deletes an integration. While a registry uses it, or an
// environment has such a registry from before, the answer is Conflict.
func (db *DB) DeleteIntegration(ctx context.Context, org pullpass.OrganizationID, id pullpass.IntegrationID) error {
	const what = "delete the integration"
	return db.tx(ctx, what, func(x *tx) error {
		if _, err := x.exec(`DELETE FROM integration_runners WHERE organization = $1 AND integration = $2`, org, id); err != nil {
			return err
		}
		if _, err := x.exec(`DELETE FROM integration_projects WHERE organization = $1 AND integration = $2`, org, id); err != nil {
			return err
		}
		n, err := x.exec(`DELETE FROM integrations WHERE organization = $1 AND id = $2`, org, id)
		if err == nil && n == 0 {
			return errNotFound(what)
		}
		return db.onForeign(err, errConflict("integration_in_use", what,
			"a registry or a repository uses it, or an environment was started with one that did",
			"delete these first; environments started with them keep it in use until they are deleted"))
	})
}
