package reconcile

import (
	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// reversal: the callback says that the order was reversed, whatever status it
// carries beside.
func (c Case) reversal() bool { return c.Callback != nil && c.Callback.Reverse }

// says: the callback carries this status and no reversal.
func (c Case) says(s callback.Status) bool {
	return c.Callback != nil && !c.Callback.Reverse && c.Callback.Status == s
}

// older: the callback came before the one that made the ledger's last event, so
// that event already knew better. The stream's own order decides; clocks of
// different machines would call a newer contradiction stale.
func (c Case) older() bool {
	return c.Callback != nil && c.Last != nil && c.StreamSequence < c.Last.payment().Evidence.StreamSequence
}

func (c Case) flowConflict() bool {
	if c.Last != nil && c.Last.payment().Flow != c.Order.Flow {
		return true
	}
	return c.Submitted != nil && !c.Submitted.Unusable && c.Submitted.Flow != c.Order.Flow
}

func (c Case) platOrderDiffers() bool {
	return c.Callback != nil && c.Answer.PlatOrderID != "" && c.Callback.PlatOrderID != c.Answer.PlatOrderID
}

func (c Case) callbackAmountDiffers(from events.Amount) bool {
	return c.Callback != nil && differ(amountOf(c.Callback.Amount), from)
}

func (c Case) submittedAmountDiffers(from events.Amount) bool {
	return c.Submitted != nil && !c.submissionUnusable() && differ(c.Submitted.Amount, from)
}

// submissionUnusable: an amount in another currency, or none at all, agrees with
// nothing.
func (c Case) submissionUnusable() bool {
	return c.Submitted != nil && (c.Submitted.Unusable || c.Submitted.Currency != c.Merchant.Currency)
}

func (c Case) unregistered() bool {
	return c.Submitted == nil && c.Merchant.RequireSubmitted[c.Order.Flow]
}

// changed: what the gateway says of a settled order is not what was emitted.
func (c Case) changed() bool {
	last := c.Last.payment()
	return differ(last.Amount, c.Answer.Amount) || differ(last.Fee, c.Answer.Fee) || c.platOrderChanged()
}

// platOrderChanged: the query answers for another platform order than the one
// that the ledger's last event is about.
func (c Case) platOrderChanged() bool {
	last := c.Last.payment().PlatOrderID
	return last != "" && c.Answer.PlatOrderID != "" && last != c.Answer.PlatOrderID
}

// differ reports whether both amounts are known and unequal by value. Nothing
// differs from the unknown: absence is never evidence.
func differ(a, b events.Amount) bool { return a.Known() && b.Known() && !a.Equal(b) }

// amountOf is the amount of a callback, whose bounds the verification has
// checked already.
func amountOf(d decimal.Decimal) events.Amount {
	a, err := events.NewAmount(d)
	if err != nil {
		return events.Amount{}
	}
	return a
}

// FeeDiffers reports whether callback and query name different fees. It is
// worth a note and nothing else: the query's fee counts (gateway page, "Order
// states").
func FeeDiffers(cb callback.Callback, a Answer) bool {
	return cb.FeeKnown && differ(amountOf(cb.Fee), a.Fee)
}
