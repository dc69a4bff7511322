package simulation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/pkg/events"
)

// invariant names what must be true of every history.
type invariant string

const (
	nothingLost    invariant = "every callback and every order ends in its place"
	toldOnce       invariant = "an outcome is told once"
	supersedes     invariant = "no outcome follows another unless it supersedes it"
	gatewayPaid    invariant = "nothing is settled that the gateway never reported as 1"
	gatewayAmount  invariant = "settled is the gateway's amount"
	submittedMatch invariant = "what was submitted agrees, or a person is asked"
	reallyFailed   invariant = "nothing failed that never failed in the books"
	reallyExpired  invariant = "only collections expire, open at the last tier"
	booksAgree     invariant = "books and ledger agree, or a person is asked"
	allHeard       invariant = "the sweep tells nothing that the gateway's last push denies"
)

// mentions reports whether the text holds a word.
func (v violation) mentions(word string) bool { return strings.Contains(v.text, word) }

// violation is an invariant that does not hold.
type violation struct {
	invariant invariant
	text      string
}

// audit holds a history that has come to its end to every invariant.
func (p *play) audit() *audit {
	a := &audit{play: p}
	a.course()
	a.messages()
	for i := range p.h.Orders {
		a.order(&p.h.Orders[i])
	}
	return a
}

type audit struct {
	*play
	found  []violation
	agreed int // orders whose books had to agree with the ledger
}

func (a *audit) breach(i invariant, format string, args ...any) {
	a.found = append(a.found, violation{i, fmt.Sprintf(format, args...)})
}

// course holds the whole ledger to the rules of its page.
func (a *audit) course() {
	entries := make([]reconcile.Entry, len(a.told))
	for i, t := range a.told {
		entries[i] = t.Entry
	}
	err := reconciletest.Audit(entries)
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		if strings.Contains(line, "told twice") {
			a.breach(toldOnce, "%s", line)
		} else {
			a.breach(supersedes, "%s", line)
		}
	}
}

// messages: each one that was taken has come to its end.
func (a *audit) messages() {
	for _, m := range a.play.messages {
		switch {
		case !m.acked:
			a.breach(nothingLost, "%s never ends", m)
		case m.tier == nil && !m.parked:
			a.ends(m)
		}
	}
}

// ends: what a callback says stands in an outcome or in a review, or came too
// late to matter.
func (a *audit) ends(m *message) {
	cb, d := m.callback.Callback, m.result.Decision
	if cb.Status == callback.Submitted && !cb.Reverse {
		return // says nothing
	}
	outcomes := 0
	for _, t := range a.of(m.callback.Order) {
		p := t.Event.Data.Common()
		if p.Evidence.Fingerprint == cb.Fingerprint() {
			return // as evidence, whatever was made of it
		}
		switch t.Event.Outcome() {
		case events.OutcomeReview, events.OutcomeResolved:
			continue
		case events.OutcomeSettled:
			if !cb.Reverse && cb.Status == callback.Success && p.Amount.Equal(known[m.push.Said.Amount]) {
				return
			}
		case events.OutcomeFailed:
			if !cb.Reverse && cb.Status == callback.Failed {
				return
			}
		case events.OutcomeReversed:
			if cb.Reverse || cb.Status == callback.Failed {
				return
			}
		}
		outcomes++
	}
	if outcomes == 0 || d.Verdict != reconcile.Ignore || d.Reason != reconcile.ReasonStale {
		a.breach(nothingLost, "%s (%s) was acknowledged with %s %s, and nothing is told of it", m, cb.Fingerprint(), d.Verdict, d.Reason)
	}
}

// of are the events of an order id, on either flow.
func (a *audit) of(name events.Order) (all []told) {
	for _, t := range a.told {
		if p := t.Event.Data.Common(); p.Merchant == name.Merchant && p.OrderID == name.OrderID {
			all = append(all, t)
		}
	}
	return all
}

func (a *audit) order(o *order) {
	all := a.of(o.name())
	var last *told
	open, judged := map[string]bool{}, false
	for i, t := range all {
		a.denied(t, last)
		switch d := t.Event.Data.(type) {
		case events.Settled:
			a.settled(o, t)
		case events.Failed:
			a.failed(o, t)
		case events.Expired:
			a.expired(o, t)
		case events.Review:
			open[t.Event.ID] = true
		case events.Resolved:
			delete(open, d.Resolves)
			judged = judged || d.By == somebody
		}
		if t.Event.Outcome().Final() {
			last = &all[i]
		}
	}
	if len(open) > 0 || judged || a.isParked(o) {
		return // a person has it, or had
	}
	r := a.standing[o.name()]
	if r != nil && r.withdrawn > 0 {
		r = nil
	}
	if r != nil && last == nil {
		a.breach(nothingLost, "%s is registered, and nothing is told of it", o.ID)
	}
	if r != nil && last != nil && last.Event.Outcome() == events.OutcomeSettled && !last.Event.Data.Common().Amount.Equal(known[r.Amount]) {
		a.breach(submittedMatch, "%s is settled with %s and was submitted with %s", o.ID, last.Event.Data.Common().Amount, r.Amount)
	}
	a.agree(o, last)
}

