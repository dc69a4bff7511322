package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// Delivery is one piece of work: a callback as the worker got it from the
// CALLBACKS stream, or an order whose turn in the sweep has come ([Due]).
type Delivery struct {
	Merchant       Merchant
	Order          events.Order
	Stage          Stage
	Callback       callback.Callback // with StageCallback
	ReceivedAt     time.Time         // when the receiver took it, or the order was due
	StreamSequence uint64            // of the callback in CALLBACKS; 0 in the sweep
	Deliveries     uint64            // 1 for the first
	Tier           string            // of the sweep; empty for a callback
}

// ClaimKey is one piece of work: an order, on its flow, with what the callback
// says, or with the tier of the sweep. Repeats of a push share it; a push that
// says something else does not.
func (d Delivery) ClaimKey() string {
	if d.Stage != StageCallback {
		return "sweep/" + d.Tier + "/" + string(d.Order.Flow) + "/" + d.Order.Merchant + "/" + d.Order.OrderID
	}
	return d.Callback.MessageID(string(d.Order.Flow), d.Order.Merchant)
}

// ClaimState is what a claim found.
type ClaimState uint8

// The states of a claim.
const (
	// ClaimUnguarded: the store did not answer; go on without a claim. The
	// ledger's guard keeps what the claim would have saved a query for.
	ClaimUnguarded ClaimState = iota
	// ClaimOwned: the work is ours until the lease ends.
	ClaimOwned
	// ClaimHeld: another delivery works on it now.
	ClaimHeld
	// ClaimDone: the work was done; Claim.Sequence says which event tells it.
	ClaimDone
)

// Claim is the answer of [Claims.Claim].
type Claim struct {
	State    ClaimState
	Sequence uint64   // with ClaimDone: the event's sequence in PAYMENTS
	Attempts Attempts // conclusive looks spent on this key so far
}

// Claims saves order queries for repeated pushes. It is an optimisation: a
// store that forgets everything costs queries, never an event. Implementations
// pass the conformance suite in internal/dedupe/dedupetest.
type Claims interface {
	// Claim takes key for lease unless it is held or done. The token names
	// this delivery: only it can release the claim. Claim never fails; a store
	// that can't answer gives ClaimUnguarded.
	Claim(ctx context.Context, key, token string, lease time.Duration) Claim
	// Done marks key done with the event's sequence in PAYMENTS. It is called
	// only after that event is stored. It overwrites a claim whoever holds it:
	// done is a fact of the ledger.
	Done(ctx context.Context, key string, sequence uint64)
	// Release gives the claim up if token still holds it, so that the next
	// delivery need not wait for the lease to end. With a reason in spent, one
	// more conclusive look is counted on the key for it.
	Release(ctx context.Context, key, token string, spent Reason)
	// Forget removes a done mark that the ledger contradicts.
	Forget(ctx context.Context, key string)
}

// Gateway asks a merchant's gateway about an order.
type Gateway interface {
	// Query asks the order API once, within the merchant's rate. An order the
	// gateway does not know is an Answer that is not Found. Every error is an
	// [*Unavailable]: the gateway said nothing about the order, and nothing
	// may be concluded.
	Query(ctx context.Context, orderID string) (Answer, error)
}

// Unavailable says that the gateway could not be asked, or did not answer the
// question. It spends no attempt.
type Unavailable struct {
	Cause string        // short, stable, for metrics: [CauseRate], "breaker_open", "transport", …
	After time.Duration // when it is worth asking again; 0 = unknown
	// NotAsked says that it is on our side: the rate, or a gateway that is left
	// alone. The callback has not had its turn yet.
	NotAsked bool
	Err      error
}

// CauseRate is the [Unavailable] cause of a question that waits for its turn in
// the query rate: it says nothing about the gateway.
const CauseRate = "rate"

func (e *Unavailable) Error() string {
	if e.Err == nil {
		return "order query unavailable: " + e.Cause
	}
	return "order query unavailable: " + e.Cause + ": " + e.Err.Error()
}

func (e *Unavailable) Unwrap() error { return e.Err }

// NotAsked reports whether an error says that the gateway was not asked, for
// reasons on our side.
func NotAsked(err error) bool {
	var u *Unavailable
	return errors.As(err, &u) && u.NotAsked
}

// Errors of [Ledger.Append].
var (
	// ErrConflict: the order's last event is not the expected one.
	ErrConflict = errors.New("the order's last event is another one")
	// ErrExists: the event's own subject is taken: this very event, or review
	// case, was told before.
	ErrExists = errors.New("the event was told before")
)

// Ledger is the PAYMENTS stream: what downstream was told. Reads come from the
// stream's leader, so that they see every stored event.
type Ledger interface {
	// Last returns the order's last outcome event over all flows, nil if there
	// is none. Reviews are no outcomes.
	Last(ctx context.Context, merchant, orderID string) (*Entry, error)
	// Append stores an event if the order's last outcome still has the
	// sequence expected (0: there is none), atomically in the server, and
	// returns the event's sequence once it is stored durably. ErrConflict and
	// ErrExists are definite: nothing was stored. After any other error the
	// event may or may not be stored.
	Append(ctx context.Context, e events.Event, expected uint64) (uint64, error)
	// OpenReviews returns the order's reviews that no resolution closes,
	// oldest first.
	OpenReviews(ctx context.Context, merchant, orderID string) ([]Entry, error)
}

// Orders knows the submitted orders.
type Orders interface {
	// Submitted returns the order as it was announced, on either flow, nil if
	// it was not or was withdrawn.
	Submitted(ctx context.Context, merchant, orderID string) (*Submitted, error)
}

// Callbacks is the CALLBACKS stream: what the gateway has pushed.
type Callbacks interface {
	// Newest returns the newest callback about an order on its flow, among those
	// stored since that count, nil if there is none. It sees every callback that
	// the stream's leader had when it was called.
	Newest(ctx context.Context, order events.Order, since time.Time, counts func(callback.Callback) bool) (*Heard, error)
}

// Heard is a callback that the gateway pushed.
type Heard struct {
	Callback       callback.Callback
	ReceivedAt     time.Time
	StreamSequence uint64 // in CALLBACKS: its place in the order of arrival
}

// Trail keeps the looks that made no event. It is best effort and never
// blocks: evidence for support, not for decisions.
type Trail interface {
	Record(l Look)
}

// Look is one look at an order: what was asked, answered and decided.
type Look struct {
	Delivery Delivery
	At       time.Time
	Answer   *Answer // nil: the gateway was not asked or did not answer
	Decision Decision
	Err      error
	Attempts int
}

func (s ClaimState) String() string {
	switch s {
	case ClaimOwned:
		return "owned"
	case ClaimHeld:
		return "held"
	case ClaimDone:
		return "done"
	default:
		return "unguarded"
	}
}
