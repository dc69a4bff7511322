package receiver

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/tracing"
)

// result is how a request ended; a metric label.
type result string

const (
	resultAccepted    result = "accepted"    // answered success
	resultRefused     result = "refused"     // the sender's fault
	resultLimited     result = "limited"     // over a limit: 429
	resultUnavailable result = "unavailable" // not stored: 503
)

func (f *refusal) result() result {
	switch f.status {
	case http.StatusServiceUnavailable:
		return resultUnavailable
	case http.StatusTooManyRequests:
		return resultLimited
	default:
		return resultRefused
	}
}

// acceptedAs is the reason of an accepted callback.
func (x *exchange) acceptedAs() reason {
	if x.receipt.Duplicate {
		return reasonDuplicate
	}
	return reasonStored
}

// metrics are the receiver's. Labels come from the configuration or from fixed
// lists, never from outside.
type metrics struct {
	callbacks  *prometheus.CounterVec
	dialects   *prometheus.CounterVec
	keys       *prometheus.CounterVec
	quarantine *prometheus.CounterVec
	acceptance prometheus.Histogram
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "settlehook", Name: name, Help: help,
		}, labels)
	}
	m := &metrics{
		callbacks: counter("callbacks_total",
			"Requests for callbacks, by result (accepted, refused, limited, unavailable) and reason.",
			"merchant", "flow", "result", "reason"),
		dialects: counter("callback_dialects_total",
			"Accepted callbacks whose body or signed text departs from the plain form, by dialect.",
			"merchant", "dialect"),
		keys: counter("callback_keys_total",
			"Accepted callbacks by the key that gave their signature.",
			"merchant", "key_id"),
		quarantine: counter("quarantine_total",
			"Refused bodies by class and what became of them (kept, over-budget, failed).",
			"class", "fate"),
		acceptance: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "settlehook", Name: "callback_acceptance_duration_seconds",
			Help:                        "Time from the receipt of an accepted callback to its PubAck.",
			Buckets:                     []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
			NativeHistogramBucketFactor: 1.1,
		}),
	}
	for _, class := range []stream.Class{stream.ClassSignature, stream.ClassMalformed, stream.ClassUnknown} {
		for _, f := range []fate{fateKept, fateOverBudget, fateFailed} {
			m.quarantine.WithLabelValues(string(class), string(f)) // there from the start: a first loss is a rise
		}
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.callbacks, m.dialects, m.keys, m.quarantine, m.acceptance} {
		errs = append(errs, registry.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register the receiver's metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) accepted(x *exchange) {
	m.callbacks.WithLabelValues(x.merchant, x.flow, string(resultAccepted), string(x.acceptedAs())).Inc()
	m.keys.WithLabelValues(x.merchant, x.verified.KeyID).Inc()
	for _, d := range x.verified.Dialects {
		m.dialects.WithLabelValues(x.merchant, string(d)).Inc()
	}
	tracing.Observe(x.r.Context(), m.acceptance, x.stored.Sub(x.received).Seconds())
}

func (m *metrics) refused(x *exchange, f *refusal, kept fate) {
	m.callbacks.WithLabelValues(x.merchant, x.flow, string(f.result()), string(f.reason)).Inc()
	if kept != fateNone {
		m.quarantine.WithLabelValues(string(f.class), string(kept)).Inc()
	}
}

// registerRoom registers how much of the handler's room is taken.
func (h *Handler) registerRoom(registry prometheus.Registerer) error {
	for stage, taken := range map[string]func() int{
		"reading": h.reading.len,
		"storing": func() int { return len(h.storing) },
	} {
		gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "settlehook", Name: "requests_in_flight", ConstLabels: prometheus.Labels{"stage": stage},
			Help: "Requests in work that take up room: bodies being read (HTTP_MAX_READING), callbacks being stored (HTTP_MAX_IN_FLIGHT).",
		}, func() float64 { return float64(taken()) })
		if err := registry.Register(gauge); err != nil {
			return fmt.Errorf("register the receiver's metrics: %w", err)
		}
	}
	return nil
}

// Why the listener closed a connection; a metric label.
const (
	closedSourceLimit = "source-limit"
	closedGaveWay     = "gave-way"
	closedHeadLines   = "header-lines"
)

// connectionMetrics are the listener's.
type connectionMetrics struct {
	open   prometheus.Gauge
	closed *prometheus.CounterVec
}

func newConnectionMetrics() *connectionMetrics {
	m := &connectionMetrics{
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "settlehook", Name: "connections", Help: "Open connections to the callback listener.",
		}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "settlehook", Name: "connections_closed_total",
			Help: "Connections the callback listener closed to protect itself, by reason (source-limit, gave-way, header-lines).",
		}, []string{"reason"}),
	}
	for _, why := range []string{closedSourceLimit, closedGaveWay, closedHeadLines} {
		m.closed.WithLabelValues(why) // there from the start: a first one is a rise
	}
	return m
}

func (m *connectionMetrics) register(registry prometheus.Registerer) error {
	return errors.Join(registry.Register(m.open), registry.Register(m.closed))
}
