package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pullpass/pullpass"
)

// Metrics counts what the server does. Labels are taken from fixed sets (routes,
// statuses, kinds): nothing that a caller sends becomes one.
type Metrics struct {
	recording   recording // of audit records
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	latency     *prometheus.HistogramVec
	credentials *prometheus.CounterVec
	cacheHits   prometheus.Counter
	audit       *prometheus.HistogramVec
	waiting     prometheus.Gauge
	purged      *prometheus.CounterVec
}

// NewMetrics makes metrics with a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pullpass_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pullpass_http_request_seconds", Help: "Time to answer, by route; long polls wait on purpose.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		credentials: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pullpass_credentials_total", Help: "Credentials asked for, by outcome.",
		}, []string{"outcome"}),
		cacheHits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pullpass_credential_cache_hits_total", Help: "Credentials answered from the cache.",
		}),
		audit: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pullpass_audit_record_seconds", Help: "Time until an audit record was on disk, or refused.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2},
		}, []string{"outcome"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "pullpass_long_polls", Help: "Long polls that wait now.",
		}),
		purged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pullpass_purged_total", Help: "What was removed after --keep-deleted, by kind.",
		}, []string{"kind"}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.credentials, m.cacheHits, m.audit, m.waiting, m.purged,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Purged counts what was removed for good.
func (m *Metrics) Purged(kind string, n int64) { m.purged.WithLabelValues(kind).Add(float64(n)) }

// Registry takes further collectors: the broker's, the store's.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Auditor measures a; the broker should record through it, too.
func (m *Metrics) Auditor(a Auditor) Auditor {
	if _, measured := a.(measuredAuditor); measured {
		return a
	}
	return measuredAuditor{a, &m.recording, m.audit.WithLabelValues("recorded"), m.audit.WithLabelValues("refused")}
}

type measuredAuditor struct {
	auditor           Auditor
	recording         *recording
	recorded, refused prometheus.Observer
}

func (a measuredAuditor) Record(ctx context.Context, e pullpass.Event) error {
	began := time.Now()
	err := a.auditor.Record(ctx, e)
	a.recording.note(ctx, e.Organization, err, began)
	if err != nil {
		a.refused.Observe(time.Since(began).Seconds())
		return err
	}
	a.recorded.Observe(time.Since(began).Seconds())
	return nil
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *Metrics) answered(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
}

func (m *Metrics) issued(cached bool, err error) {
	outcome := "issued"
	if err != nil {
		outcome = string(pullpass.KindOf(err))
	}
	m.credentials.WithLabelValues(outcome).Inc()
	if cached {
		m.cacheHits.Inc()
	}
}
