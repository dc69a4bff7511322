package ledgercheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
)

// Kind is what is wrong with an order's part of the ledger.
type Kind string

// The kinds of faults.
const (
	Lost    Kind = "lost"    // something is missing
	Doubled Kind = "doubled" // something is there again, or not in its chain
	Wrong   Kind = "wrong"   // something is there that the books don't have
)

// Fault is one thing that is wrong, in words.
type Fault struct {
	Kind Kind
	Text string
}

// Check holds an order's events, in the order of the stream, to the gateway's
// books. got is what the ledger has, in the words of [Order.Expected]; faults is
// empty where both agree.
func (o Order) Check(chain []events.Event, sweeps bool) (got string, faults []Fault) {
	c := sortOut(chain)
	got = c.String()
	if want := o.Expected(sweeps); !slices.Contains(want, got) {
		kind := Wrong
		if slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, got) }) {
			kind = Lost
		}
		faults = append(faults, Fault{kind, fmt.Sprintf("%s %s/%s (%s; told %t): the ledger has %q, want one of %q",
			o.Flow, o.Merchant, o.OrderID, o.life(), o.Told, got, want)})
	}
	for _, text := range append(c.doubled, Chained(c.outcomes)...) {
		faults = append(faults, Fault{Doubled, text})
	}
	for _, e := range c.outcomes {
		for _, text := range o.Money(e) {
			faults = append(faults, Fault{Wrong, e.ID + " " + text})
		}
	}
	return got, faults
}

// Chained returns what is wrong with an order's outcomes as a chain: every one
// but the first supersedes the one before.
func Chained(outcomes []events.Event) (faults []string) {
	for i, e := range outcomes {
		if i > 0 && e.Data.Common().Supersedes != outcomes[i-1].ID {
			faults = append(faults, fmt.Sprintf("%s follows %s without superseding it", e.ID, outcomes[i-1].ID))
		}
	}
	return faults
}

// contents is one order's part of the ledger.
type contents struct {
	outcomes []events.Event
	open     int // reviews
	doubled  []string
}

func sortOut(chain []events.Event) contents {
	var c contents
	seen := map[string]bool{}
	for _, e := range chain {
		if seen[e.ID] {
			c.doubled = append(c.doubled, e.ID+" is there twice")
		}
		seen[e.ID] = true
		switch {
		case e.Outcome().Final():
			c.outcomes = append(c.outcomes, e)
		case e.Outcome() == events.OutcomeReview:
			c.open++
		default:
			c.open-- // resolved
		}
	}
	return c
}

func (c contents) String() string {
	var words []string
	for _, e := range c.outcomes {
		words = append(words, string(e.Outcome()))
	}
	if c.open > 0 {
		words = append(words, "?")
	}
	return strings.Join(words, " ")
}

// Money holds an outcome's amounts, ids and flow to the books.
func (o Order) Money(e events.Event) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	p, out := e.Data.Common(), e.Outcome()
	if out == events.OutcomeExpired {
		return nil // nothing moved
	}
	amount, known := p.Amount.Decimal()
	paid, moved := o.Paid, out != events.OutcomeFailed
	if !moved {
		paid = o.Submitted
	}
	if !known || amount.Cmp(paid) != 0 {
		fault("is over %s, the gateway says %s", p.Amount, paid)
	}
	fee, known := p.Fee.Decimal()
	switch {
	case moved && (!known || fee.Cmp(o.Fee) != 0):
		fault("has fee %s, the gateway says %s", p.Fee, o.Fee)
	case !moved && known && !fee.IsZero() && !(slices.Contains(o.Life, "reversed") && fee.Cmp(o.Fee) == 0):
		// The query calls a reversed order failed, and may still name its fee.
		fault("has fee %s", p.Fee)
	}
	if asked, known := p.SubmittedAmount.Decimal(); known != o.Registered || known && asked.Cmp(o.Submitted) != 0 {
		fault("says that %s was submitted, and it was %s (registered: %t)", p.SubmittedAmount, o.Submitted, o.Registered)
	}
	match := events.TwoWay
	if o.Registered && p.Evidence.Callback != nil {
		match = events.ThreeWay
	}
	if p.Flow != o.Flow || p.PlatOrderID != o.PlatOrderID || p.LiveMode || p.Match != match {
		fault("says flow %s, platform order %s, livemode %t, match %s; want %s, %s, false, %s",
			p.Flow, p.PlatOrderID, p.LiveMode, p.Match, o.Flow, o.PlatOrderID, match)
	}
	if out == events.OutcomeSettled && p.UTR != o.UTR || p.BookingDate == "" {
		fault("has utr %q, booking date %q; the gateway says utr %q", p.UTR, p.BookingDate, o.UTR)
	}
	return append(faults, o.net(e)...)
}

// net holds what an outcome does to the merchant's balance to what it did at the
// gateway.
func (o Order) net(e events.Event) []string {
	p := e.Data.Common()
	if e.Outcome() == events.OutcomeFailed {
		if p.Direction != events.None || p.Net.Known() {
			return []string{fmt.Sprintf("moves %s %s", p.Direction, p.Net)}
		}
		return nil
	}
	direction, change := events.Debit, o.Fee
	if (o.Flow == events.FlowCollect) == (e.Outcome() == events.OutcomeSettled) {
		direction = events.Credit
	}
	switch {
	case o.Flow == events.FlowCollect:
		change = o.Fee.Neg()
	case o.PayFee == events.PayFeeIncluded:
		change = decimal.Zero
	}
	want, err := o.Paid.Add(change)
	if err != nil {
		return []string{err.Error()}
	}
	if net, known := p.Net.Decimal(); p.Direction != direction || !known || net.Cmp(want) != 0 {
		return []string{fmt.Sprintf("moves %s %s, the gateway moved %s %s", p.Direction, p.Net, direction, want)}
	}
	return nil
}
