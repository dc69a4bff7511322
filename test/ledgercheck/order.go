// Package ledgercheck holds the ledger to a gateway's books: what the PAYMENTS
// stream may hold about an order, given everything the gateway did about it.
package ledgercheck

import (
	"slices"
	"strings"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/pkg/events"
)

// Order is an order as its gateway has it in the end. Amounts are in major
// currency units.
type Order struct {
	Merchant, OrderID, PlatOrderID string
	Flow                           events.Flow
	Submitted                      decimal.Decimal
	// Paid, Fee and UTR are of the payment that succeeded last; zero if none did.
	Paid, Fee decimal.Decimal
	UTR       string
	PayFee    events.PayFee
	// Life is every state the order was in, after submitted: settled,
	// short-paid, over-paid, failed, reversed.
	Life []string
	// Registered: the order service registered it.
	Registered bool
	// SecondPayment: a payer paid twice, and this is the order that the gateway
	// made of it.
	SecondPayment bool
	// Told: a push of the last state was answered success. Otherwise the order
	// is for the sweep.
	Told bool
	// Contradicted: the gateway's query lied about the order, a time or two.
	Contradicted bool
}

// FromSandbox is an order of the sandbox's books, whose order service registers
// everything.
func FromSandbox(r sandbox.Record, payFee events.PayFee) Order {
	o := Order{
		Merchant: r.Merchant, OrderID: r.OrderID, PlatOrderID: r.PlatOrderID, Flow: events.Flow(r.Flow),
		Submitted: r.Submitted, Paid: r.Paid, Fee: r.Fee, UTR: r.UTR, PayFee: payFee,
		Registered: r.Duplicates == "", SecondPayment: r.Duplicates != "", Told: r.Accepted,
	}
	for _, s := range r.History {
		if s.State != "submitted" {
			o.Life = append(o.Life, s.State)
		}
	}
	return o
}

// life is the order's states in one line.
func (o Order) life() string { return strings.Join(o.Life, " ") }

// Expected is what the ledger may hold about the order, the usual first:
// outcomes in their order, and "?" for an open review behind them. sweeps says
// that the sweep has been at work: without it an order that nobody told of may
// stay open, and is for the sweep.
func (o Order) Expected(sweeps bool) []string {
	want := o.told()
	if !o.Told {
		// An answer may have got lost on its way back to the gateway: it counts as
		// not told, and the callback was stored all the same.
		for n := len(o.Life) - 1; n >= 0; n-- {
			before := o
			before.Life = o.Life[:n]
			if n > 0 {
				want = append(want, before.told()...)
			}
		}
		if len(o.Life) > 1 {
			// A callback of the state before may come when that is past, first or
			// again. What it and the query disagree about is not settled by leaving it
			// out.
			want = append(want, "?", o.Life[0]+" ?")
		}
		// The sweep knows what was registered, and nothing else.
		if !sweeps || !o.Registered || len(o.Life) == 0 {
			want = append(want, "")
		}
		if sweeps && len(o.Life) == 0 {
			want = append(want, "expired", "?")
		}
	}
	if o.Contradicted {
		want = append(want, o.contradicted(want)...)
	}
	return slices.Compact(want)
}

func (o Order) told() []string {
	switch life := o.life(); {
	case life == "":
		return nil
	case o.SecondPayment:
		return []string{"?"} // for a person
	case life == "settled", !o.Registered && (life == "short-paid" || life == "over-paid"):
		return []string{"settled"}
	case life == "failed":
		return []string{"failed"}
	case life == "short-paid", life == "over-paid":
		return []string{"?"}
	case life == "failed settled" && o.Flow == events.FlowCollect:
		// The failure may be past before anybody could ask about it.
		return []string{"failed settled", "settled", "settled ?", "failed settled ?"}
	case life == "failed settled":
		// A payout that was told failed may have been paid again.
		return []string{"failed ?", "settled", "settled ?"}
	case life == "settled reversed":
		// A success that is past before anybody could ask is never told; a push of
		// it that comes late contradicts the query.
		return []string{"settled reversed", "settled reversed ?", "?", "failed ?", "failed"}
	default:
		return nil
	}
}

// contradicted is what else may come of a query that lied while callbacks told
// the truth: a person is asked.
func (o Order) contradicted(want []string) []string {
	more := []string{"?"}
	for _, w := range want {
		more = append(more, strings.TrimSpace(strings.TrimSuffix(w, "?")+" ?"))
	}
	return more
}
