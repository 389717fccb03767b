package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/audit"
)

type auditVerify struct {
	Since      string `placeholder:"SEQ:HASH" help:"A head that an earlier check printed: the record must still be there, and the check begins after it."`
	File       string `placeholder:"FILE" help:"Check an export instead, without the server; - is standard input."`
	Checkpoint string `placeholder:"FILE" help:"With --file: the checkpoint that the records must lead to."`
	Key        string `placeholder:"KEY" help:"With --checkpoint: the verifier key, as printed by: pullpass audit checkpoint --key"`
}

func (a *auditVerify) Run(ctx context.Context, t *terminal) error {
	switch {
	case a.File == "" && (a.Checkpoint != "" || a.Key != ""):
		return misuse("--checkpoint and --key are for an export", "name it with --file")
	case a.File != "" && a.Since != "":
		return misuse("--since is for the server's log", "leave it out, or use --checkpoint")
	case (a.Checkpoint == "") != (a.Key == ""):
		return misuse("--checkpoint and --key belong together", "print the key once and keep it: pullpass audit checkpoint --key")
	case a.File != "":
		return a.verifyFile(t)
	}
	if _, err := audit.ParseHead(a.Since); err != nil {
		return misuseError{err}
	}
	c, err := connect()
	if err != nil {
		return err
	}
	report, err := c.VerifyAudit(ctx, a.Since)
	if err != nil {
		return err
	}
	return showAuditReport(t, report, "")
}

// verifyFile needs nothing of the server: whoever has an export, a checkpoint and
// the key can do it.
func (a *auditVerify) verifyFile(t *terminal) error {
	var checkpoint *audit.Checkpoint
	note := "Without --checkpoint this shows that the records fit together, not that they are the server's."
	if a.Checkpoint != "" {
		text, err := os.ReadFile(a.Checkpoint)
		if err != nil {
			return misuseError{err}
		}
		opened, err := audit.OpenCheckpoint(string(text), a.Key)
		if err != nil {
			return &pullpass.Error{
				Kind: pullpass.Invalid, What: "cannot use the checkpoint in " + a.Checkpoint, Err: err,
				Hint: "get checkpoint and key from the same server: pullpass audit checkpoint",
			}
		}
		checkpoint, note = &opened, ""
	}
	in := t.in
	if a.File != "-" {
		file, err := os.Open(a.File)
		if err != nil {
			return misuseError{err}
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	r, err := audit.VerifyExport(in, checkpoint)
	if err != nil {
		return err
	}
	report := api.AuditReport{Whole: r.Whole(), Events: r.Checked, Head: r.Head.String(), From: r.From.Sequence}
	if r.Bad != nil {
		report.Broken, report.Problem = r.Bad.Sequence, string(r.Bad.Problem)+": "+r.Bad.Cause
	}
	return showAuditReport(t, report, note)
}

func showAuditReport(t *terminal, r api.AuditReport, note string) error {
	err := t.show(r, func(w io.Writer) {
		switch {
		case !r.Whole:
			_, _ = fmt.Fprintf(w, "broken at record %d: %s\n", r.Broken, r.Problem)
		case r.From > 0:
			_, _ = fmt.Fprintf(w, "whole: %d records after %d, head %s\n", r.Events, r.From, r.Head)
		default:
			_, _ = fmt.Fprintf(w, "whole: %d records, head %s\n", r.Events, r.Head)
		}
		if r.Pruned > 0 {
			_, _ = fmt.Fprintf(w, "records up to %d were pruned; the cut is signed by this server\n", r.Pruned)
		}
	})
	if err != nil {
		return err
	}
	if !r.Whole {
		return exitCode(exitFailed)
	}
	if note != "" {
		t.say("%s", note)
	}
	return nil
}

type auditCheckpoint struct {
	Key bool `help:"Print the key that verifies checkpoints instead."`
}

func (a *auditCheckpoint) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	got, err := c.AuditCheckpoint(ctx)
	if err != nil {
		return err
	}
	return t.show(got, func(w io.Writer) {
		if a.Key {
			_, _ = fmt.Fprintln(w, got.Key)
			return
		}
		_, _ = io.Copy(w, bytes.NewReader([]byte(got.Checkpoint)))
	})
}

type auditPrune struct {
	Before string `required:"" placeholder:"TIME" help:"Remove what is older: 2026-01-31, 2026-01-31T12:00:00Z, or an age such as 400d."`
}

func (a *auditPrune) Run(ctx context.Context, t *terminal) error {
	text := a.Before
	before, err := pointInTime("--before", text, time.Now())
	if err != nil {
		return err
	}
	if before.IsZero() || strings.TrimSpace(text) == "" {
		return misuse("--before is not a time", "pullpass audit prune --before 400d")
	}
	c, err := connect()
	if err != nil {
		return err
	}
	done, err := c.PruneAudit(ctx, before)
	if err != nil {
		return err
	}
	return t.show(done, func(w io.Writer) {
		if done.Removed == 0 {
			_, _ = fmt.Fprintln(w, "removed nothing: no record is older, or the webhook has not delivered it yet")
			return
		}
		_, _ = fmt.Fprintf(w, "removed %d records; the log begins after record %d\n", done.Removed, done.Cut)
	})
}
