package app

import (
	"cmp"
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/orderapi"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/tracing"
	"github.com/settlehook/settlehook/pkg/events"
)

// workerMetrics counts what the worker does, and writes the one wide line per
// decision. Labels are merchants of the configuration and named reasons, never
// order ids.
type workerMetrics struct {
	log       *zap.Logger
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	handled   *prometheus.CounterVec
	claims    *prometheus.CounterVec
	conflicts *prometheus.CounterVec
	redis     *prometheus.CounterVec
	trail     prometheus.Counter
	queries   *prometheus.CounterVec
	querying  *prometheus.HistogramVec
	breaker   *prometheus.GaugeVec
	work      *prometheus.HistogramVec
	latency   *prometheus.HistogramVec
	swept     *prometheus.CounterVec
	fullness  *prometheus.GaugeVec
	purges    prometheus.Counter
	skew      prometheus.Gauge
	told      *toldMetrics
	delays    *prometheus.HistogramVec
	rate      *prometheus.GaugeVec
	rateWait  *prometheus.GaugeVec
	noRedis   prometheus.Gauge
}

func newWorkerMetrics(r *prometheus.Registry, log *zap.Logger) *workerMetrics {
	m := &workerMetrics{
		log: log, registry: r,
		decisions: counter("decisions_total", "Decisions by verdict, outcome and reason.", "merchant", "flow", "via", "verdict", "outcome", "reason"),
		handled:   counter("deliveries_total", "Deliveries of callbacks by what became of them.", "merchant", "disposition", "cause"),
		claims:    counter("claims_total", "Claims by what they found.", "merchant", "state"),
		conflicts: counter("emission_conflicts_total", "Emissions that found another event first.", "merchant"),
		redis:     counter("redis_errors_total", "Operations on Redis that failed.", "operation"),
		trail: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "settlehook_trail_dropped_total", Help: "Looks that could not be written to TRAIL.",
		}),
		queries:  counter("order_queries_total", "Order queries by result.", "merchant", "result"),
		querying: histogram("order_query_duration_seconds", "Time the gateway took to answer an order query.", "merchant"),
		breaker:  gauge("gateway_unavailable", "1 while a merchant's gateway is left alone after failures.", "merchant"),
		work:     histogram("delivery_duration_seconds", "Time one delivery was worked on.", "merchant"),
		latency:  histogram("event_latency_seconds", "Time from the receipt of a callback to its event.", "merchant", "outcome"),
		swept:    counter("sweep_turns_total", "Turns of orders in the sweep, by what became of them.", "merchant", "tier", "disposition", "cause"),
		fullness: gauge("stream_full_ratio", "Share of its size that a stream uses that refuses when it is full.", "stream"),
		purges: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "settlehook_callbacks_purged_total", Help: "Callbacks that had ended in their place and were purged because CALLBACKS ran full.",
		}),
		skew: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "settlehook_clock_skew_seconds", Help: "By how much this machine's clock is ahead of the NATS server's.",
		}),
		told: newToldMetrics(r),
		delays: histogram("decision_delay_seconds",
			"Time to the decision from when the order API could first have agreed: from the receipt, the last look at which it did not, or the end of its outage.", "merchant"),
		rate:     gauge("order_query_rate_limit", "Order queries per second that the merchants file allows, all workers together.", "merchant"),
		rateWait: gauge("order_query_wait_seconds", "How long the last question had to wait for its turn in the rate; 0 while the rate has room.", "merchant"),
		noRedis: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "settlehook_redis_unavailable", Help: "1 while Redis is left alone after failures.",
		}),
	}
	r.MustRegister(m.delays, m.rate, m.rateWait, m.noRedis)
	r.MustRegister(m.decisions, m.handled, m.claims, m.conflicts, m.redis, m.trail, m.queries, m.querying, m.breaker, m.work, m.latency, m.swept, m.fullness, m.purges, m.skew)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "settlehook_" + name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "settlehook_" + name, Help: help}, labels)
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "settlehook_" + name, Help: help, Buckets: latencyBuckets,
		NativeHistogramBucketFactor: 1.1,
	}, labels)
}

