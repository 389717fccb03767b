package client

import (
	"context"
	"iter"
	"net/url"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Events gets one page of the audit records.
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
	if f.Newest {
		query.Set("order", "newest")
	}
	return list(ctx, c, api.PathAuditEvents, query, page, same[pullpass.Event])
}

// AllEvents walks all audit records.
func (c *Client) AllEvents(ctx context.Context, f pullpass.EventFilter) iter.Seq2[pullpass.Event, error] {
	return all(ctx, func(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Event], error) {
		return c.Events(ctx, f, page)
	})
}

// VerifyAudit has the server check its audit chain, after a head that was kept or,
// with the empty text, from its beginning.
func (c *Client) VerifyAudit(ctx context.Context, since string) (api.AuditReport, error) {
	query := url.Values{}
	set(query, "since", since)
	k := get(api.PathAuditVerify, query)
	k.wait = 10 * time.Minute // reads every record
	return do[api.AuditReport](ctx, c, k)
}

// AuditCheckpoint gets the end of the audit log as a signed note.
func (c *Client) AuditCheckpoint(ctx context.Context) (api.AuditCheckpoint, error) {
	return do[api.AuditCheckpoint](ctx, c, get(api.PathAuditCheckpoint, nil))
}

// PruneAudit removes the audit records of before a time.
func (c *Client) PruneAudit(ctx context.Context, before time.Time) (api.AuditPruned, error) {
	k := post(api.PathAuditPrune, api.AuditPrune{Before: before.UTC()})
	k.wait = 10 * time.Minute // deletes every record of before
	return do[api.AuditPruned](ctx, c, k)
}

func setTime(query url.Values, key string, t time.Time) {
	if !t.IsZero() {
		query.Set(key, t.UTC().Format(time.RFC3339Nano))
	}
}
