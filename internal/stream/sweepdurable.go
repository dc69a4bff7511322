package stream

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/sweep"
)

// sweepAckPending is how many messages of a tier wait for their turn at the
// server's. They come back in due order, so a few are enough.
const sweepAckPending = 64

// SweepDurable is the durable of one merchant in one tier of the sweep. As with
// callbacks each merchant has its own, or one whose gateway is down would hold
// up the others.
type SweepDurable struct {
	Stream string
	Config jetstream.ConsumerConfig
}

// Sweeper declares the durable of a merchant in a tier: over its registrations,
// or over its outcomes, but for reversals, for the look-back.
func Sweeper(merchant string, tier sweep.Tier, ackWait time.Duration) SweepDurable {
	d := SweepDurable{Stream: Orders, Config: jetstream.ConsumerConfig{
		Durable:       "sweep-" + tier.Name + "-" + merchant,
		FilterSubject: "orders.v1.submitted.*." + merchant + ".*",
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		MaxAckPending: sweepAckPending,
	}}
	if tier.Stage == reconcile.StageLookBack {
		d.Stream = Payments
		d.Config.Durable = tier.Name + "-" + merchant
		d.Config.FilterSubject = ""
		d.Config.FilterSubjects = []string{
			"payments.v1.settled.*." + merchant + ".*", // may be reversed
			"payments.v1.failed.*." + merchant + ".*",  // may be paid after all
			"payments.v1.expired.*." + merchant + ".*",
		}
	}
	return d
}
