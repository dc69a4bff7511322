package sandbox

import (
	"context"
	"time"

	"github.com/govalues/decimal"
	"go.uber.org/zap"
)

// Step is one change of an order's scripted course.
type Step struct {
	// After is the wait before the change, in the gateway's time, counted from
	// the step before it or from the order's creation.
	After Duration
	// WhenAccepted counts After from the moment the receiver took a push of the
	// step before. When all pushes of that step fail, the course ends there.
	WhenAccepted bool
	Change       Change
}

// Courses that have a name.
const (
	CourseSettled   = "settled"
	CourseFailed    = "failed"
	CourseReversed  = "reversed"
	CourseShortPaid = "short-paid"
)

// Waits of the named courses, in the gateway's time.
const (
	waitOutcome  = Duration(5 * time.Second)
	waitReversal = Duration(time.Minute)
)

// shortShare is what a payer of a short-paid order pays, of the submitted
// amount, where nothing else is scripted.
var shortShare = decimal.MustNew(90, 2)

// Course returns the steps of a named course for an order of this amount: the
// outcome after 5 s, a reversal 1 min after the settled push was accepted,
// both in the gateway's time; a short-paid order pays 90 %. "" is no step at
// all, an order that stays submitted. Fails with an error wrapping ErrInvalid.
func Course(name string, amount decimal.Decimal, currency string) ([]Step, error) {
	switch name {
	case "":
		return nil, nil
	case CourseSettled:
		return settledCourse(waitOutcome), nil
	case CourseFailed:
		return failedCourse(waitOutcome), nil
	case CourseReversed:
		return reversedCourse(waitOutcome, waitReversal), nil
	case CourseShortPaid:
		paid, err := share(amount, shortShare, currency)
		return shortPaidCourse(waitOutcome, paid), err
	}
	return nil, invalid("unknown course %q; use settled, failed, reversed or short-paid", name)
}

func settledCourse(after Duration) []Step {
	return []Step{{After: after, Change: Change{Action: Settle}}}
}

func failedCourse(after Duration) []Step {
	return []Step{{After: after, Change: Change{Action: Fail}}}
}

func reversedCourse(after, later Duration) []Step {
	return append(settledCourse(after), Step{After: later, WhenAccepted: true, Change: Change{Action: Reverse}})
}

func shortPaidCourse(after Duration, paid decimal.Decimal) []Step {
	return []Step{{After: after, Change: Change{Action: Settle, Paid: paid}}}
}

// share is a part of an amount, cut to the currency's digits, more than zero
// and less than the amount.
func share(amount, part decimal.Decimal, currency string) (decimal.Decimal, error) {
	paid, err := amount.Mul(part)
	if err != nil {
		return decimal.Decimal{}, err
	}
	paid = paid.Trunc(fractionDigits(currency))
	if !paid.IsPos() {
		return decimal.Decimal{}, invalid("amount %s is too small to be short-paid", amount)
	}
	return paid, nil
}

// advance puts the order's next step on the agenda, if it is due to be counted
// from now: accepted says that a push was just taken, otherwise a change was
// just made. The caller holds the books' lock through e.
func (s *Server) advance(k key, e *entry, accepted bool) {
	if len(e.course) == 0 || e.course[0].WhenAccepted != accepted {
		return
	}
	step := e.course[0]
	e.course = e.course[1:]
	s.agenda.add(s.after(s.now(), step.After), func(context.Context) {
		if _, err := s.Apply(k.merchant, k.orderID, step.Change); err != nil {
			s.endCourse(k, err)
		}
	})
}

// endCourse notes why an order's course cannot go on, such as a change by hand
// that came before it.
func (s *Server) endCourse(k key, why error) {
	s.log.Debug("course ended early", zap.String("merchant", k.merchant), zap.String("order", k.orderID), zap.Error(why))
	// The order exists: its course is what brought us here.
	_ = s.books.edit(k, func(e *entry) error {
		e.course, e.note = nil, "course ended early: "+why.Error()
		return nil
	})
}
