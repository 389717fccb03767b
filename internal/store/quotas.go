package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pullpass/pullpass"
)

// counted says how things are counted: the rows of one organization ($1), and the
// columns that say whose they are.
type counted struct{ from, project, member string }

var countedBy = map[string]counted{
	"projects":          {from: `projects WHERE organization = $1 AND deleted_at = 0`},
	"runners":           {from: `runners WHERE organization = $1 AND deleted_at = 0`},
	"integrations":      {from: `integrations WHERE organization = $1`},
	"registries":        {from: `registries WHERE organization = $1 AND deleted_at = 0`, project: `COALESCE(project, '')`},
	"repositories":      {from: `repositories WHERE organization = $1`, project: `project`},
	"environments":      {from: `environments WHERE organization = $1 AND phase <> 'deleted'`, project: `project`, member: `creator`},
	"tokens":            {from: `tokens WHERE organization = $1 AND kind IN ('api', 'join')`, member: `root`},
	"tokens of CI jobs": {from: `tokens WHERE organization = $1 AND kind = 'ci'`},
	"members":           {from: `members WHERE organization = $1`},
	"trusted issuers":   {from: `trusts WHERE organization = $1`},
}

func (c counted) column(per pullpass.QuotaScope) string {
	switch per {
	case pullpass.PerProject:
		return c.project
	case pullpass.PerMember:
		return c.member
	case pullpass.PerOrganization:
	}
	return ""
}

// whose is whom a new thing counts for besides the organization.
type whose struct {
	project pullpass.ProjectID
	member  string // the root: a person, or what set the server up
}

func (w whose) of(per pullpass.QuotaScope) string {
	switch per {
	case pullpass.PerProject:
		return string(w.project)
	case pullpass.PerMember:
		return w.member
	case pullpass.PerOrganization:
	}
	return ""
}

// serverQuota is the operator's limit.
func (db *DB) serverQuota(r pullpass.QuotaRule) int64 {
	if limit, ok := db.quotas[r.Quota]; ok {
		return limit
	}
	return r.Default
}

// room refuses one more of the things where a quota is used up. Until the
// transaction ends nobody else can count these things.
func (x *tx) room(what string, org pullpass.OrganizationID, things string, w whose) error {
	own, err := x.lockQuotas(org, things)
	if err != nil {
		return err
	}
	c := countedBy[things]
	for _, r := range pullpass.QuotaRules() {
		subject := w.of(r.Per)
		if r.Things != things || (r.Per != pullpass.PerOrganization && subject == "") {
			continue
		}
		limit := x.db.serverQuota(r)
		if set, ok := own[r.Quota]; ok {
			limit = min(limit, set)
		}
		used, err := x.used(c, r.Per, org, subject, limit)
		if err != nil {
			return err
		}
		if used >= limit {
			return errQuota(what, r, limit)
		}
	}
	return nil
}

// used counts up to limit: beyond that it does not matter.
func (x *tx) used(c counted, per pullpass.QuotaScope, org pullpass.OrganizationID, subject string, limit int64) (n int64, err error) {
	query, args := `SELECT COUNT(*) FROM (SELECT 1 FROM `+c.from, []any{org}
	if column := c.column(per); column != "" {
		query += ` AND ` + column + ` = $2`
		args = append(args, subject)
	}
	args = append(args, limit)
	query += fmt.Sprintf(` LIMIT $%d) AS found`, len(args))
	err = x.one(query, args...).Scan(&n)
	return n, err
}

// lockQuotas locks the quotas of the things and returns what an owner has set.
func (x *tx) lockQuotas(org pullpass.OrganizationID, things string) (map[pullpass.Quota]int64, error) {
	type row struct {
		quota pullpass.Quota
		own   int64
	}
	scan := func(s scanner) (r row, err error) {
		err = s.Scan(&r.quota, &r.own)
		return r, err
	}
	read := func() ([]row, error) {
		return all(x.ctx, x, scan, `SELECT name, own_limit FROM quotas WHERE organization = $1 AND things = $2 ORDER BY name`+
			x.db.dialect.ForUpdate, org, things)
	}
	rows, err := read()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 { // the first one of its kind: make what is locked from now on
		for _, r := range pullpass.QuotaRules() {
			if r.Things != things {
				continue
			}
			if _, err := x.exec(`INSERT INTO quotas (organization, name, things) VALUES ($1, $2, $3)
				ON CONFLICT (organization, name) DO NOTHING`, org, r.Quota, things); err != nil {
				return nil, err
			}
		}
		if rows, err = read(); err != nil {
			return nil, err
		}
	}
	own := map[pullpass.Quota]int64{}
	for _, r := range rows {
		if r.own >= 0 {
			own[r.quota] = r.own
		}
	}
	return own, nil
}

