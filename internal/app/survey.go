package app

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/natsmon"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/sweep"
)

// surveyMetrics are the gauges of the whole installation. Workers that sweep
// show them, each all of them, so that nothing goes dark without workers for
// callbacks.
type surveyMetrics struct {
	undecided, undecidedAge     *prometheus.GaugeVec
	parked, parkedAge           *prometheus.GaugeVec
	quarantined, quarantinedAge *prometheus.GaugeVec
	reviews, reviewsAge         *prometheus.GaugeVec
	sweeps                      *prometheus.GaugeVec
	messages, bytes             *prometheus.GaugeVec
	replicas, declared          *prometheus.GaugeVec
	sync                        *prometheus.GaugeVec
	taken                       prometheus.Gauge
	failed                      *prometheus.CounterVec
}

func newSurveyMetrics(r *prometheus.Registry) *surveyMetrics {
	m := &surveyMetrics{
		undecided:      gauge("callbacks_pending", "Callbacks that are not through: waiting, in work, or put back.", "merchant"),
		undecidedAge:   gauge("callbacks_oldest_age_seconds", "Age of the oldest callback that is not through; 0 when there is none.", "merchant"),
		parked:         gauge("parked_messages", "Callbacks in PARKED.", "merchant"),
		parkedAge:      gauge("parked_oldest_age_seconds", "How long the oldest callback has been in PARKED; 0 when there is none.", "merchant"),
		quarantined:    gauge("quarantine_messages", "Refused bodies in QUARANTINE.", "class", "merchant"),
		quarantinedAge: gauge("quarantine_oldest_age_seconds", "How long the oldest refused body has been in QUARANTINE; 0 when there is none.", "class"),
		reviews:        gauge("reviews_open", "Reviews that no resolution closes.", "merchant"),
		reviewsAge:     gauge("reviews_oldest_age_seconds", "How long the oldest open review has been waiting; 0 when there is none.", "merchant"),
		sweeps:         gauge("sweep_pending", "Orders whose turn in a tier of the sweep is still to come, or in work.", "merchant", "tier"),
		messages:       gauge("stream_messages", "Messages in a stream.", "stream"),
		bytes:          gauge("stream_bytes", "Bytes in a stream.", "stream"),
		replicas:       gauge("stream_replicas", "Copies of a stream that are there and follow, the leader's included.", "stream"),
		declared:       gauge("stream_replicas_declared", "Copies that a stream should have.", "stream"),
		sync:           gauge("nats_sync_interval_seconds", "How long an acknowledged write may stay off a nats-server's disk; 0: every write is synced first.", "server"),
		taken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "settlehook_survey_timestamp_seconds", Help: "When the gauges of the whole installation were last taken without a failure.",
		}),
		failed: counter("survey_errors_total", "Readings for the gauges of the whole installation that failed.", "what"),
	}
	r.MustRegister(m.undecided, m.undecidedAge, m.parked, m.parkedAge, m.quarantined, m.quarantinedAge, m.reviews, m.reviewsAge,
		m.sweeps, m.messages, m.bytes, m.replicas, m.declared, m.sync, m.taken, m.failed)
	for _, what := range readings {
		m.failed.WithLabelValues(what.name) // there from the start: a first one is a rise
	}
	return m
}

// surveyor takes the gauges, a round at a time.
type surveyor struct {
	*Worker
	survey  *stream.Survey
	servers *natsmon.Client // nil: not asked
	m       *surveyMetrics
	failing map[string]int // rounds in a row, by reading
}

// readings are what a round takes. One that fails leaves its gauges as they
// were for some rounds; the others go on.
var readings = [...]struct {
	name   string
	take   func(*surveyor, context.Context) error
	gauges func(*surveyMetrics) []*prometheus.GaugeVec
}{
	{"streams", (*surveyor).streams, func(m *surveyMetrics) []*prometheus.GaugeVec {
		return []*prometheus.GaugeVec{m.messages, m.bytes, m.replicas, m.declared}
	}},
	{"callbacks", (*surveyor).undecided, func(m *surveyMetrics) []*prometheus.GaugeVec {
		return []*prometheus.GaugeVec{m.undecided, m.undecidedAge}
	}},
	{"parked", (*surveyor).parked, func(m *surveyMetrics) []*prometheus.GaugeVec {
		return []*prometheus.GaugeVec{m.parked, m.parkedAge}
	}},
	{"quarantine", (*surveyor).quarantined, func(m *surveyMetrics) []*prometheus.GaugeVec {
		return []*prometheus.GaugeVec{m.quarantined, m.quarantinedAge}
	}},
	{"reviews", (*surveyor).reviews, func(m *surveyMetrics) []*prometheus.GaugeVec {
		return []*prometheus.GaugeVec{m.reviews, m.reviewsAge}
	}},
	{"sweep", (*surveyor).sweeps, func(m *surveyMetrics) []*prometheus.GaugeVec {
		return []*prometheus.GaugeVec{m.sweeps}
	}},
	{readingServers, (*surveyor).durability, func(m *surveyMetrics) []*prometheus.GaugeVec {
		return []*prometheus.GaugeVec{m.sync}
	}},
}

// readingServers asks each server: one that is away must not make it look as if
// nobody took the gauges.
const readingServers = "servers"

// surveyTimeout bounds one reading.
const surveyTimeout = 20 * time.Second

// staleAfter is how many rounds in a row a reading may fail before its gauges are
// taken away: alerts take the worst of all sweepers, and what one of them saw long
// ago would stand for ever, or hide what another sees.
const staleAfter = 3