// latencyBuckets reach from a local answer to a budget of retries.
var latencyBuckets = []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

// StoreFailed implements dedupe.Observer.
func (m *workerMetrics) StoreFailed(operation string, err error) {
	m.redis.WithLabelValues(operation).Inc()
	m.log.Debug("redis operation failed, going on without", zap.String("operation", operation), zap.Error(err))
}

func (m *workerMetrics) trailFailed(err error) {
	m.trail.Inc()
	m.log.Debug("look not written to the trail", zap.Error(err))
}

// watchMerchants exposes whether the merchants file on disk is refused.
func (m *workerMetrics) watchMerchants(s *config.MerchantsSource) { registerStale(m.registry, s) }

func registerStale(r *prometheus.Registry, s *config.MerchantsSource) {
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "settlehook_merchants_file_stale", Help: "1 while the merchants file on disk is refused and older merchants are in force.",
	}, func() float64 {
		if _, err := s.Stale(); err != nil {
			return 1
		}
		return 0
	})
	// In one process with the receiver, it is registered already.
	_ = r.Register(gauge)
}

// merchantMetrics observes one merchant.
type merchantMetrics struct {
	*workerMetrics
	id    string
	since *lastLooks
}

func (m *workerMetrics) merchant(id string) *merchantMetrics {
	m.breaker.WithLabelValues(id).Set(0)
	m.delays.WithLabelValues(id)
	for _, result := range []string{"success", "failed", orderapi.CauseTransport} {
		m.queries.WithLabelValues(id, result) // there from the start: a first one is a rise
	}
	return &merchantMetrics{m, id, newLastLooks()}
}

// configured shows what the merchants file says, and has what is counted of the
// merchant's money there from the start.
func (m *merchantMetrics) configured(currency string, perSecond float64) {
	m.rate.WithLabelValues(m.id).Set(perSecond)
	m.rateWait.WithLabelValues(m.id).Set(0)
	m.told.expect(m.id, currency)
}

// rateWaited hears how long a question waits for its turn.
func (m *merchantMetrics) rateWaited(wait time.Duration) {
	m.rateWait.WithLabelValues(m.id).Set(wait.Seconds())
}

// forget removes what stands for a merchant's state now: of one that is gone it
// would stay as it was, an alarm that nobody can mend. What was counted stays.
func (m *workerMetrics) forget(id string) {
	for _, state := range []*prometheus.GaugeVec{m.breaker, m.rate, m.rateWait} {
		state.DeleteLabelValues(id)
	}
}

// Queried implements orderapi.Observer.
func (m *merchantMetrics) Queried(ctx context.Context, result string, took time.Duration) {
	m.queries.WithLabelValues(m.id, result).Inc()
	if took > 0 {
		tracing.Observe(ctx, m.querying.WithLabelValues(m.id), took.Seconds())
	}
}

// GateChanged implements orderapi.Observer.
func (m *merchantMetrics) GateChanged(state string) {
	unavailable := 0.0
	if state != "closed" {
		unavailable = 1
	} else {
		m.since.reopened(time.Now())
	}
	m.breaker.WithLabelValues(m.id).Set(unavailable)
	m.log.Warn("gateway", zap.String("merchant", m.id), zap.String("breaker", state))
}

// Processed implements stream.Observer.
func (m *merchantMetrics) Processed(ctx context.Context, d reconcile.Delivery, res reconcile.Result, took time.Duration) {
	m.handled.WithLabelValues(m.id, res.Disposition.String(), res.Cause).Inc()
	m.claims.WithLabelValues(m.id, res.Claim.String()).Inc()
	tracing.Observe(ctx, m.work.WithLabelValues(m.id), took.Seconds())
	m.decided(d.Order.Flow, reconcile.StageCallback, res)
	if delay, known := m.since.delay(d, res, time.Now()); known {
		tracing.Observe(ctx, m.delays.WithLabelValues(m.id), delay.Seconds())
	}
	if res.Emitted && res.Event != nil {
		tracing.Observe(ctx, m.latency.WithLabelValues(m.id, string(res.Event.Outcome())), time.Since(d.ReceivedAt).Seconds())
	}
	m.line(ctx, d, res, took)
}

