package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

type memberCommand struct {
	Add    memberAdd    `cmd:"" help:"Give a person a role: whoever first signs in with this address, verified."`
	List   memberList   `cmd:"" help:"List the members."`
	Delete memberDelete `cmd:"" help:"Take a role away; sessions and the person's API tokens end."`
}

type memberAdd struct {
	Email   string `arg:"" help:"E-mail address, as the OpenID provider verifies it."`
	Role    string `required:"" enum:"owner,admin,developer,auditor" placeholder:"ROLE" help:"One of ${enum}; no more than you are."`
	Project string `placeholder:"NAME" help:"Only in this project."`
}

func (m *memberAdd) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	wanted := pullpass.Member{Email: m.Email, Role: pullpass.Role(m.Role)}
	if wanted.Project, err = optionalProject(ctx, c, m.Project); err != nil {
		return err
	}
	made, err := c.AddMember(ctx, wanted)
	if err != nil {
		return err
	}
	t.say("Added %s as %s. They sign in with: pullpass login %s --browser", made.Email, made.Role, c.Base())
	return t.show(api.FromMember(made), func(w io.Writer) { _, _ = fmt.Fprintln(w, made.ID) })
}

type memberList struct{ wideFlag }

func (l *memberList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	list, err := all(c.AllMembers(ctx), api.FromMember)
	if err != nil {
		return err
	}
	names := newNames(ctx, c)
	makers := newMakerColumn(list, func(m api.Member) api.Maker { return m.Maker })
	var rows [][]string
	for _, m := range list {
		state := "invited"
		if m.User != "" {
			state = "signed in"
		}
		rows = append(rows, l.row(makers.row([]string{m.Email, string(m.Role), names.project(m.Project), state}, m), string(m.ID), makerSaid(m.Maker)))
	}
	return t.list(list, l.row(makers.head([]string{"E-MAIL", "ROLE", "PROJECT", "STATE"}), "ID", "ADDED BY"), rows, "Add one: pullpass member add EMAIL --role developer")
}

type memberDelete struct {
	Member  string `arg:"" help:"Id or e-mail address of the member."`
	Project string `placeholder:"NAME" help:"With an address: the role in this project, not the one in the organization."`
}

func (m *memberDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id, err := m.find(ctx, c)
	if err != nil {
		return err
	}
	if err := c.DeleteMember(ctx, id); err != nil {
		return err
	}
	t.say("Deleted member %s.", m.Member)
	return shown(t, deletion{Kind: "member", ID: string(id), Name: m.Member, Goes: []string{"the role, sessions and API tokens"}})
}

func (m *memberDelete) find(ctx context.Context, c *client.Client) (pullpass.MemberID, error) {
	if !strings.Contains(m.Member, "@") {
		return pullpass.MemberID(m.Member), nil
	}
	project, err := optionalProject(ctx, c, m.Project)
	if err != nil {
		return "", err
	}
	for found, err := range c.AllMembers(ctx) {
		if err != nil {
			return "", err
		}
		if strings.EqualFold(found.Email, m.Member) && found.Project == project {
			return found.ID, nil
		}
	}
	return "", &pullpass.Error{Kind: pullpass.NotFound, What: "there is no such member", Hint: "pullpass member list"}
}
