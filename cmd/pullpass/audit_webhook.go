package main

import (
	"context"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

type auditWebhook struct {
	Set    webhookSet    `cmd:"" help:"Send the audit records to an address, signed; the secret is printed once."`
	Show   webhookShow   `cmd:"" help:"Say where they go, how far they have got, and what is wrong."`
	Test   webhookTest   `cmd:"" help:"Send a delivery without records. If it is taken, a pause ends."`
	Delete webhookDelete `cmd:"" help:"Send them nowhere."`
}

type webhookSet struct {
	URL       string `arg:"" help:"Address that takes POST requests: https://…"`
	FromStart bool   `help:"Begin with the first record, not with the next."`
}

func (s *webhookSet) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	made, secret, err := c.SetWebhook(ctx, api.NewWebhook{URL: s.URL, FromStart: s.FromStart})
	if err != nil {
		return err
	}
	t.say("Audit records go to %s. This is the only time that the secret is shown:", made.URL)
	err = t.show(api.WebhookWithSecret{Webhook: made, Secret: api.NewSecret(secret)}, func(w io.Writer) { _, _ = fmt.Fprintln(w, secret.Reveal()) })
	t.say("Next: pullpass audit webhook test")
	return err
}

type webhookShow struct{}

func (webhookShow) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	h, err := c.Webhook(ctx)
	if err != nil {
		return err
	}
	return t.show(h, func(w io.Writer) {
		facts(w, "address", h.URL, "state", h.State, "delivered", fmt.Sprintf("up to record %d", h.Delivered), "problem", h.Problem)
		if h.Failures > 0 && h.State == "failing" {
			facts(w, "failures", fmt.Sprintf("%d since %s", h.Failures, day(h.FailingSince)), "next try", day(h.NextAt))
		}
		if h.State == "paused" {
			t.say("It is not tried any more. When the receiver works again: pullpass audit webhook test")
		}
	})
}

type webhookTest struct{}

func (webhookTest) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	result, err := c.TestWebhook(ctx)
	if err != nil {
		return err
	}
	if result.Delivered {
		return t.show(result, func(w io.Writer) { _, _ = fmt.Fprintln(w, "delivered") })
	}
	if t.json {
		_ = t.show(result, func(io.Writer) {})
		return exitCode(exitFailed)
	}
	return &pullpass.Error{Kind: pullpass.Unavailable, What: "the delivery was not taken", Cause: result.Problem, Hint: "pullpass audit webhook show"}
}

type webhookDelete struct{}

func (webhookDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	if err := c.DeleteWebhook(ctx); err != nil {
		return err
	}
	t.say("Audit records go nowhere now.")
	return nil
}