// Swept implements stream.SweepObserver.
func (m *merchantMetrics) Swept(ctx context.Context, due reconcile.Due, res reconcile.Result, took time.Duration) {
	m.swept.WithLabelValues(m.id, due.Tier, res.Disposition.String(), res.Cause).Inc()
	m.decided(due.Order.Flow, due.Stage, res)
	fields := append([]zap.Field{
		zap.String("merchant", m.id), zap.String("flow", string(due.Order.Flow)), zap.String("order_id", due.Order.OrderID),
		zap.String("tier", due.Tier), zap.Time("due", due.Since), zap.Uint64("deliveries", due.Deliveries),
		tracing.IDs(ctx),
	}, resultFields(res, took)...)
	if res.Disposition == reconcile.Acknowledge && (res.Cause == "unfit" || res.Cause == "panic") {
		m.log.Error("order left out of the sweep: a bug, or a registration that is none", fields...)
		return
	}
	if res.Queries == 0 && !res.Emitted && (res.Err == nil || reconcile.NotAsked(res.Err)) {
		m.log.Debug("order swept", fields...) // nothing was asked: the usual case
		return
	}
	m.log.Info("order swept", fields...)
}

func (m *merchantMetrics) decided(flow events.Flow, stage reconcile.Stage, res reconcile.Result) {
	if d := res.Decision; d.Verdict != 0 {
		m.decisions.WithLabelValues(m.id, string(flow), string(stage.Via()), d.Verdict.String(), string(d.Outcome), string(d.Reason)).Inc()
	}
	if res.Emitted && res.Event != nil {
		m.told.add(res.Event.Data.Common())
	}
	if res.Conflicts > 0 {
		m.conflicts.WithLabelValues(m.id).Add(float64(res.Conflicts))
	}
}

// line is the one wide line of a callback's delivery.
func (m *merchantMetrics) line(ctx context.Context, d reconcile.Delivery, res reconcile.Result, took time.Duration) {
	fields := append([]zap.Field{
		zap.String("merchant", cmp.Or(d.Merchant.ID, m.id)), zap.String("flow", string(d.Order.Flow)), zap.String("order_id", d.Order.OrderID),
		zap.String("plat_order_id", d.Callback.PlatOrderID), zap.String("fingerprint", d.Callback.Fingerprint()),
		zap.Uint64("sequence", d.StreamSequence), zap.Uint64("deliveries", d.Deliveries),
		tracing.IDs(ctx),
	}, resultFields(res, took)...)
	if a := res.Answer; a != nil && a.Found {
		fields = append(fields, zap.Bool("fee_differs", reconcile.FeeDiffers(d.Callback, *a)))
	}
	if res.Disposition == reconcile.Park {
		m.log.Warn("callback parked", fields...)
		return
	}
	m.log.Info("callback decided", fields...)
}

// resultFields are what came of a look.
func resultFields(res reconcile.Result, took time.Duration) []zap.Field {
	fields := []zap.Field{
		zap.String("disposition", res.Disposition.String()), zap.String("cause", res.Cause),
		zap.String("claim", res.Claim.String()), zap.Int("attempts", res.Attempts), zap.Int("queries", res.Queries),
		zap.String("verdict", res.Decision.Verdict.String()), zap.String("outcome", string(res.Decision.Outcome)),
		zap.String("reason", string(res.Decision.Reason)), zap.Bool("emitted", res.Emitted), zap.Int("conflicts", res.Conflicts),
		zap.Duration("took", took),
	}
	if a := res.Answer; a != nil && a.Found {
		fields = append(fields, zap.String("query_status", a.Status.String()), zap.String("query_amount", a.Amount.String()))
	}
	if res.Event != nil {
		fields = append(fields, zap.String("event_id", res.Event.ID), zap.Uint64("ledger_sequence", res.Sequence))
	}
	if res.After > 0 {
		fields = append(fields, zap.Duration("after", res.After))
	}
	if res.Err != nil {
		fields = append(fields, zap.Error(res.Err))
	}
	return fields
}
