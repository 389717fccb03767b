package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// auditFilter narrows what is listed or exported.
type auditFilter struct {
	Caller      string `placeholder:"NAME" help:"Only what this caller did: a person, token, runner or environment, by name or id."`
	Action      string `placeholder:"ACTION" help:"Only this action, such as credential.issue."`
	Decision    string `enum:",allowed,denied,failed" default:"" placeholder:"DECISION" help:"Only allowed, denied or failed."`
	Project     string `placeholder:"NAME" help:"Only records of this project."`
	Environment string `placeholder:"NAME" help:"Only records of this environment, by name or id."`
	Registry    string `placeholder:"NAME" help:"Only records of this registry, by name or id."`
	From        string `placeholder:"TIME" help:"Not before: 2026-01-31, 2026-01-31T12:00:00Z, or an age such as 24h."`
	To          string `placeholder:"TIME" help:"Before."`
}

func (f *auditFilter) filter(ctx context.Context, c *client.Client) (pullpass.EventFilter, error) {
	out := pullpass.EventFilter{Caller: f.Caller, Action: f.Action, Decision: pullpass.Decision(f.Decision)}
	var err error
	if out.From, err = pointInTime("--from", f.From, time.Now()); err != nil {
		return out, err
	}
	if out.To, err = pointInTime("--to", f.To, time.Now()); err != nil {
		return out, err
	}
	if pullpass.ValidID("prj", f.Project) { // it may be deleted; its records are not
		out.Project = pullpass.ProjectID(f.Project)
	} else if out.Project, err = optionalProject(ctx, c, f.Project); err != nil {
		return out, err
	}
	if out.Registry, err = auditRegistry(ctx, c, f.Registry, out.Project); err != nil {
		return out, err
	}
	out.Environment, err = auditEnvironment(ctx, c, f.Environment, out.Project)
	return out, err
}

// pointInTime reads a day, a moment, or how long ago.
func pointInTime(option, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if days, err := strconv.Atoi(strings.TrimSuffix(text, "d")); err == nil && days >= 0 && strings.HasSuffix(text, "d") {
		return now.AddDate(0, 0, -days), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return at, nil
	}
	return time.Time{}, misuse(option+" is not a time", "write 2026-01-31, 2026-01-31T12:00:00Z, or an age such as 24h or 30d")
}

type auditExport struct {
	auditFilter
	After  int64 `placeholder:"SEQUENCE" help:"Only records after this one: go on where an export ended."`
	Follow bool  `help:"Go on with records as they come, until interrupted."`
}

// followEvery is how often a following export looks for more.
const followEvery = 2 * time.Second

func (a *auditExport) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	filter, err := a.filter(ctx, c)
	if err != nil {
		return err
	}
	page := pullpass.Page{Limit: pullpass.MaxPage}
	if a.After > 0 {
		page.After = strconv.FormatInt(a.After, 10)
	}
	absent, written := outage{t: t}, 0
	for {
		l, err := c.Events(ctx, filter, page)
		if a.Follow && absent.waitOut(ctx, err) {
			continue
		}
		if err != nil {
			return err
		}
		absent.over()
		for _, e := range l.Items {
			if err := t.line(e); err != nil {
				return err
			}
			page.After = strconv.FormatInt(e.Sequence, 10)
			written++
		}
		if written == 0 { // an empty file would look like innocence
			if err := explainNothing(ctx, c, filter); err != nil {
				return err
			}
		}
		if l.Next != "" {
			continue
		}
		if !a.Follow {
			return nil
		}
		timer := time.NewTimer(followEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil // interrupted: that is how it ends
		}
	}
}
