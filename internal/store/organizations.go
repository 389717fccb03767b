package store

import (
	"context"

	"github.com/pullpass/pullpass"
)

// CreateOrganization stores a new organization and gives it an id if it has none.
func (db *DB) CreateOrganization(ctx context.Context, o pullpass.Organization) (pullpass.Organization, error) {
	const what = "create the organization"
	if err := checkName(what, o.Name); err != nil {
		return pullpass.Organization{}, err
	}
	if o.ID == "" {
		o.ID = pullpass.NewOrganizationID()
	}
	o.CreatedAt = db.createdAt(o.CreatedAt)
	err := db.tx(ctx, what, func(x *tx) error {
		_, err := x.exec(`INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3)`, o.ID, o.Name, micros(o.CreatedAt))
		return err
	})
	if err != nil {
		return pullpass.Organization{}, err
	}
	return o, nil
}

func scanOrganization(row scanner) (o pullpass.Organization, err error) {
	var created int64
	err = row.Scan(&o.ID, &o.Name, &created)
	o.CreatedAt = moment(created)
	return o, err
}

// Organization returns the organization with this id.
func (db *DB) Organization(ctx context.Context, id pullpass.OrganizationID) (pullpass.Organization, error) {
	o, err := scanOrganization(db.read.QueryRowContext(ctx, `SELECT id, name, created_at FROM organizations WHERE id = $1`, id))
	return o, db.explain("find the organization", err)
}

// OrganizationByName returns the organization with this name.
func (db *DB) OrganizationByName(ctx context.Context, name string) (pullpass.Organization, error) {
	o, err := scanOrganization(db.read.QueryRowContext(ctx, `SELECT id, name, created_at FROM organizations WHERE name = $1`, name))
	return o, db.explain("find the organization", err)
}

// Organizations lists all organizations: for the operator, never for a tenant.
func (db *DB) Organizations(ctx context.Context, p pullpass.Page) (pullpass.List[pullpass.Organization], error) {
	var w where
	w.and("id > ", p.After)
	items, err := all(ctx, db.read, scanOrganization, `SELECT id, name, created_at FROM organizations`+w.page("id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Organization]{}, db.explain("list organizations", err)
	}
	return page(items, p.Size(), func(o pullpass.Organization) string { return string(o.ID) }), nil
}
