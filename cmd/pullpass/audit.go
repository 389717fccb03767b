package main

import (
	"context"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

type auditCommand struct {
	List    auditList    `cmd:"" help:"List the audit records, oldest first."`
	Export  auditExport  `cmd:"" help:"Write the audit records as JSON, one a line, for an archive."`
	Webhook auditWebhook `cmd:"" help:"Send the audit records to an address as they come."`
	Verify  auditVerify  `cmd:"" help:"Check that no record was changed, removed or cut off. Exit code 1 if one was."`
}

type auditList struct {
	auditFilter
	Lines bool `help:"One JSON record a line, as an archive takes them."`
}

func (a *auditList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	filter, err := a.filter(ctx, c)
	if err != nil {
		return err
	}
	if a.Lines {
		return a.lines(ctx, c, t, filter)
	}
	events, err := all(c.AllEvents(ctx, filter), func(e pullpass.Event) pullpass.Event { return e })
	if err != nil {
		return err
	}
	var rows [][]string
	for _, e := range events {
		rows = append(rows, []string{fmt.Sprint(e.Sequence), e.At.Local().Format("2006-01-02 15:04:05"), e.Action,
			string(e.Decision), string(e.Caller.Kind) + " " + e.Caller.Name, e.Detail["host"] + e.Target, e.Reason})
	}
	return t.list(events, []string{"SEQ", "AT", "ACTION", "DECISION", "CALLER", "TARGET", "REASON"}, rows, "Everything that is asked for leaves a record.")
}

func (a *auditList) lines(ctx context.Context, c *client.Client, t *terminal, filter pullpass.EventFilter) error {
	for e, err := range c.AllEvents(ctx, filter) {
		if err != nil {
			return err
		}
		if err := t.line(e); err != nil {
			return err
		}
	}
	return nil
}

type auditVerify struct{}

func (auditVerify) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	report, err := c.VerifyAudit(ctx)
	if err != nil {
		return err
	}
	err = t.show(report, func(w io.Writer) {
		if report.Whole {
			_, _ = fmt.Fprintf(w, "whole: %d records, head %s\n", report.Events, report.Head)
			return
		}
		_, _ = fmt.Fprintf(w, "broken at record %d: %s\n", report.Broken, report.Problem)
	})
	if err == nil && !report.Whole {
		return exitCode(exitFailed)
	}
	return err
}