// byPerson: a person resolved a review so.
func (t told) byPerson() bool { return t.Event.Data.Common().Via == events.ViaOperator }

func (a *audit) isParked(o *order) bool {
	return slices.ContainsFunc(a.play.messages, func(m *message) bool {
		return m.parked && m.callback.Order.Merchant == o.name().Merchant && m.callback.Order.OrderID == o.ID
	})
}

// settled holds one settled event against what the gateway answered, and what was
// submitted by then.
func (a *audit) settled(o *order, t told) {
	amount, paid, same := t.Event.Data.Common().Amount, false, false
	for _, said := range a.books[o.Merchant].answers[o.ID] {
		if said.step <= t.step && said.answer.Found && said.answer.Status == callback.Success {
			paid = true
			same = same || said.answer.Amount.Equal(amount)
		}
	}
	switch {
	case !paid:
		a.breach(gatewayPaid, "%s", t.Event.ID)
	case !same:
		a.breach(gatewayAmount, "%s is of %s", t.Event.ID, amount)
	}
	if t.byPerson() {
		return // who may override the rest
	}
	a.matched(o, t)
	if r := a.announcedBefore(o, t); r != nil && !(amount.Equal(known[r.Amount]) && r.Flow == t.Event.Data.Common().Flow) {
		a.breach(submittedMatch, "%s is of %s, submitted was %s %s", t.Event.ID, amount, r.Flow, r.Amount)
	}
}

// announcedBefore is what was known of an order when work on an event began, and
// still stood when it was told.
func (a *audit) announcedBefore(o *order, t told) *announced {
	r := a.standing[o.name()]
	if r == nil || r.stored >= t.by.started || r.withdrawn > 0 && r.withdrawn <= t.step+1 {
		return nil
	}
	return r
}

// matched: what has to be registered was, and no suffix repeats a known order.
func (a *audit) matched(o *order, t told) {
	r, flow := a.standing[o.name()], t.Event.Data.Common().Flow
	registered := r != nil && r.stored <= t.step && (r.withdrawn == 0 || r.withdrawn > t.by.started)
	terms := a.h.Merchants[o.Merchant]
	required := terms.RequireCollect && flow == events.FlowCollect || terms.RequirePay && flow == events.FlowPay
	if required && !registered {
		a.breach(submittedMatch, "%s was never submitted, and match is required", t.Event.ID)
	}
	if base, suffix := strings.CutSuffix(o.ID, "_1"); suffix && !registered && a.knownBefore(o.Merchant, base, t) {
		a.breach(submittedMatch, "%s repeats %s", t.Event.ID, base)
	}
}

func (a *audit) knownBefore(merchant int, id string, t told) bool {
	for i := range a.h.Orders {
		if o := &a.h.Orders[i]; o.Merchant == merchant && o.ID == id && a.announcedBefore(o, t) != nil {
			return true
		}
	}
	return slices.ContainsFunc(a.of(events.Order{Merchant: merchantIDs[merchant], OrderID: id}), func(before told) bool {
		return before.Event.Outcome().Final() && before.step < t.by.started
	})
}

// denied holds an outcome that the sweep told against the newest callback that
// said something else than the outcome before, and was stored when the sweep began
// to look. One that came while it looked may be what it went by.
func (a *audit) denied(t told, before *told) {
	p := t.Event.Data.Common()
	if p.Via != events.ViaSweep || !t.Event.Outcome().Final() {
		return
	}
	for _, m := range slices.Backward(a.play.messages) {
		cb := m.callback.Callback
		if m.tier != nil || m.resolves != nil || m.callback.Order != p.Order() || m.arrived >= t.step || !cb.Final() || repeats(cb, before) {
			continue
		}
		fits := agrees(t.Event, m)
		if m.arrived >= t.by.started && !fits {
			continue
		}
		if !fits && t.at.Sub(m.callback.ReceivedAt) < a.h.ParkAfter {
			a.breach(allHeard, "%s, and %s said %v", t.Event.ID, m, m.push.Said)
		}
		return
	}
}

