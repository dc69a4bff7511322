package eventstest

import (
	"time"

	"github.com/settlehook/settlehook/pkg/events"
)

// Option changes a sample event.
type Option func(*sample)

// sample is what the options change.
type sample struct {
	payment events.Payment
	payFee  events.PayFee
	at      time.Time
	by, why string
}

// Order sets the merchant's order id.
func Order(id string) Option { return func(s *sample) { s.payment.OrderID = id } }

// Merchant sets the configured id of the merchant.
func Merchant(id string) Option { return func(s *sample) { s.payment.Merchant = id } }

// Flow sets whether a payer paid in or the merchant paid out.
func Flow(f events.Flow) Option { return func(s *sample) { s.payment.Flow = f } }

// Amount sets amount and fee in major units, such as "1000.00" and "12.50". An
// empty fee is unknown, and with it the net.
func Amount(amount, fee string) Option {
	return func(s *sample) {
		s.payment.Amount, s.payment.SubmittedAmount = events.MustParseAmount(amount), events.MustParseAmount(amount)
		s.payment.Fee = events.Amount{}
		if fee != "" {
			s.payment.Fee = events.MustParseAmount(fee)
		}
	}
}

// Currency sets the ISO 4217 code.
func Currency(code string) Option { return func(s *sample) { s.payment.Currency = code } }

// PayFee sets how the gateway charges the fee of a payout, from which its net
// follows. Default: added.
func PayFee(p events.PayFee) Option { return func(s *sample) { s.payFee = p } }

// At sets the time of confirmation, and the booking date in that time's zone.
func At(t time.Time) Option { return func(s *sample) { s.at = t } }

// Reason sets the rule that decided, in snake_case.
func Reason(r string) Option { return func(s *sample) { s.payment.Reason = r } }

// Supersedes sets the id of the event that no longer holds, see [events.ID].
func Supersedes(id string) Option { return func(s *sample) { s.payment.Supersedes = id } }

// Sandbox makes an event that no real money stands behind.
func Sandbox() Option { return func(s *sample) { s.payment.LiveMode = false } }

// ClosedBy sets who closed a review, and why, in a person's words.
func ClosedBy(by, why string) Option { return func(s *sample) { s.by, s.why = by, why } }

// With changes anything else. Outcome and direction follow from the rest, and so
// does the net.
func With(change func(*events.Payment)) Option { return func(s *sample) { change(&s.payment) } }
