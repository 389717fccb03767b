package store

import (
	"context"

	"github.com/pullpass/pullpass"
)

var memberColumns = `SELECT organization, id, COALESCE(project, ''), email, COALESCE(person, ''), role, created_at, ` + makerColumns("members", "created_by") + ` FROM members`

func scanMember(row scanner) (m pullpass.Member, err error) {
	var created int64
	var maker scannedMaker
	err = row.Scan(append([]any{&m.Organization, &m.ID, &m.Project, &m.Email, &m.User, &m.Role, &created}, maker.columns()...)...)
	m.Maker = maker.maker()
	m.CreatedBy, m.CreatedAt = m.Maker.ID, moment(created)
	return m, err
}

// CreateMember invites whoever proves the address, and gives the member an id if
// it has none.
func (db *DB) CreateMember(ctx context.Context, m pullpass.Member) (pullpass.Member, error) {
	const what = "add the member"
	email, ok := pullpass.NormalEmail(m.Email)
	if !ok {
		return pullpass.Member{}, errInvalid(what, "this is not an e-mail address that can be kept", "write it as name@example.com, in plain letters")
	}
	if !m.Role.Valid() {
		return pullpass.Member{}, errInvalid(what, "there is no such role", "one of owner, admin, developer, auditor")
	}
	if m.ID == "" {
		m.ID = pullpass.NewMemberID()
	}
	m.Email, m.User, m.CreatedAt = email, "", db.createdAt(m.CreatedAt)
	err := db.tx(ctx, what, func(x *tx) error {
		if err := x.room(what, m.Organization, "members", whose{}); err != nil {
			return err
		}
		if m.Project != "" {
			if err := x.lockProject(m.Organization, m.Project, db.dialect.ForShare); err != nil {
				return err
			}
		}
		_, err := x.exec(`INSERT INTO members (organization, id, project, email, role, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			m.Organization, m.ID, nullable(m.Project), m.Email, m.Role, m.CreatedBy, micros(m.CreatedAt))
		return db.onUnique(err, errConflict("member_exists", what, "this address is a member there already", "to change the role, delete the member and add it again"))
	})
	if err != nil {
		return pullpass.Member{}, err
	}
	return m, nil
}

// Member returns the member with this id.
func (db *DB) Member(ctx context.Context, org pullpass.OrganizationID, id pullpass.MemberID) (pullpass.Member, error) {
	m, err := scanMember(db.read.QueryRowContext(ctx, memberColumns+` WHERE organization = $1 AND id = $2`, org, id))
	return m, db.explain("find the member", err)
}

// Members lists the organization's members, those of its projects included.
func (db *DB) Members(ctx context.Context, org pullpass.OrganizationID, p pullpass.Page) (pullpass.List[pullpass.Member], error) {
	var w where
	w.and("organization = ", org)
	w.and("id > ", p.After)
	items, err := all(ctx, db.read, scanMember, memberColumns+w.page("id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Member]{}, db.explain("list members", err)
	}
	return page(items, p.Size(), func(m pullpass.Member) string { return string(m.ID) }), nil
}

// DeleteMember takes a person's role away: from now on their sessions with it are
// NotFound, and so are the API tokens that they made with it, and what these made.
func (db *DB) DeleteMember(ctx context.Context, org pullpass.OrganizationID, id pullpass.MemberID) error {
	const what = "delete the member"
	return db.tx(ctx, what, func(x *tx) error {
		m, err := scanMember(x.one(memberColumns+` WHERE organization = $1 AND id = $2`+db.dialect.ForUpdate, org, id))
		if err != nil {
			return err
		}
		if err := x.endTokens(m); err != nil {
			return err
		}
		_, err = x.exec(`DELETE FROM members WHERE organization = $1 AND id = $2`, org, id)
		return err
	})
}

// endTokens removes what m's person holds, and what the tokens that they made have
// made. Only a role of the whole organization makes API tokens, for any project.
func (x *tx) endTokens(m pullpass.Member) error {
	if m.User == "" {
		return nil
	}
	_, err := x.exec(`DELETE FROM tokens WHERE organization = $1 AND created_by = $2 AND kind = 'session' AND COALESCE(project, '') = $3`,
		m.Organization, m.User, m.Project)
	if err != nil || m.Project != "" {
		return err
	}
	_, err = x.exec(`DELETE FROM tokens WHERE organization = $1 AND root = $2 AND kind IN ('api', 'join')`, m.Organization, m.User)
	return err
}

// deleteMembers removes the members of a project that is being deleted. It comes
// before the tokens: after it no session begins.
func (x *tx) deleteMembers(org pullpass.OrganizationID, project pullpass.ProjectID) error {
	_, err := x.exec(`DELETE FROM members WHERE organization = $1 AND project = $2`, org, project)
	return err
}
