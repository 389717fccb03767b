package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/webhook"
)

var _ webhook.Store = (*DB)(nil)

const webhookFields = `organization, url, generation, sealed, delivered, paused, failures, problem, next_at, failing_since, delivered_at, created_at, updated_at`

// storedHook is a hook before its secret is opened.
type storedHook struct {
	webhook.Hook
	sealed []byte
}

func scanWebhook(row scanner) (h storedHook, err error) {
	var next, failing, delivered, created, updated int64
	err = row.Scan(&h.Organization, &h.URL, &h.Generation, &h.sealed, &h.Delivered, &h.Paused, &h.Failures, &h.Problem,
		&next, &failing, &delivered, &created, &updated)
	h.NextAt, h.FailingSince, h.DeliveredAt, h.CreatedAt, h.UpdatedAt = moment(next), moment(failing), moment(delivered), moment(created), moment(updated)
	return h, err
}

// webhookPlace is bound to nothing that the row says, because all that matters is
// sealed: what is not bound is of before, and has its address in clear text.
func webhookPlace(org pullpass.OrganizationID, generation int64) seal.AssociatedData {
	return seal.AssociatedData{
		Organization: org, Table: "audit_webhook", Row: string(org), Field: "secret", Version: generation,
		Bound: []string{"with its address"},
	}
}

// sealedHook is what is sealed of a hook: its address may hold a token, too.
type sealedHook struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

func hookText(url string, secret pullpass.Secret) pullpass.Secret {
	return pullpass.NewSecret(jsonText(sealedHook{URL: url, Secret: secret.Reveal()}))
}

// openWebhook opens the address and the secret. Versions of before sealed the
// secret alone and kept the address in clear text.
func (db *DB) openWebhook(ctx context.Context, h storedHook) (webhook.Hook, error) {
	opened, err := db.sealer.Open(ctx, h.sealed, webhookPlace(h.Organization, h.Generation))
	if err != nil || !seal.Bound(h.sealed) {
		h.Secret = opened
		return h.Hook, err
	}
	var s sealedHook
	if json.Unmarshal([]byte(opened.Reveal()), &s) != nil {
		return webhook.Hook{}, errors.New("the sealed webhook does not read") // what it holds is not repeated
	}
	h.URL, h.Secret = s.URL, pullpass.NewSecret(s.Secret)
	return h.Hook, nil
}

// SetWebhook sets where the organization's audit records go, from the record
// after h.Delivered on. Whatever was wrong before is forgotten.
func (db *DB) SetWebhook(ctx context.Context, h webhook.Hook) (webhook.Hook, error) {
	const what = "set the audit webhook"
	if h.URL == "" || h.Secret.Empty() {
		return webhook.Hook{}, errInvalid(what, "it has no address or no secret", "")
	}
	before, err := db.Webhook(ctx, h.Organization)
	if err != nil && !pullpass.IsKind(err, pullpass.NotFound) {
		return webhook.Hook{}, err
	}
	now := moment(micros(db.now()))
	h.Generation, h.CreatedAt, h.UpdatedAt = before.Generation+1, now, now
	if !before.CreatedAt.IsZero() {
		h.CreatedAt = before.CreatedAt
	}
	h.Paused, h.Failures, h.Problem, h.NextAt, h.FailingSince, h.DeliveredAt = false, 0, "", time.Time{}, time.Time{}, time.Time{}
	s, err := db.seal(ctx, hookText(h.URL, h.Secret), webhookPlace(h.Organization, h.Generation))
	if err != nil {
		return webhook.Hook{}, db.explain(what, err)
	}
	err = db.tx(ctx, what, func(x *tx) error {
		n, err := x.exec(`INSERT INTO audit_webhooks (organization, url, generation, sealed, data_key, delivered, paused, failures, problem,
				next_at, failing_since, delivered_at, lease, lease_until, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, FALSE, 0, '', 0, 0, 0, '', 0, $7, $8)
			ON CONFLICT (organization) DO UPDATE SET url = $2, generation = $3, sealed = $4, data_key = $5, delivered = $6, paused = FALSE,
				failures = 0, problem = '', next_at = 0, failing_since = 0, delivered_at = 0, lease = '', lease_until = 0, updated_at = $8
			WHERE audit_webhooks.generation = $3 - 1`,
			h.Organization, "", h.Generation, s.bytes, s.key, h.Delivered, micros(h.CreatedAt), micros(now))
		if err == nil && n == 0 {
			return errOvertaken(what)
		}
		return err
	})
	if err != nil {
		return webhook.Hook{}, err
	}
	return h, nil
}

// Webhook returns the organization's hook, with its secret.
func (db *DB) Webhook(ctx context.Context, org pullpass.OrganizationID) (webhook.Hook, error) {
	const what = "find the audit webhook"
	row, err := scanWebhook(db.read.QueryRowContext(ctx, `SELECT `+webhookFields+` FROM audit_webhooks WHERE organization = $1`, org))
	if err != nil {
		return webhook.Hook{}, db.explain(what, err)
	}
	h, err := db.openWebhook(ctx, row)
	return h, db.explain(what, err)
}

