package stream

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
)

// Names of the streams. They are a contract.
const (
	Callbacks  = "CALLBACKS"
	Payments   = "PAYMENTS"
	Orders     = "ORDERS"
	Trail      = "TRAIL"
	Parked     = "PARKED"
	Quarantine = "QUARANTINE"
	Balances   = "BALANCES"
	Closings   = "CLOSINGS"
)

// Names returns all streams.
func Names() []string {
	return []string{Callbacks, Payments, Orders, Trail, Parked, Quarantine, Balances, Closings}
}

// CallbacksDuplicates is the window in which CALLBACKS drops a push that
// repeats another (Nats-Msg-Id).
const CallbacksDuplicates = 2 * time.Minute

// parkedDuplicates outlasts every retry of parking one message.
const parkedDuplicates = time.Hour

// Declare returns the streams of an installation. It is the only place that
// says how they are made; what may differ between installations is in t.
func Declare(t config.Topology) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name: Callbacks, Description: "callbacks as received; answered success once they are here",
			Subjects: []string{"callbacks.v1.*.*.*"},
			MaxAge:   t.CallbacksMaxAge, MaxBytes: int64(t.CallbacksMaxBytes),
			Discard: jetstream.DiscardNew, // a full stream refuses: the gateway pushes again
			// Callbacks are purged below the lowest ack floor when the stream
			// runs full, so purging stays allowed here, and only here.
			Duplicates: CallbacksDuplicates,
		},
		{
			Name: Payments, Description: "the ledger: what downstream was told",
			Subjects: []string{"payments.v1.>"},
			MaxAge:   t.PaymentsMaxAge, MaxBytes: int64(t.PaymentsMaxBytes),
			Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,
			DenyDelete: true, DenyPurge: true,
		},
		{
			Name: Orders, Description: "submitted orders",
			Subjects: []string{"orders.v1.submitted.*.*.*", "orders.v1.repeated.*.*.*", "orders.v1.withdrawn.*.*.*"},
			MaxAge:   t.PaymentsMaxAge, MaxBytes: int64(t.OrdersMaxBytes),
			Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,
			DenyDelete: true, DenyPurge: true,
		},
		{
			Name: Trail, Description: "looks that made no event",
			Subjects: []string{"trail.v1.*.*.*"},
			MaxAge:   t.TrailMaxAge, MaxBytes: int64(t.TrailMaxBytes),
			Discard: jetstream.DiscardOld,
		},
		{
			Name: Parked, Description: "callbacks given up on; redrive them",
			Subjects: []string{"parked.v1.*.*"},
			MaxAge:   t.ParkedMaxAge, MaxBytes: int64(t.ParkedMaxBytes),
			Discard: jetstream.DiscardNew, Duplicates: parkedDuplicates,
		},
		{
			Name: Quarantine, Description: "refused callbacks; replay them once the key is mended",
			Subjects: []string{"quarantine.v1.*.*.*"},
			MaxAge:   t.QuarantineMaxAge, MaxBytes: int64(t.QuarantineMaxBytes),
			Discard: jetstream.DiscardOld, MaxMsgsPerSubject: int64(t.QuarantineMaxPerSubject),
		},
		{
			Name: Balances, Description: "balances at the gateways, at each merchant's midnight",
			Subjects: []string{"balances.v1.*"},
			MaxAge:   t.PaymentsMaxAge, MaxBytes: int64(t.BalancesMaxBytes),
			Discard: jetstream.DiscardNew, DenyDelete: true, DenyPurge: true,
		},
		{
			// Kept for ever: what is closed stays closed.
			Name: Closings, Description: "closed booking periods",
			Subjects: []string{"closings.v1.*.*"}, MaxBytes: int64(t.ClosingsMaxBytes),
			Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,
			DenyDelete: true, DenyPurge: true,
		},
	}
}

// mostConsumers is no bound, but has to be said: nats-server 2.15.2 takes -1 for
// its default of 1,000 a stream, which the sweep's durables of 200 merchants would
// use up.
const mostConsumers = 1 << 20

// complete fills in what all streams share, and the server's defaults, so that
// a declared configuration can be compared with a real one.
func complete(c jetstream.StreamConfig, replicas int) jetstream.StreamConfig {
	c.Retention = jetstream.LimitsPolicy
	c.Storage = jetstream.FileStorage
	// Not s2: nats-server 2.15.2 with sync_interval always cuts a replica's last
	// block back when it starts again, and then may compress it while it is written
	// to. What is written behind that can't be read any more, the copy stops
	// following, and consumers that this server leads deliver nothing of it.
	c.Compression = jetstream.NoCompression
	c.Replicas = replicas
	c.MaxConsumers = mostConsumers
	c.MaxMsgs, c.MaxMsgSize = -1, -1
	if c.MaxMsgsPerSubject == 0 {
		c.MaxMsgsPerSubject = -1
	}
	if c.Duplicates == 0 {
		c.Duplicates = CallbacksDuplicates // the server's default, unused where no id is sent
	}
	return c
}

// ReconcilerName is the durable consumer of one merchant's callbacks.
func ReconcilerName(merchant string) string { return reconcilerPrefix + merchant }

const reconcilerPrefix = "reconciler-"

// Reconciler declares a merchant's durable. One merchant's trouble fills its
// own MaxAckPending and nobody else's: a callback put back with a delay counts
// against it until it returns.
func Reconciler(merchant string, perSecond float64, ackWait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       ReconcilerName(merchant),
		FilterSubject: "callbacks.v1.*." + merchant + ".*",
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		MaxAckPending: max(leastAckPending, int(perSecond*ackWait.Seconds()/2)),
	}
}

// leastAckPending leaves room for callbacks that wait to be looked at again.
const leastAckPending = 64
