package client

import (
	"context"
	"iter"
	"net/url"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Events gets one page of the audit records, oldest first.
func (c *Client) Events(ctx context.Context, f pullpass.EventFilter, page pullpass.Page) (pullpass.List[pullpass.Event], error) {
	query := url.Values{}
	set(query, "action", f.Action)
	set(query, "decision", string(f.Decision))
	set(query, "caller", f.Caller)
	set(query, "project", string(f.Project))
	set(query, "environment", string(f.Environment))
	set(query, "registry", string(f.Registry))
	setTime(query, "from", f.From)
	setTime(query, "to", f.To)
	return list(ctx, c, api.PathAuditEvents, query, page, same[pullpass.Event])
}

// AllEvents walks all audit records.
func (c *Client) AllEvents(ctx context.Context, f pullpass.EventFilter) iter.Seq2[pullpass.Event, error] {
	return all(ctx, func(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Event], error) {
		return c.Events(ctx, f, page)
	})
}

// VerifyAudit has the server check its audit chain.
func (c *Client) VerifyAudit(ctx context.Context) (api.AuditReport, error) {
	k := get(api.PathAuditVerify, nil)
	k.wait = 10 * time.Minute // reads every record
	return do[api.AuditReport](ctx, c, k)
}

func setTime(query url.Values, key string, t time.Time) {
	if !t.IsZero() {
		query.Set(key, t.UTC().Format(time.RFC3339Nano))
	}
}
