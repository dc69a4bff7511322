package simulation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/pkg/events"
)

// variant is a settlehook that is broken in one way: something lies between the
// processor and what it leans on, as if a protection were not there.
type variant struct {
	noTiers    bool // registrations have no turns
	noLookBack bool // nor have outcomes
	ackFirst   bool // acknowledged before it is worked on
	ports      func(*play, reconciletest.Ports) reconciletest.Ports
	tier       func(sweep.Tier) sweep.Tier
}

// enough histories for every mutation to be seen.
const enough = 4000

// TestMutations are the tests of the tests: each invariant is seen to fail where
// what keeps it is taken away.
func TestMutations(t *testing.T) {
	t.Parallel()
	covered := map[invariant]bool{}
	for _, tt := range []struct {
		name    string
		bent    variant
		breaks  invariant
		mention string
	}{
		{"no guard on the order's last outcome", ledgerOf(func(l reconcile.Ledger) reconcile.Ledger { return unguarded{Ledger: l} }), supersedes, ""},
		{"nor on the event's own subject", ledgerOf(func(l reconcile.Ledger) reconcile.Ledger { return unguarded{l, true} }), toldOnce, ""},
		{"no read-back of the last outcome", ledgerOf(func(l reconcile.Ledger) reconcile.Ledger { return forgetful{l} }), nothingLost, "never ends"},
		{"done before it is told", portsOf(func(p reconciletest.Ports) reconciletest.Ports { p.Store = hasty{p.Store, p.Ledger}; return p }), nothingLost, "nothing is told of it"},
		{"acknowledged before it is worked on", variant{ackFirst: true}, nothingLost, ""},
		{"no sweep", variant{noTiers: true}, nothingLost, "registered"},
		{"open taken for paid", gatewayOf(func(a reconcile.Answer, err error) (reconcile.Answer, error) {
			if a.Found && a.Status == callback.Submitted {
				a.Status, a.Amount = callback.Success, known["1000"]
			}
			return a, err
		}), gatewayPaid, ""},
		{"the order's amount taken for the paid one", gatewayOf(func(a reconcile.Answer, err error) (reconcile.Answer, error) {
			if a.Status == callback.Success {
				a.Amount = known["1000"]
			}
			return a, err
		}), gatewayAmount, ""},
		{"no three-way match", portsOf(func(p reconciletest.Ports) reconciletest.Ports { p.Orders = blind{p.Orders}; return p }), submittedMatch, ""},
		{"registrations not compared later", variant{tier: passing(reconcile.StageTier, reconcile.StageLastTier)}, submittedMatch, "was submitted with"},
		{"an outage taken for a failure", gatewayOf(func(a reconcile.Answer, err error) (reconcile.Answer, error) {
			if err == nil {
				return a, nil
			}
			return reconcile.Answer{Found: true, Status: callback.Failed, Amount: known["0"]}, nil
		}), reallyFailed, ""},
		{"expired at the first tier", variant{tier: func(t sweep.Tier) sweep.Tier {
			if t.Stage == reconcile.StageTier {
				t.Stage = reconcile.StageLastTier
			}
			return t
		}}, reallyExpired, ""},
		{"callbacks that are not through are passed over", portsOf(func(p reconciletest.Ports) reconciletest.Ports { p.Callbacks = deaf{}; return p }), allHeard, ""},
		{"no look-back", variant{noLookBack: true}, booksAgree, ""},
		{"a look-back that asks nobody", variant{tier: passing(reconcile.StageLookBack)}, booksAgree, ""},
		{"an answer kept for good", portsOf(func(p reconciletest.Ports) reconciletest.Ports {
			p.Gateway = &caching{p.Gateway, map[string]reconcile.Answer{}}
			return p
		}), booksAgree, ""},
	} {
		covered[tt.breaks] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range enough {
				found := perform(t, histories.Example(seed+1), tt.bent, false).audit().found
				if slices.ContainsFunc(found, func(v violation) bool { return v.invariant == tt.breaks && v.mentions(tt.mention) }) {
					return
				}
			}
			t.Errorf("%d histories, and none breaks: %s", enough, tt.breaks)
		})
	}
	for _, i := range []invariant{nothingLost, toldOnce, supersedes, gatewayPaid, gatewayAmount, submittedMatch, reallyFailed, reallyExpired, allHeard, booksAgree} {
		if !covered[i] {
			t.Errorf("no mutation breaks: %s", i)
		}
	}
}

