package api

import "time"

// Webhook is where the organization's audit records go.
type Webhook struct {
	URL          string    `json:"url" doc:"Whole for those who may set it; for others only https:// and the host, because the rest may be a secret."`
	State        string    `json:"state" enum:"active,failing,paused" doc:"A paused one is not tried any more; test it or set it anew."`
	Delivered    int64     `json:"delivered" doc:"Sequence of the last record that the receiver has."`
	Failures     int       `json:"failures" doc:"In a row."`
	Problem      string    `json:"problem,omitempty" doc:"What went wrong last."`
	NextAt       time.Time `json:"next_at,omitzero" doc:"When it is tried again."`
	FailingSince time.Time `json:"failing_since,omitzero"`
	DeliveredAt  time.Time `json:"delivered_at,omitzero"`
	CreatedAt    time.Time `json:"created_at"`
}

// NewWebhook sets where audit records go. Setting it again makes a new secret.
type NewWebhook struct {
	URL       string `json:"url" minLength:"1" maxLength:"2048" example:"https://siem.example.com/pullpass"`
	FromStart bool   `json:"from_start,omitempty" doc:"Begin with the first record, not with the next."`
}

// WebhookWithSecret is shown once.
type WebhookWithSecret struct {
	Webhook Webhook `json:"webhook"`
	Secret  Secret  `json:"secret" format:"password" doc:"Signs what is delivered. It is shown this once."`
}

// WebhookTest is how a delivery without records went.
type WebhookTest struct {
	Delivered bool   `json:"delivered"`
	Problem   string `json:"problem,omitempty"`
}
