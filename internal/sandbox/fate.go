package sandbox

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/govalues/decimal"
)

// fateMischiefs are the mischiefs of which an order has at most one.
var fateMischiefs = []Mischief{
	Failure, Underpayment, Overpayment, LateSuccess, Reversal, ReversalUnmarked, ReversalSilent, PaidTwice,
}

// collectOnly: nobody pays a payout but the gateway, and it pays what was asked,
// once.
var collectOnly = map[Mischief]bool{Underpayment: true, Overpayment: true, PaidTwice: true}

// fate draws what payer and bank will do about an order, from its own random
// stream: it does not depend on what else happens. The mischief is "" where
// there is none.
func (s *Server) fate(o Order) ([]Step, Mischief) {
	k := key{o.Merchant, o.OrderID}
	drawn := s.drawFate(k, o.Flow)
	random := s.numbers.stream("fate/" + k.String())
	steps, err := fateSteps(drawn, o, random)
	if err != nil { // the amount is too small to be paid in part
		drawn = ""
		steps, _ = fateSteps("", o, random)
	}
	return steps, drawn
}

func (s *Server) drawFate(k key, flow Flow) Mischief {
	at := s.imp.roll("fate/" + k.String())
	for _, m := range fateMischiefs {
		if collectOnly[m] && flow != Collect {
			continue
		}
		if at -= s.imp.rates[m]; at < 0 {
			return m
		}
	}
	return ""
}

// fateSteps are the steps of an order with this fate; "" is a plain success.
// Waits are in the gateway's time.
func fateSteps(m Mischief, o Order, random *rand.Rand) ([]Step, error) {
	after := between(random, time.Second, 20*time.Second)
	later := between(random, 30*time.Second, 3*time.Minute)
	settled := Step{After: after, Change: Change{Action: Settle}}
	then := func(c Change) []Step {
		return []Step{settled, {After: later, WhenAccepted: true, Change: c}}
	}
	switch m {
	case Failure:
		settled.Change = Change{Action: Fail}
	case Underpayment, Overpayment:
		part := decimal.MustNew(50+random.Int64N(50), 2)
		if m == Overpayment {
			part = decimal.MustNew(101+random.Int64N(100), 2)
		}
		paid, err := share(o.Submitted, part, o.Currency)
		if err != nil {
			return nil, err
		}
		settled.Change.Paid = paid
	case LateSuccess:
		return []Step{
			{After: after, Change: Change{Action: Fail}},
			{After: later, WhenAccepted: true, Change: Change{Action: Settle}},
		}, nil
	case Reversal:
		return then(Change{Action: Reverse}), nil
	case ReversalUnmarked:
		return then(Change{Action: Reverse, Unmarked: true}), nil
	case ReversalSilent:
		return then(Change{Action: Reverse, Silent: true}), nil
	case PaidTwice:
		return then(Change{Action: PayAgain}), nil
	}
	return []Step{settled}, nil
}

func between(random *rand.Rand, least, most time.Duration) Duration {
	return Duration(least + time.Duration(random.Int64N(int64(most-least))))
}

// String names an order where randomness is drawn for it.
func (k key) String() string { return fmt.Sprintf("%s/%s", k.merchant, k.orderID) }