// DeleteWebhook ends the deliveries.
func (db *DB) DeleteWebhook(ctx context.Context, org pullpass.OrganizationID) error {
	const what = "delete the audit webhook"
	return db.tx(ctx, what, func(x *tx) error {
		n, err := x.exec(`DELETE FROM audit_webhooks WHERE organization = $1`, org)
		if err == nil && n == 0 {
			return errNotFound(what)
		}
		return err
	})
}

// ResumeWebhook forgets the failures of a hook, and its pause.
func (db *DB) ResumeWebhook(ctx context.Context, org pullpass.OrganizationID) error {
	return db.tx(ctx, "resume the audit webhook", func(x *tx) error {
		_, err := x.exec(`UPDATE audit_webhooks SET paused = FALSE, failures = 0, problem = '', next_at = 0, failing_since = 0, updated_at = $2
			WHERE organization = $1`, org, micros(db.now()))
		return err
	})
}

const dueWebhook = `paused = FALSE AND next_at <= $1 AND lease_until <= $1
	AND EXISTS (SELECT 1 FROM event_heads e WHERE e.organization = audit_webhooks.organization AND e.sequence > audit_webhooks.delivered)`

// ClaimWebhook gives a hook that is due to one of those who ask.
func (db *DB) ClaimWebhook(ctx context.Context, holder string, until time.Time) (webhook.Hook, bool, error) {
	const what = "find audit records to deliver"
	now := micros(db.now())
	due, err := all(ctx, db.read, scanID[pullpass.OrganizationID],
		`SELECT organization FROM audit_webhooks WHERE `+dueWebhook+` ORDER BY next_at, organization LIMIT 8`, now)
	if err != nil {
		return webhook.Hook{}, false, db.explain(what, err)
	}
	for _, org := range due {
		var row storedHook
		err := db.tx(ctx, what, func(x *tx) (err error) {
			// The conditions again: whoever comes second finds the lease taken.
			row, err = scanWebhook(x.one(`UPDATE audit_webhooks SET lease = $3, lease_until = $4
				WHERE organization = $2 AND `+dueWebhook+` RETURNING `+webhookFields, now, org, holder, micros(until)))
			if errors.Is(err, sql.ErrNoRows) {
				row, err = storedHook{}, nil
			}
			return err
		})
		if err != nil {
			return webhook.Hook{}, false, err
		}
		if row.Organization != "" {
			h, err := db.openWebhook(ctx, row)
			return h, err == nil, db.explain(what, err)
		}
	}
	return webhook.Hook{}, false, nil
}

// WebhookDelivered moves the hook's position and gives it back.
func (db *DB) WebhookDelivered(ctx context.Context, h webhook.Hook, holder string, sequence int64) error {
	return db.tx(ctx, "note delivered audit records", func(x *tx) error {
		now := micros(db.now())
		_, err := x.exec(`UPDATE audit_webhooks SET delivered = $5, delivered_at = $6, failures = 0, problem = '', next_at = 0, failing_since = 0,
				lease = '', lease_until = 0, updated_at = $6
			WHERE organization = $1 AND generation = $2 AND lease = $3 AND delivered = $4`, h.Organization, h.Generation, holder, h.Delivered, sequence, now)
		return err
	})
}

// WebhookFailed keeps what went wrong and gives the hook back.
func (db *DB) WebhookFailed(ctx context.Context, h webhook.Hook, holder string) error {
	return db.tx(ctx, "note undelivered audit records", func(x *tx) error {
		_, err := x.exec(`UPDATE audit_webhooks SET failures = $4, problem = $5, next_at = $6, failing_since = $7, paused = $8,
				lease = '', lease_until = 0, updated_at = $9
			WHERE organization = $1 AND generation = $2 AND lease = $3`,
			h.Organization, h.Generation, holder, h.Failures, h.Problem, micros(h.NextAt), micros(h.FailingSince), h.Paused, micros(db.now()))
		return err
	})
}

var webhookSecrets = sealedTable{
	find:  `SELECT s.organization, s.organization, s.generation, s.sealed, s.data_key, s.url FROM audit_webhooks s`,
	bound: 1,
	replace: `UPDATE audit_webhooks SET sealed = $5, data_key = $6, url = ''
		WHERE organization = $1 AND organization = $2 AND generation = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData { return webhookPlace(r.organization, r.version) },
	convert: func(r sealedRow, secret pullpass.Secret) pullpass.Secret {
		if seal.Bound(r.sealed) {
			return secret
		}
		return hookText(r.bound[0], secret)
	},
}

// WebhookLag returns how far the hooks of all organizations are behind.
func (db *DB) WebhookLag(ctx context.Context) (l webhook.Lag, err error) {
	var oldest int64
	err = db.read.QueryRowContext(ctx, `SELECT COALESCE(MIN(e.at), 0), COALESCE(MAX(w.failures), 0), COUNT(CASE WHEN w.paused THEN 1 END)
		FROM audit_webhooks w LEFT JOIN events e ON e.organization = w.organization AND e.sequence = w.delivered + 1`).
		Scan(&oldest, &l.Failures, &l.Paused)
	l.Oldest = moment(oldest)
	return l, db.explain("find how far the webhooks are behind", err)
}