func portsOf(bend func(reconciletest.Ports) reconciletest.Ports) variant {
	return variant{ports: func(_ *play, p reconciletest.Ports) reconciletest.Ports { return bend(p) }}
}

func ledgerOf(bend func(reconcile.Ledger) reconcile.Ledger) variant {
	return portsOf(func(p reconciletest.Ports) reconciletest.Ports { p.Ledger = bend(p.Ledger); return p })
}

func gatewayOf(bend func(reconcile.Answer, error) (reconcile.Answer, error)) variant {
	return portsOf(func(p reconciletest.Ports) reconciletest.Ports { p.Gateway = misread{p.Gateway, bend}; return p })
}

// passing makes tiers of these stages leave every order to a next one.
func passing(stages ...reconcile.Stage) func(sweep.Tier) sweep.Tier {
	return func(t sweep.Tier) sweep.Tier {
		if slices.Contains(stages, t.Stage) {
			t.Next = time.Nanosecond
		}
		return t
	}
}

// unguarded stores an outcome whatever the last one is; with twice, even if it is
// there already.
type unguarded struct {
	reconcile.Ledger
	twice bool
}

func (u unguarded) Append(ctx context.Context, e events.Event, expected uint64) (uint64, error) {
	sequence, err := u.Ledger.Append(ctx, e, expected)
	if errors.Is(err, reconcile.ErrConflict) {
		order := e.Data.Common()
		last, lastErr := u.Last(ctx, order.Merchant, order.OrderID)
		if lastErr != nil {
			return 0, lastErr
		}
		expected = 0
		if last != nil {
			expected = last.Sequence
		}
		sequence, err = u.Ledger.Append(ctx, e, expected)
	}
	if u.twice && errors.Is(err, reconcile.ErrExists) {
		return expected, nil
	}
	return sequence, err
}

// forgetful never finds an outcome.
type forgetful struct{ reconcile.Ledger }

func (forgetful) Last(context.Context, string, string) (*reconcile.Entry, error) { return nil, nil }

// hasty marks done what is claimed, with the event that is the order's last by
// then.
type hasty struct {
	dedupe.Store
	ledger reconcile.Ledger
}

func (h hasty) Claim(ctx context.Context, key, token string, lease time.Duration) (reconcile.Claim, error) {
	c, err := h.Store.Claim(ctx, key, token, lease)
	parts := strings.Split(key, "/") // of a callback: merchant, flow, order id, …
	if err != nil || c.State != reconcile.ClaimOwned || parts[0] == "sweep" {
		return c, err
	}
	last, err := h.ledger.Last(ctx, parts[0], parts[2])
	if err == nil && last != nil {
		err = h.Done(ctx, key, last.Sequence)
	}
	return c, err
}

// blind knows that orders are registered, and not with what.
type blind struct{ reconcile.Orders }

func (blind) Submitted(context.Context, string, string) (*reconcile.Submitted, error) {
	return nil, nil
}

// deaf knows no callbacks.
type deaf struct{}

func (deaf) Newest(context.Context, events.Order, time.Time, func(callback.Callback) bool) (*reconcile.Heard, error) {
	return nil, nil
}

// misread bends what the gateway says.
type misread struct {
	reconcile.Gateway
	bend func(reconcile.Answer, error) (reconcile.Answer, error)
}

func (m misread) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	return m.bend(m.Gateway.Query(ctx, orderID))
}

// caching asks about each order until it hears something final.
type caching struct {
	reconcile.Gateway
	final map[string]reconcile.Answer
}

func (c *caching) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	if a, found := c.final[orderID]; found {
		return a, nil
	}
	a, err := c.Gateway.Query(ctx, orderID)
	if err == nil && a.Found && a.Status != callback.Submitted {
		c.final[orderID] = a
	}
	return a, err
}
