package config

import (
	"strconv"
	"time"
)

// Topology is what differs between installations in the declared streams and
// consumers. The receiver and the worker read it too: they refuse to run on
// streams that differ from it where a guarantee hangs on it.
type Topology struct {
	// Copies of every stream: 3 (or 5) in a cluster, 1 on a single server.
	Replicas int `env:"STREAM_REPLICAS" envDefault:"3"`
	// How often receiver and worker check that the streams still hold what is
	// guaranteed.
	CheckInterval time.Duration `env:"TOPOLOGY_CHECK_INTERVAL" envDefault:"1m"`

	// Disk reserved for CALLBACKS on each replica. When it is full, callbacks
	// are answered 503 and pushed again.
	CallbacksMaxBytes Bytes `env:"CALLBACKS_MAX_BYTES" envDefault:"1GiB"`
	// How long a callback is kept in CALLBACKS.
	CallbacksMaxAge time.Duration `env:"CALLBACKS_MAX_AGE" envDefault:"45d"`
	// Disk reserved for PAYMENTS, the ledger, on each replica.
	PaymentsMaxBytes Bytes `env:"PAYMENTS_MAX_BYTES" envDefault:"1GiB"`
	// How long an event is kept in PAYMENTS, a submitted order in ORDERS, and a
	// balance in BALANCES.
	// Must exceed QUARANTINE_MAX_AGE + CALLBACKS_MAX_AGE + PARKED_MAX_AGE +
	// CALLBACKS_MAX_AGE, the longest way a callback can take to be replayed:
	// replayed after its event is gone, it would settle a second time.
	PaymentsMaxAge time.Duration `env:"PAYMENTS_MAX_AGE" envDefault:"400d"`
	// Disk reserved for ORDERS on each replica.
	OrdersMaxBytes Bytes `env:"ORDERS_MAX_BYTES" envDefault:"512MiB"`
	// Disk reserved for TRAIL on each replica; the oldest gives way.
	TrailMaxBytes Bytes `env:"TRAIL_MAX_BYTES" envDefault:"256MiB"`
	// How long a look that made no event is kept in TRAIL.
	TrailMaxAge time.Duration `env:"TRAIL_MAX_AGE" envDefault:"45d"`
	// Disk reserved for PARKED on each replica.
	ParkedMaxBytes Bytes `env:"PARKED_MAX_BYTES" envDefault:"256MiB"`
	// How long a callback that was given up on is kept in PARKED, to be
	// redriven.
	ParkedMaxAge time.Duration `env:"PARKED_MAX_AGE" envDefault:"90d"`
	// Disk reserved for QUARANTINE on each replica; the oldest gives way.
	QuarantineMaxBytes Bytes `env:"QUARANTINE_MAX_BYTES" envDefault:"512MiB"`
	// How long a refused callback is kept in QUARANTINE, to be replayed once
	// its key is mended.
	QuarantineMaxAge time.Duration `env:"QUARANTINE_MAX_AGE" envDefault:"45d"`
	// Most refused callbacks kept of one class, flow and merchant; the oldest
	// give way. Keep it well above what QUARANTINE_SIGNATURE_RATE and
	// QUARANTINE_STRANGER_RATE let through until a wrong key is mended.
	QuarantineMaxPerSubject int `env:"QUARANTINE_MAX_PER_SUBJECT" envDefault:"200000"`
	// Disk reserved for BALANCES on each replica: some 600 bytes a merchant and
	// day. It is kept as long as PAYMENTS.
	BalancesMaxBytes Bytes `env:"BALANCES_MAX_BYTES" envDefault:"64MiB"`
	// Disk reserved for CLOSINGS on each replica: some 2 KiB for each period that
	// a merchant's books are closed for. It is kept for ever.
	ClosingsMaxBytes Bytes `env:"CLOSINGS_MAX_BYTES" envDefault:"32MiB"`

	// How long a worker may hold a callback before it is delivered again. Must
	// not be shorter than CLAIM_LEASE.
	AckWait time.Duration `env:"ACK_WAIT" envDefault:"30s"`
}