const codeQuota = "quota_exceeded"

func errQuota(what string, r pullpass.QuotaRule, limit int64) error {
	whose := map[pullpass.QuotaScope]string{
		pullpass.PerOrganization: "the organization has", pullpass.PerProject: "the project has", pullpass.PerMember: "you have",
	}[r.Per]
	return errConflict(codeQuota, what, fmt.Sprintf("%s as many %s as the quota %s allows: %d", whose, r.Things, r.Quota, limit),
		"delete what nobody needs, or have an owner or the operator raise it: pullpass quota")
}

// rootOf is the member behind an id: of a token, whoever made the first of its line.
func (x *tx) rootOf(org pullpass.OrganizationID, id string) (string, error) {
	var root string
	err := x.one(`SELECT root FROM tokens WHERE organization = $1 AND id = $2`, org, id).Scan(&root)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && root == "") {
		return id, nil
	}
	return root, err
}

// Quotas tells of every quota how much of it is used: by the project and by the
// member named, or where there is none by the one that has most.
func (db *DB) Quotas(ctx context.Context, org pullpass.OrganizationID, project pullpass.ProjectID, member string) ([]pullpass.QuotaUse, error) {
	const what = "read the quotas"
	var list []pullpass.QuotaUse
	err := db.tx(ctx, what, func(x *tx) error {
		list = nil
		w := whose{project: project}
		var err error
		if member != "" {
			if w.member, err = x.rootOf(org, member); err != nil {
				return err
			}
		}
		for _, r := range pullpass.QuotaRules() {
			u := pullpass.QuotaUse{QuotaRule: r, Server: db.serverQuota(r)}
			if u.Own, err = x.ownQuota(org, r.Quota); err != nil {
				return err
			}
			u.Limit = u.Server
			if u.Own != nil {
				u.Limit = min(u.Limit, *u.Own)
			}
			if u.Used, err = x.allUsed(org, r, w.of(r.Per)); err != nil {
				return err
			}
			list = append(list, u)
		}
		return nil
	})
	return list, err
}

func (x *tx) ownQuota(org pullpass.OrganizationID, q pullpass.Quota) (*int64, error) {
	var own int64
	err := x.one(`SELECT own_limit FROM quotas WHERE organization = $1 AND name = $2`, org, q).Scan(&own)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && own < 0) {
		return nil, nil
	}
	return &own, err
}

func (x *tx) allUsed(org pullpass.OrganizationID, r pullpass.QuotaRule, subject string) (int64, error) {
	c := countedBy[r.Things]
	column := c.column(r.Per)
	if column == "" || subject != "" {
		return x.used(c, r.Per, org, subject, pullpass.MaxQuota+1)
	}
	var n int64
	err := x.one(`SELECT COALESCE(MAX(n), 0) FROM (SELECT COUNT(*) AS n FROM `+c.from+` AND `+column+` <> '' GROUP BY `+column+`) AS each`, org).Scan(&n)
	return n, err
}

// SetQuota sets an organization's own limit, not above the server's; nil: it has
// none of its own. What there is already stays.
func (db *DB) SetQuota(ctx context.Context, org pullpass.OrganizationID, q pullpass.Quota, limit *int64) error {
	const what = "set the quota"
	r, ok := pullpass.RuleOf(q)
	if !ok {
		return &pullpass.Error{Kind: pullpass.NotFound, Code: "quota_not_found", What: "there is no such quota", Hint: "choose one of those that are listed: pullpass quota"}
	}
	own := int64(-1)
	if limit != nil {
		own = *limit
		if server := db.serverQuota(r); own < 0 || own > server {
			return &pullpass.Error{Kind: pullpass.Invalid, Code: "quota_above_server", What: "cannot " + what,
				Cause: fmt.Sprintf("the server allows 0 to %d", server),
				Hint:  fmt.Sprintf("choose a number up to that, or have the operator start it with a higher one: pullpass server --quota %s=NUMBER", q)}
		}
	}
	return db.tx(ctx, what, func(x *tx) error {
		if _, err := x.lockQuotas(org, r.Things); err != nil {
			return err
		}
		_, err := x.exec(`UPDATE quotas SET own_limit = $3 WHERE organization = $1 AND name = $2`, org, q, own)
		return err
	})
}
