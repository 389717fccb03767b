package main

import (
	"context"
	"io"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

type quotaCommand struct {
	List  quotaList  `cmd:"" default:"withargs" help:"List the quotas, and how much of each is used."`
	Set   quotaSet   `cmd:"" help:"Set the organization's own limit, not above the server's."`
	Reset quotaReset `cmd:"" help:"Remove the organization's own limit: the server's holds again."`
}

type quotaList struct {
	Project string `placeholder:"NAME" help:"Count what this project has; without it, quotas per project show the one that has most."`
}

func (q *quotaList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	project, err := optionalProject(ctx, c, q.Project)
	if err != nil {
		return err
	}
	list, err := c.Quotas(ctx, project)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, u := range list {
		own := ""
		if u.OwnLimit != nil {
			own = strconv.FormatInt(*u.OwnLimit, 10)
		}
		rows = append(rows, []string{
			string(u.Name), string(u.Per), strconv.FormatInt(u.Used, 10), strconv.FormatInt(u.Limit, 10),
			own, strconv.FormatInt(u.ServerLimit, 10),
		})
	}
	return t.list(list, []string{"NAME", "PER", "USED", "LIMIT", "OWN", "SERVER"}, rows, "")
}

type quotaSet struct {
	Name  string `arg:"" help:"Name of the quota, as listed."`
	Limit int64  `arg:"" help:"How many there may be. What there is already stays."`
}

func (q *quotaSet) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	if err := c.SetQuota(ctx, pullpass.Quota(q.Name), q.Limit); err != nil {
		return err
	}
	t.say("Set the quota %s to %d.", q.Name, q.Limit)
	return t.show(api.QuotaLimit{Limit: q.Limit}, func(io.Writer) {})
}

type quotaReset struct {
	Name string `arg:"" help:"Name of the quota, as listed."`
}

func (q *quotaReset) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	if err := c.ResetQuota(ctx, pullpass.Quota(q.Name)); err != nil {
		return err
	}
	t.say("The server's limit holds for %s again.", q.Name)
	return nil
}