// agrees: the callback says what the outcome says.
func agrees(e events.Event, m *message) bool {
	cb, same := m.callback.Callback, e.Data.Common().Amount.Equal(known[m.push.Said.Amount])
	switch e.Outcome() {
	case events.OutcomeSettled:
		return !cb.Reverse && cb.Status == callback.Success && same
	case events.OutcomeFailed:
		return !cb.Reverse && cb.Status == callback.Failed
	case events.OutcomeReversed:
		return !cb.Reverse || same
	default:
		return false
	}
}

// repeats: the callback says what the outcome does.
func repeats(cb callback.Callback, outcome *told) bool {
	if outcome == nil {
		return false
	}
	switch outcome.Event.Outcome() {
	case events.OutcomeSettled:
		return !cb.Reverse && cb.Status == callback.Success
	case events.OutcomeFailed:
		return !cb.Reverse && cb.Status == callback.Failed
	default:
		return false
	}
}

// failed holds one failed event against the books.
func (a *audit) failed(o *order, t told) {
	if !t.byPerson() {
		a.matched(o, t)
	}
	for _, c := range o.Life {
		if c.Status == callback.Failed && !a.begun.Add(c.At+o.Lag).After(t.at) && !o.Unknown {
			return
		}
	}
	a.breach(reallyFailed, "%s", t.Event.ID)
}

// expired holds one expired event against the books, at the last tier by the
// clock of the worker that had it.
func (a *audit) expired(o *order, t told) {
	m := t.by.message
	late := t.byPerson() || m.tier != nil && m.tier.Stage == reconcile.StageLastTier && !t.by.asked.Before(m.turn.Stored.Add(m.tier.Delay))
	unpaid := slices.ContainsFunc(a.books[o.Merchant].answers[o.ID], func(said answered) bool {
		return said.step > t.by.started && said.step <= t.step && (!said.answer.Found || said.answer.Status == callback.Submitted)
	})
	if !t.byPerson() && t.Event.Data.Common().Flow != events.FlowCollect || !late || !unpaid {
		a.breach(reallyExpired, "%s: last tier %v, unpaid %v", t.Event.ID, late, unpaid)
	}
}

// agree holds the order's last outcome against the books, where settlehook had a
// way to know: a push of the last change, or a look-back after it.
func (a *audit) agree(o *order, last *told) {
	var outcome events.Outcome
	if last != nil {
		outcome = last.Event.Outcome()
	}
	if len(o.Life) == 0 || o.Unknown {
		if outcome != "" && outcome != events.OutcomeExpired {
			a.breach(booksAgree, "%s is %s, and open in the books", o.ID, outcome)
		}
		return
	}
	if !a.knowable(o, last) {
		return
	}
	if a.h.Merchants[o.Merchant].Trust && cameBack(o.Life) {
		return // a signed reversal that comes late is believed, as that merchant wants it
	}
	a.agreed++
	final := o.Life[len(o.Life)-1]
	var right bool
	switch {
	case final.Says.Reverse:
		// An order that was never seen paid looks failed.
		right = outcome == events.OutcomeReversed || outcome == events.OutcomeFailed
	case final.Status == callback.Failed:
		right = outcome == events.OutcomeFailed
	default:
		right = outcome == events.OutcomeSettled && (final.Amount == "" || last.Event.Data.Common().Amount.Equal(known[final.Amount]))
	}
	if !right {
		a.breach(booksAgree, "%s is %q, and in the books %+v", o.ID, outcome, final)
	}
}

// cameBack: the order was paid, then not any more, and is paid again.
func cameBack(life []change) bool {
	paid, left := false, false
	for _, c := range life {
		if c.Status == callback.Success && !c.Says.Reverse {
			if left {
				return true
			}
			paid = true
		} else {
			left = left || paid
		}
	}
	return false
}

func (a *audit) knowable(o *order, last *told) bool {
	final := len(o.Life) - 1
	seen := a.begun.Add(o.Life[final].At + o.Lag)
	lookedBack := last == nil || last.Event.Outcome() == events.OutcomeReversed // which nobody looks back at
	for _, m := range a.play.messages {
		switch {
		case m.tier == nil && m.push.Of == final && m.callback.Order == o.name() && (!cameBack(o.Life) || m.begun.After(seen)):
			// Where the query is behind, looking again ends with a person. Only an
			// order that was reversed meanwhile is reversed by that query.
			return true
		case m.tier != nil && m.tier.Name == sweep.LookBack && last != nil && m.turn.Sequence == last.Sequence:
			if o.Life[final].visible() && m.result.Cause != "unanswered" && m.begun.After(seen) {
				return true
			}
			lookedBack = true
		}
	}
	return !lookedBack && o.Life[final].visible() && last.at.Add(lookBack).After(seen)
}

// visible: the query tells of the change, too.
func (c change) visible() bool { return !c.Says.Reverse || c.Status == callback.Failed }
