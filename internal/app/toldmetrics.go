package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/settlehook/settlehook/pkg/events"
)

// toldMetrics count what downstream was told. The amounts are floating point,
// for looking at: whoever books reads the events.
type toldMetrics struct {
	events  *prometheus.CounterVec
	amounts *prometheus.CounterVec
}

func newToldMetrics(r *prometheus.Registry) *toldMetrics {
	m := &toldMetrics{
		events:  counter("events_total", "Events stored in PAYMENTS.", "merchant", "flow", "outcome", "currency", "via"),
		amounts: counter("events_amount_total", "Amounts of the events stored in PAYMENTS, in major currency units.", "merchant", "flow", "outcome", "currency"),
	}
	r.MustRegister(m.events, m.amounts)
	return m
}

// expect makes a merchant's counters, at 0: the first event is a rise then.
// Workers that KEDA starts for a few minutes would lose it otherwise.
func (m *toldMetrics) expect(merchant, currency string) {
	for _, flow := range []events.Flow{events.FlowCollect, events.FlowPay} {
		for _, outcome := range []events.Outcome{
			events.OutcomeSettled, events.OutcomeFailed, events.OutcomeReversed, events.OutcomeExpired, events.OutcomeReview,
		} {
			m.amounts.WithLabelValues(merchant, string(flow), string(outcome), currency)
			for _, via := range []events.Via{events.ViaCallback, events.ViaSweep} {
				m.events.WithLabelValues(merchant, string(flow), string(outcome), currency, string(via))
			}
		}
	}
}

func (m *toldMetrics) add(p events.Payment) {
	m.events.WithLabelValues(p.Merchant, string(p.Flow), string(p.Outcome), p.Currency, string(p.Via)).Inc()
	value, known := p.Amount.Decimal()
	if !known {
		return
	}
	amount, _ := value.Float64()
	m.amounts.WithLabelValues(p.Merchant, string(p.Flow), string(p.Outcome), p.Currency).Add(amount)
}
