package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pullpass/pullpass/internal/webhook"
)

// lagWithin is how long a scrape waits for the database.
const lagWithin = 2 * time.Second

// webhookMetrics tell how far audit webhooks are behind, when they are asked.
type webhookMetrics struct {
	store interface {
		WebhookLag(context.Context) (webhook.Lag, error)
	}
	now                   func() time.Time
	lag, failures, paused prometheus.Gauge
}

func newWebhookMetrics(p *parts) webhookMetrics {
	return webhookMetrics{
		store: p.db, now: time.Now,
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "pullpass_webhook_lag_seconds", Help: "Age of the oldest audit record that a webhook has not taken; 0: none waits.",
		}),
		failures: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "pullpass_webhook_failures", Help: "Most failures in a row of a webhook.",
		}),
		paused: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "pullpass_webhooks_paused", Help: "Webhooks that have failed for a day and are not tried.",
		}),
	}
}

// Describe names the metrics.
func (m webhookMetrics) Describe(out chan<- *prometheus.Desc) {
	m.lag.Describe(out)
	m.failures.Describe(out)
	m.paused.Describe(out)
}

// Collect asks the database. What it does not answer is left out of the scrape: an old
// value would look like a good one.
func (m webhookMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lagWithin)
	defer cancel()
	l, err := m.store.WebhookLag(ctx)
	if err != nil {
		return
	}
	m.lag.Set(0)
	if !l.Oldest.IsZero() {
		m.lag.Set(max(0, m.now().Sub(l.Oldest).Seconds()))
	}
	m.failures.Set(float64(l.Failures))
	m.paused.Set(float64(l.Paused))
	m.lag.Collect(out)
	m.failures.Collect(out)
	m.paused.Collect(out)
}
