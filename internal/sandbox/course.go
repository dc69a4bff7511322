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
		return reversedCourse(), nil
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

func reversedCourse() []Step {
	return append(settledCourse(waitOutcome), Step{After: waitReversal, WhenAccepted: true, Change: Change{Action: Reverse}})
}

func shortPaidCourse(after Duration, paid decimal.Decimal) []Step {
	return []Step{{After: after, Change: Change{Action: Settle, Paid: paid}}}
}

// share is a part of an amount, cut to the currency's digits, more than zero
// and not the amount itself.
func share(amount, part decimal.Decimal, currency string) (decimal.Decimal, error) {
	paid, err := amount.Mul(part)
	if err != nil {
		return decimal.Decimal{}, err
	}
	paid = paid.Trunc(fractionDigits(currency))
	if !paid.IsPos() || paid.Equal(amount) {
		return decimal.Decimal{}, invalid("amount %s is too small to be short-paid or over-paid", amount)
	}
	return paid, nil
}

// course is where an order is in its script.
type course struct {
	left []Step
	// planned says that a step is on the agenda.
	planned bool
	// ended counts the courses that were broken off: a step that was planned
	// before is void.
	ended int
}

// advance plans the course's next step, if it counts from now: accepted says
// that a push was just taken, otherwise the step before was just made. The
// caller holds the books' lock through e.
func (s *Server) advance(k key, e *entry, accepted bool) {
	if len(e.course.left) == 0 || e.course.planned || e.course.left[0].WhenAccepted != accepted {
		return
	}
	step, ended := e.course.left[0], e.course.ended
	e.course.left, e.course.planned = e.course.left[1:], true
	s.agenda.add(s.after(s.now(), step.After), func(context.Context) { s.takeStep(k, step.Change, ended) })
}

// takeStep makes a planned change, unless the course was broken off since.
func (s *Server) takeStep(k key, change Change, ended int) {
	var failure error
	// A step is only planned for an order that is in the books.
	_ = s.books.edit(k, func(e *entry) error {
		if e.course.ended != ended {
			return nil
		}
		if failure = s.change(k, e, change); failure != nil {
			e.endCourse(failure.Error())
			return nil //nolint:nilerr // it stands in the books and is logged below
		}
		e.course.planned = false
		s.advance(k, e, false)
		return nil
	})
	if failure != nil {
		s.log.Warn("an order's course cannot go on", zap.String("merchant", k.merchant), zap.Error(failure))
	}
}

// endCourse breaks off what is left of the course, if anything, and notes why.
func (e *entry) endCourse(why string) {
	if len(e.course.left) > 0 || e.course.planned {
		e.note = "course ended early: " + why
	}
	e.course = course{ended: e.course.ended + 1}
}
