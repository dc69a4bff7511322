package cases

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// QuarantineStore is QUARANTINE; see [stream.QuarantineStore].
type QuarantineStore interface {
	List(ctx context.Context, f stream.QuarantineFilter, before func(total uint64), each func(stream.Quarantined) error) error
	Get(ctx context.Context, sequence uint64) (stream.Quarantined, error)
	Accept(ctx context.Context, a stream.Accepted) (stream.Receipt, error)
	Delete(ctx context.Context, sequence uint64) error
}

// QuarantineQuery is which refused callbacks a person means.
type QuarantineQuery struct {
	stream.QuarantineFilter
	Reason  string // of the refusal
	OrderID string // that the body speaks of; nothing vouches for it
}

func (q QuarantineQuery) matches(m stream.Quarantined) bool {
	return (q.Reason == "" || q.Reason == m.Reason) && (q.OrderID == "" || q.OrderID == m.OrderID())
}

// Reasons why a body stays that are none of package sign's. The receiver names
// them alike.
const (
	whyFlow      = "unknown-flow"
	whyMerchant  = "unknown-merchant"
	whySource    = "source-not-allowed"
	whyMediaType = "unsupported-media-type"
)

// Judge verifies refused callbacks again, with the merchants as they are
// configured now.
type Judge struct{ merchants *config.Merchants }

// NewJudge returns a judge.
func NewJudge(merchants *config.Merchants) Judge { return Judge{merchants} }

// Verify holds a refused callback to what the receiver holds every callback to.
// why is empty where it would be accepted now, else the named reason.
func (j Judge) Verify(m stream.Quarantined) (a stream.Accepted, why string) {
	flow, merchant := m.Flow, m.Merchant
	if flow == stream.Unknown || merchant == stream.Unknown {
		flow, merchant, _ = callback.Address(m.Path)
	}
	f, err := events.ParseFlow(flow)
	if err != nil {
		return a, whyFlow
	}
	configured, found := j.merchants.Get(merchant)
	if !found {
		return a, whyMerchant
	}
	source, _ := netip.ParseAddr(m.Source)
	if allowed := configured.AllowFrom; len(allowed) > 0 && !allowed.Contains(source) {
		return a, whySource
	}
	signed, err := callback.Verify(m.ContentType, m.Body, configured.Keyring, configured.Policy)
	if err != nil {
		return a, whyOf(err)
	}
	return stream.Accepted{
		Flow: f, Merchant: configured.ID, Callback: signed.Callback, Body: m.Body, ContentType: m.ContentType,
		ReceivedAt: m.ReceivedAt, KeyID: signed.Verified.KeyID, Dialects: signed.Verified.Dialects, Source: m.Source,
	}, ""
}

func whyOf(err error) string {
	var malformed *sign.MalformedError
	var signature *sign.SignatureError
	switch {
	case errors.As(err, &signature):
		return string(signature.Reason)
	case errors.As(err, &malformed):
		return string(malformed.Reason)
	case errors.Is(err, sign.ErrUnsupportedMediaType):
		return whyMediaType
	default:
		return string(sign.ReasonWrongType)
	}
}

// Quarantine deals with refused callbacks.
type Quarantine struct {
	store QuarantineStore
	judge Judge
	// stuck are orders of which a callback could not be stored: those that came
	// after it wait, so that each order's callbacks keep their order.
	stuck map[events.Order]struct{}
}

// NewQuarantine returns what deals with the callbacks of a store. A judge is
// needed to redrive.
func NewQuarantine(store QuarantineStore, judge Judge) *Quarantine {
	return &Quarantine{store: store, judge: judge, stuck: map[events.Order]struct{}{}}
}

// List calls each for every callback that is meant, oldest first;
// [stream.ErrStop] ends it.
func (q *Quarantine) List(ctx context.Context, which QuarantineQuery, each func(stream.Quarantined) error) error {
	return q.store.List(ctx, which.QuarantineFilter, nil, func(m stream.Quarantined) error {
		if !which.matches(m) {
			return nil
		}
		return each(m)
	})
}

// Get returns one callback, or [stream.ErrGone].
func (q *Quarantine) Get(ctx context.Context, sequence uint64) (stream.Quarantined, error) {
	return q.store.Get(ctx, sequence)
}

// Plan says what Redrive would do, and does nothing.
func (q *Quarantine) Plan(_ context.Context, m stream.Quarantined) Result {
	a, why := q.judge.Verify(m)
	if why != "" {
		return q.result(m, Result{Verdict: Stays, Why: why})
	}
	return q.result(m, Result{Merchant: a.Merchant, Verdict: Redrivable})
}

var errStuck = errors.New("an earlier callback of its order could not be redriven")

// Redrive puts a callback that verifies now into CALLBACKS, and takes it out of
// QUARANTINE once it is stored there. One that does not verify stays. Cut off
// anywhere, doing it again finishes the work.
func (q *Quarantine) Redrive(ctx context.Context, m stream.Quarantined) Result {
	a, why := q.judge.Verify(m)
	if why != "" {
		return q.result(m, Result{Verdict: Stays, Why: why})
	}
	order := events.Order{Flow: a.Flow, Merchant: a.Merchant, OrderID: a.Callback.OrderID}
	if _, stuck := q.stuck[order]; stuck {
		return q.result(m, Result{Merchant: a.Merchant, Verdict: Failed, Err: errStuck})
	}
	if _, err := q.store.Accept(ctx, a); err != nil {
		q.stuck[order] = struct{}{}
		return q.result(m, Result{Merchant: a.Merchant, Verdict: Failed, Err: full(err)})
	}
	if err := q.store.Delete(ctx, m.Sequence); err != nil {
		err = fmt.Errorf("it is in %s, but still in %s, too: %w", stream.Callbacks, stream.Quarantine, err)
		return q.result(m, Result{Merchant: a.Merchant, Verdict: Failed, Err: err})
	}
	return q.result(m, Result{Merchant: a.Merchant, Verdict: Redriven})
}

func (q *Quarantine) result(m stream.Quarantined, r Result) Result {
	r.Sequence, r.Reason = m.Sequence, m.Reason
	if r.Merchant == "" {
		r.Merchant = m.Merchant
	}
	return r
}

// All does something to every callback that is meant, in the order in which they
// came. A callback that fails is counted, and the rest goes on; the error is of
// the operation as a whole.
func (q *Quarantine) All(ctx context.Context, which QuarantineQuery, act func(context.Context, stream.Quarantined) Result, w Watch) (Tally, error) {
	return all(ctx, w, func(each func(stream.Quarantined) error) error {
		return q.store.List(ctx, which.QuarantineFilter, w.Total, each)
	}, which.matches, act)
}

// Some does something to the callbacks of these sequences, in this order.
func (q *Quarantine) Some(ctx context.Context, sequences []uint64, act func(context.Context, stream.Quarantined) Result, w Watch) (Tally, error) {
	return some(ctx, w, sequences, q.store.Get, act)
}