// survey takes the gauges of the whole installation until ctx ends.
func (w *Worker) survey(ctx context.Context) error {
	s := &surveyor{Worker: w, survey: stream.NewSurvey(w.link.js), m: newSurveyMetrics(w.admin.registry), failing: map[string]int{}}
	if urls := w.cfg.Monitoring.URLs; len(urls) > 0 {
		s.servers = natsmon.NewClient(natsmon.Config{URLs: urls})
	}
	tick := time.NewTicker(w.cfg.Survey.Interval)
	defer tick.Stop()
	for {
		s.round(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *surveyor) round(ctx context.Context) {
	complete := true
	for _, what := range readings {
		reading, cancel := context.WithTimeout(ctx, surveyTimeout)
		err := what.take(s, reading)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			s.failing[what.name] = 0
			continue
		}
		if s.failing[what.name]++; s.failing[what.name] >= staleAfter {
			for _, stale := range what.gauges(s.m) {
				stale.Reset()
			}
		}
		complete = complete && what.name == readingServers
		s.m.failed.WithLabelValues(what.name).Inc()
		s.log.Warn("gauges could not be taken; trying again", zap.String("what", what.name), zap.Error(err))
	}
	if complete {
		s.m.taken.Set(float64(s.fleet.clock().UnixMilli()) / 1000)
	}
}

func (s *surveyor) streams(ctx context.Context) error {
	all, err := s.survey.Streams(ctx, s.cfg.Topology)
	for _, one := range all {
		s.m.messages.WithLabelValues(one.Name).Set(float64(one.Messages))
		s.m.bytes.WithLabelValues(one.Name).Set(float64(one.Bytes))
		s.m.replicas.WithLabelValues(one.Name).Set(float64(one.Replicas))
		s.m.declared.WithLabelValues(one.Name).Set(float64(one.Declared))
	}
	return err
}

func (s *surveyor) undecided(ctx context.Context) error {
	var merchants []string
	for _, m := range s.merchants.Current().All() {
		merchants = append(merchants, m.ID)
	}
	all, err := s.survey.Undecided(ctx, merchants)
	if err != nil {
		return err
	}
	show(s.m.undecided, s.m.undecidedAge, all)
	return nil
}

// show replaces what was shown: a merchant that is gone leaves no gauge behind.
func show(messages, oldest *prometheus.GaugeVec, all map[string]stream.Backlog) {
	messages.Reset()
	oldest.Reset()
	for merchant, b := range all {
		messages.WithLabelValues(merchant).Set(float64(b.Messages))
		oldest.WithLabelValues(merchant).Set(b.Oldest.Seconds())
	}
}

// withAll adds the configured merchants of which nothing lies there.
func (s *surveyor) withAll(all map[string]stream.Backlog) map[string]stream.Backlog {
	for _, m := range s.merchants.Current().All() {
		if _, there := all[m.ID]; !there {
			all[m.ID] = stream.Backlog{}
		}
	}
	return all
}

func (s *surveyor) parked(ctx context.Context) error {
	all, err := s.survey.Parked(ctx)
	if err != nil {
		return err
	}
	show(s.m.parked, s.m.parkedAge, s.withAll(all))
	return nil
}

func (s *surveyor) quarantined(ctx context.Context) error {
	all, err := s.survey.Quarantined(ctx)
	if err != nil {
		return err
	}
	oldest := map[stream.Class]time.Duration{}
	for _, class := range []stream.Class{stream.ClassSignature, stream.ClassMalformed, stream.ClassUnknown} {
		oldest[class] = 0
		for _, m := range s.merchants.Current().All() {
			key := stream.QuarantineSubject{Class: class, Merchant: m.ID}
			if _, there := all[key]; !there {
				all[key] = stream.Backlog{}
			}
		}
	}
	s.m.quarantined.Reset()
	for key, b := range all {
		s.m.quarantined.WithLabelValues(string(key.Class), key.Merchant).Set(float64(b.Messages))
		oldest[key.Class] = max(oldest[key.Class], b.Oldest)
	}
	for class, age := range oldest {
		s.m.quarantinedAge.WithLabelValues(string(class)).Set(age.Seconds())
	}
	return nil
}

func (s *surveyor) reviews(ctx context.Context) error {
	all, err := s.survey.OpenReviews(ctx)
	if err != nil {
		return err
	}
	show(s.m.reviews, s.m.reviewsAge, s.withAll(all))
	return nil
}

func (s *surveyor) sweeps(ctx context.Context) error {
	type turn struct{ merchant, tier string }
	all := map[turn]uint64{}
	for _, m := range s.merchants.Current().All() {
		for _, tier := range sweep.Plan(s.cfg.Sweep.Delays, s.cfg.Sweep.LookBack) {
			d := stream.Sweeper(m.ID, tier, s.cfg.Topology.AckWait)
			n, err := s.survey.Pending(ctx, stream.Durable{Stream: d.Stream, Name: d.Config.Durable})
			if errors.Is(err, jetstream.ErrConsumerNotFound) {
				continue // of a merchant that is not set up yet
			}
			if err != nil {
				return err
			}
			all[turn{m.ID, tier.Name}] = n
		}
	}
	s.m.sweeps.Reset()
	for t, n := range all {
		s.m.sweeps.WithLabelValues(t.merchant, t.tier).Set(float64(n))
	}
	return nil
}

func (s *surveyor) durability(ctx context.Context) error {
	if s.servers == nil {
		return nil
	}
	servers, err := s.servers.Servers(ctx)
	if len(servers) > 0 {
		s.m.sync.Reset()
	}
	for _, server := range servers {
		if server.JetStream != nil {
			s.m.sync.WithLabelValues(server.Name).Set(server.JetStream.Sync().Seconds())
		}
	}
	return err
}
