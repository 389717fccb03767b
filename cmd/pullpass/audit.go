package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/pullpass/pullpass"
)

type auditCommand struct {
	List       auditList       `cmd:"" help:"List the audit records, newest first."`
	Export     auditExport     `cmd:"" help:"Write the audit records as JSON, one a line, for an archive."`
	Webhook    auditWebhook    `cmd:"" help:"Send the audit records to an address as they come."`
	Verify     auditVerify     `cmd:"" help:"Check that no record was changed or removed, on the server or in an export. Exit code 1 if one was."`
	Checkpoint auditCheckpoint `cmd:"" help:"Print a signed checkpoint of the audit log, to be kept or published elsewhere."`
	Prune      auditPrune      `cmd:"" help:"Remove old audit records; the rest still verifies."`
}

type auditList struct {
	auditFilter
	Limit int  `short:"n" default:"50" placeholder:"N" help:"How many records: ${default} unless given."`
	All   bool `help:"All records, oldest first."`
	Lines bool `help:"One JSON record a line, as an archive takes them."`
}

func (a *auditList) Run(ctx context.Context, t *terminal) error {
	if a.Limit < 1 {
		return misuse("-n is not a number of records", "give 1 or more, or --all")
	}
	c, err := connect()
	if err != nil {
		return err
	}
	filter, err := a.filter(ctx, c)
	if err != nil {
		return err
	}
	filter.Newest = !a.All
	events := []pullpass.Event{}
	for e, err := range c.AllEvents(ctx, filter) {
		if err != nil {
			return err
		}
		if a.Lines {
			err = t.line(e)
		}
		if err != nil {
			return err
		}
		events = append(events, e)
		if !a.All && len(events) == a.Limit {
			break
		}
	}
	if len(events) == 0 {
		if err := explainNothing(ctx, c, filter); err != nil {
			return err
		}
	}
	if a.Lines {
		return nil
	}
	return a.show(t, events, filter)
}

func (a *auditList) show(t *terminal, events []pullpass.Event, filter pullpass.EventFilter) error {
	filter.Newest = false
	if len(events) == 0 && filter != (pullpass.EventFilter{}) && !t.json {
		t.say("No record matches. Leave out a flag, or widen --from and --to.")
		return nil
	}
	var rows [][]string
	for _, e := range events {
		rows = append(rows, []string{fmt.Sprint(e.Sequence), e.At.Local().Format("2006-01-02 15:04:05"), e.Action,
			string(e.Decision), strings.TrimSpace(string(e.Caller.Kind) + " " + e.Caller.Name), auditTarget(e), e.Reason})
	}
	err := t.list(events, []string{"SEQ", "AT", "ACTION", "DECISION", "CALLER", "TARGET", "REASON"}, rows,
		"Everything that is asked for leaves a record.")
	if err == nil && !a.All && len(events) == a.Limit {
		t.say("The newest %d. More: pullpass audit list -n %d, or --all", a.Limit, 10*a.Limit)
	}
	return err
}

// auditTarget is what a record is about: host, name, repository.
func auditTarget(e pullpass.Event) string {
	var parts []string
	for _, part := range []string{e.Detail["host"], e.Target, e.Detail["repository"]} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}
