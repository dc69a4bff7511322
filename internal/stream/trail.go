package stream

import (
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// TrailLog writes the looks that made no event to TRAIL. It publishes without
// waiting for an acknowledgement: best effort by design.
type TrailLog struct {
	nc     *nats.Conn
	failed func(error)
}

var _ reconcile.Trail = (*TrailLog)(nil)

// NewTrailLog returns a trail on nc; failed hears what could not be written.
func NewTrailLog(nc *nats.Conn, failed func(error)) *TrailLog {
	return &TrailLog{nc: nc, failed: failed}
}

// Look is the JSON of one message of TRAIL: a look at an order that made no
// event. Amounts are decimal strings in major units.
type Look struct {
	At             time.Time             `json:"at"`
	Flow           events.Flow           `json:"flow"`
	Merchant       string                `json:"merchant"`
	OrderID        string                `json:"orderId"`
	Via            events.Via            `json:"via"`            // callback, or sweep
	Tier           string                `json:"tier,omitempty"` // of the sweep
	Verdict        string                `json:"verdict"`        // retry, ignore, or none when nothing could be decided
	Reason         reconcile.Reason      `json:"reason,omitempty"`
	Attempt        int                   `json:"attempt"` // conclusive looks before this one
	Fingerprint    string                `json:"fingerprint,omitempty"`
	ReceivedAt     time.Time             `json:"receivedAt"` // of the callback; in the sweep, when the order was due
	StreamSequence uint64                `json:"streamSequence,omitzero"`
	Deliveries     uint64                `json:"deliveries"`
	Query          *events.QueryEvidence `json:"query,omitempty"`
	Error          string                `json:"error,omitempty"`
}

// Record implements reconcile.Trail.
func (t *TrailLog) Record(l reconcile.Look) {
	d := l.Delivery
	look := Look{
		At: l.At.UTC(), Flow: d.Order.Flow, Merchant: d.Order.Merchant, OrderID: d.Order.OrderID,
		Verdict: l.Decision.Verdict.String(), Reason: l.Decision.Reason, Attempt: l.Attempts,
		Via: d.Stage.Via(), Tier: d.Tier, ReceivedAt: d.ReceivedAt.UTC(),
		StreamSequence: d.StreamSequence, Deliveries: d.Deliveries, Query: l.Query(),
	}
	if d.Stage == reconcile.StageCallback {
		look.Fingerprint = d.Callback.Fingerprint()
	}
	if l.Err != nil {
		look.Error = oneLine(l.Err.Error())
	}
	body, err := json.Marshal(look)
	if err == nil {
		err = t.nc.Publish(events.TrailSubject(string(d.Order.Flow), d.Order.Merchant, d.Order.OrderID), body)
	}
	if err != nil {
		t.failed(err)
	}
}
