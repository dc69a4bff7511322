package reconcile

import (
	"context"
	"errors"
	"time"
)

// Config are the processor's bounds.
type Config struct {
	Installation string
	// Lease is how long a claim holds, and the bound on one delivery's work.
	// It ends before the message is redelivered (ack wait).
	Lease time.Duration
	// Attempts is the budget of conclusive looks at one piece of work.
	Attempts int
	// RetryMin and RetryMax bound the growing delay between looks.
	RetryMin, RetryMax time.Duration
	// ParkAfter is the age at which a callback that still can't be decided
	// because of outages goes to PARKED.
	ParkAfter time.Duration
}

// Processor takes one callback through its steps. Every step can fail
// unapplied, fail applied, or be cut by a crash; the next delivery finishes the
// work.
type Processor struct {
	cfg       Config
	claims    Claims
	gateway   Gateway
	ledger    Ledger
	orders    Orders
	callbacks Callbacks
	trail     Trail
	clock     func() time.Time
	random    Random
}

// Ports are what a processor works with.
type Ports struct {
	Claims    Claims
	Gateway   Gateway
	Ledger    Ledger
	Orders    Orders
	Callbacks Callbacks // which the sweep looks through
	Trail     Trail
}

// Random is the source of claim tokens and jitter, seeded by the caller.
type Random interface {
	Token() string    // unique per call
	Float64() float64 // in [0,1)
}

// NewProcessor wires a processor. clock and random make tests exact.
func NewProcessor(cfg Config, ports Ports, clock func() time.Time, random Random) *Processor {
	return &Processor{
		cfg: cfg, claims: ports.Claims, gateway: ports.Gateway, ledger: ports.Ledger, orders: ports.Orders,
		callbacks: ports.Callbacks, trail: ports.Trail, clock: clock, random: random,
	}
}

// Process works on one delivery: claim, look, emit, mark done. The order of
// the steps is the guarantee: nothing is marked before it is stored, nothing
// is acknowledged before it is marked.
func (p *Processor) Process(ctx context.Context, d Delivery) Result {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Lease)
	defer cancel()

	w := &work{Processor: p, d: d, key: d.ClaimKey(), token: p.random.Token()}
	if !w.claim(ctx) {
		return w.res
	}
	err := w.lookAndTell(ctx)
	w.finish(ctx, err)
	return w.res
}

// work is the state of one delivery on its way through the steps.
type work struct {
	*Processor
	d          Delivery
	last       *Entry // in the sweep: the ledger's last event before the look
	due        Due    // in the sweep
	key, token string
	attempts   Attempts
	res        Result
}

// claim reports whether there is work to do.
func (w *work) claim(ctx context.Context) bool {
	c := w.claims.Claim(ctx, w.key, w.token, w.cfg.Lease)
	w.attempts = c.Attempts
	w.res.Claim, w.res.Attempts = c.State, c.Attempts.Total()
	switch c.State {
	case ClaimHeld:
		w.redeliver("held", w.heldDelay())
		return false
	case ClaimDone:
		return !w.alreadyTold(ctx, c.Sequence)
	default:
		return true
	}
}

// alreadyTold trusts a done mark only while its event is the order's last: once
// another outcome took its place, the same push again says that a state came
// back. A mark from before a backup was restored names no last event either.
func (w *work) alreadyTold(ctx context.Context, sequence uint64) bool {
	last, err := w.ledger.Last(ctx, w.d.Order.Merchant, w.d.Order.OrderID)
	switch {
	case err != nil:
		w.fail(err)
		return true
	case sequence > 0 && last.sequence() == sequence: // 0 would be no event: not ours
		w.res.Disposition, w.res.Cause, w.res.Sequence = Acknowledge, "done", sequence
		return true
	default:
		w.claims.Forget(ctx, w.key)
		w.res.Claim = ClaimUnguarded // a query more, never an event more
		return false
	}
}