// LongestReplay is the longest a callback can lie in the streams before it is
// decided for the last time: refused at its last moment in CALLBACKS' place
// (QUARANTINE), replayed, given up on (PARKED), and redriven.
func (t *Topology) LongestReplay() time.Duration {
	return t.QuarantineMaxAge + t.CallbacksMaxAge + t.ParkedMaxAge + t.CallbacksMaxAge
}

// Bounds of one stream's settings. The lower ones leave room for the window
// of duplicates and a full message; the upper age keeps sums far from
// overflow.
const (
	lowestAge   = time.Hour
	highestAge  = 20 * 365 * day
	lowestBytes = Bytes(1 << 20)
)

func (t *Topology) check(fs *faults) {
	if t.Replicas != 1 && t.Replicas != 3 && t.Replicas != 5 {
		fs.add(named("STREAM_REPLICAS", strconv.Itoa(t.Replicas)), "must be 1, 3 or 5: an even number survives no more failures than the odd one below it")
	}
	positive(fs, "TOPOLOGY_CHECK_INTERVAL", t.CheckInterval)
	positive(fs, "ACK_WAIT", t.AckWait)
	fromOne(fs, "QUARANTINE_MAX_PER_SUBJECT", t.QuarantineMaxPerSubject, 10_000_000)
	t.checkBytes(fs)
	if t.checkAges(fs) && t.PaymentsMaxAge <= t.LongestReplay() {
		fs.add(named("PAYMENTS_MAX_AGE", formatDuration(t.PaymentsMaxAge)),
			"must exceed %s: QUARANTINE_MAX_AGE (%s) + CALLBACKS_MAX_AGE (%[4]s) + PARKED_MAX_AGE (%[3]s) + CALLBACKS_MAX_AGE (%[4]s), "+
				"or a callback replayed after its event is gone would settle twice; raise it or shorten the others",
			formatDuration(t.LongestReplay()), formatDuration(t.QuarantineMaxAge), formatDuration(t.ParkedMaxAge), formatDuration(t.CallbacksMaxAge))
	}
}

func (t *Topology) checkBytes(fs *faults) {
	for _, size := range []struct {
		name  string
		bytes Bytes
	}{
		{"CALLBACKS_MAX_BYTES", t.CallbacksMaxBytes},
		{"PAYMENTS_MAX_BYTES", t.PaymentsMaxBytes},
		{"ORDERS_MAX_BYTES", t.OrdersMaxBytes},
		{"TRAIL_MAX_BYTES", t.TrailMaxBytes},
		{"PARKED_MAX_BYTES", t.ParkedMaxBytes},
		{"QUARANTINE_MAX_BYTES", t.QuarantineMaxBytes},
		{"BALANCES_MAX_BYTES", t.BalancesMaxBytes},
		{"CLOSINGS_MAX_BYTES", t.ClosingsMaxBytes},
	} {
		if size.bytes < lowestBytes {
			fs.add(named(size.name, size.bytes.String()), "must be at least %s", lowestBytes)
		}
	}
}

func (t *Topology) checkAges(fs *faults) bool {
	ok := true
	for _, age := range []struct {
		name string
		age  time.Duration
	}{
		{"CALLBACKS_MAX_AGE", t.CallbacksMaxAge},
		{"PAYMENTS_MAX_AGE", t.PaymentsMaxAge},
		{"TRAIL_MAX_AGE", t.TrailMaxAge},
		{"PARKED_MAX_AGE", t.ParkedMaxAge},
		{"QUARANTINE_MAX_AGE", t.QuarantineMaxAge},
	} {
		if age.age < lowestAge || age.age > highestAge {
			fs.add(named(age.name, formatDuration(age.age)), "must be from %s to %s", formatDuration(lowestAge), formatDuration(highestAge))
			ok = false
		}
	}
	return ok
}
