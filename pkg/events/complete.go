package events

import (
	"strings"
	"time"
)

// complete returns data as a value with everything filled in that follows from
// the rest, in the form it has on the wire.
func complete(data Data) Data {
	p := data.Common()
	p.Outcome = data.outcome()
	if p.Direction == "" {
		p.Direction = DirectionOf(p.Outcome, p.Flow)
	}
	if p.Reason == "" {
		// A bad tail leaves the reason empty, which the check refuses.
		p.Reason, _, _ = SplitTail(data.tail())
	}
	for _, a := range []*Amount{&p.Amount, &p.Fee, &p.Net, &p.SubmittedAmount} {
		*a = a.InCurrency(p.Currency)
	}
	p.UTR = text(p.UTR)
	p.Remark = capRemark(p.Remark)
	p.Evidence = completeEvidence(p.Evidence, p.Currency)

	data = data.with(p)
	if r, ok := data.(Resolved); ok && r.Resolves == "" {
		r.Resolves = ReviewID(p.Merchant, p.OrderID, r.Case)
		data = r
	}
	return data
}

// completeEvidence copies what it changes: the caller keeps its own.
func completeEvidence(ev Evidence, currency string) Evidence {
	ev.ReceivedAt = wireTime(ev.ReceivedAt)
	ev.ConfirmedAt = wireTime(ev.ConfirmedAt)
	if ev.Callback != nil {
		c := *ev.Callback
		c.Amount, c.Fee = c.Amount.InCurrency(currency), c.Fee.InCurrency(currency)
		c.Remark = capRemark(c.Remark)
		ev.Callback = &c
	}
	if ev.Query != nil {
		q := *ev.Query
		q.Amount, q.Fee = q.Amount.InCurrency(currency), q.Fee.InCurrency(currency)
		q.UTR = text(q.UTR)
		if q.NotFound {
			q.Status = 0 // not on the wire
		}
		ev.Query = &q
	}
	return ev
}

// wireTime returns a moment as events carry it: UTC, to the millisecond, which
// every language can read.
func wireTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// text replaces what is not UTF-8, which JSON can't carry.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// capRemark cuts a remark to MaxRemarkRunes, never within a rune.
func capRemark(s string) string {
	s = text(s)
	runes := 0
	for i := range s {
		if runes == MaxRemarkRunes {
			return s[:i]
		}
		runes++
	}
	return s
}

// utc returns a moment in UTC; the zero time stays what omitzero leaves out.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