// finish maps what came of the look to the claim and the disposition.
func (w *work) finish(ctx context.Context, err error) {
	// The work's own deadline may be over; giving the claim back still counts.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()

	if err != nil {
		w.claims.Release(ctx, w.key, w.token, w.spent(err))
		w.fail(err)
		if !NotAsked(err) { // waiting for its turn, it was not looked at
			w.record(err)
		}
		return
	}
	switch d := w.res.Decision; d.Verdict {
	case Retry:
		w.claims.Release(ctx, w.key, w.token, d.Reason)
		w.redeliver("undecided", w.backoff(w.res.Attempts))
		w.record(nil)
		return
	case Ignore:
		w.record(nil)
	}
	if w.res.Decision.Agreed && w.res.Sequence > 0 {
		w.claims.Done(ctx, w.key, w.res.Sequence)
	} else {
		w.claims.Release(ctx, w.key, w.token, "")
	}
	w.res.Disposition = Acknowledge
}

// finishTimeout bounds marking done or giving a claim back.
const finishTimeout = 2 * time.Second

// fail maps an error to redelivery, or to parking once the callback is too old
// or no redelivery can help.
func (w *work) fail(err error) {
	w.res.Err = err
	if cutOff(err) { // somebody else goes on
		w.redeliver("cut_off", w.backoff(0))
		return
	}
	if w.d.Stage != StageCallback {
		w.failSweep(err)
		return
	}
	cause, after := "ledger", time.Duration(0)
	var unavailable *Unavailable
	var unfit *unfitError
	switch {
	case errors.As(err, &unfit):
		w.res.Disposition, w.res.Cause = Park, "unfit"
		return
	case errors.As(err, &unavailable) && unavailable.NotAsked:
		// It waits for its turn: that is no failure of its own, so the delay
		// does not grow and its age does not count.
		w.redeliver("unavailable", max(unavailable.After, w.backoff(0)))
		return
	case errors.As(err, &unavailable):
		cause, after = "unavailable", unavailable.After
	}
	if w.givenUp() {
		w.res.Disposition, w.res.Cause = Park, "expired"
		return
	}
	w.redeliver(cause, max(after, w.backoffByDelivery()))
}

// cutOff: this process ends in the middle of its work. That says nothing about
// the gateway or the ledger.
func cutOff(err error) bool { return errors.Is(err, context.Canceled) }

// givenUp: the callback is old, and was tried often enough. One that lay in the
// stream while no worker ran is old at its first try.
func (w *work) givenUp() bool {
	return w.clock().Sub(w.d.ReceivedAt) > w.cfg.ParkAfter && w.d.Deliveries >= uint64(w.cfg.Attempts)
}

func (w *work) redeliver(cause string, after time.Duration) {
	w.res.Disposition, w.res.Cause, w.res.After = Redeliver, cause, after
}

func (w *work) record(err error) {
	w.trail.Record(Look{
		Delivery: w.d, At: w.clock(), Answer: w.res.Answer, Decision: w.res.Decision, Err: err, Attempts: w.res.Attempts,
	})
}

// backoff doubles from RetryMin to RetryMax; the jitter of a fifth up or down
// keeps callbacks that failed together from coming back together.
func (w *work) backoff(n int) time.Duration {
	d := w.cfg.RetryMax
	if n < 30 {
		d = min(d, w.cfg.RetryMin<<max(n, 0))
	}
	return time.Duration(float64(d) * (0.8 + 0.4*w.random.Float64()))
}

// backoffByDelivery grows with every delivery, for what counts no attempt.
func (w *work) backoffByDelivery() time.Duration { return w.backoff(int(min(w.d.Deliveries, 64)) - 1) }

// heldDelay is short: whoever holds the claim is usually done in milliseconds.
func (w *work) heldDelay() time.Duration {
	return time.Duration(float64(w.cfg.RetryMin) * (0.5 + 0.5*w.random.Float64()))
}
