package cases

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// meanings says in words why a review was opened. The table of decisions
// (docs/decisions.md) is where they come from.
var meanings = map[reconcile.Reason]string{
	reconcile.ReasonLagging:            "the gateway pushed a final state, and its order query kept saying submitted",
	reconcile.ReasonUnreadable:         "the gateway's order query kept answering with an order that can't be read",
	reconcile.ReasonNotFound:           "the gateway's order query does not know the order",
	reconcile.ReasonContradiction:      "callback and order query say different final states",
	reconcile.ReasonReverseUnconfirmed: "a signed callback says the order was reversed, and the order query still says success",
	reconcile.ReasonReverseUnsettled:   "a signed callback says the order was reversed, and it was never settled",
	reconcile.ReasonUnregistered:       "the merchant requires orders to be submitted first (match: required), and this one was not",
	reconcile.ReasonAmountMismatch:     "the amounts of callback, order query and submitted order are not the same",
	reconcile.ReasonNoAmount:           "the order query says success without an amount",
	reconcile.ReasonSubmission:         "what was submitted can't be read, or is in another currency",
	reconcile.ReasonOtherOrder:         "the order query answered about another order",
	reconcile.ReasonPlatOrder:          "callback and order query name different orders of the gateway",
	reconcile.ReasonFlowConflict:       "the order id is known under the other flow",
	reconcile.ReasonReentered:          "the order came back to a state that it had left",
	reconcile.ReasonChanged:            "amount, fee or the gateway's order changed after the order was settled",
	reconcile.ReasonPaidAfterFailed:    "a payout succeeded after downstream was told that it failed",
	reconcile.ReasonDuplicatePayment:   "nobody submitted this order, and it is named like a second payment of one that is known",
	reconcile.ReasonUnanswered:         "the gateway never answered the sweep",
	reconcile.ReasonByQuery:            "the order query alone says that a settled order failed",
	reconcile.ReasonOpen:               "the order was still not final when the sweep asked for the last time",
}

// Meaning is a review's reason in words.
func Meaning(reason string) string {
	if words, known := meanings[reconcile.Reason(reason)]; known {
		return words
	}
	return "see docs/decisions.md"
}

// Would says what resolving does, of what a preview or a resolution brought.
func Would(as string, res reconcile.Resolved, currency string) string {
	if as == Dismissed {
		return "closes the review and tells no outcome"
	}
	if l := res.Last; l != nil && string(l.Event.Outcome()) == as && l.Event.Data.Common().Flow == res.Review.Event.Data.Common().Flow {
		return as + " was told already (" + l.Event.ID + "): closes the review"
	}
	text := "tells " + as
	switch a := res.Answer; {
	case as == string(events.OutcomeSettled) && a != nil:
		text += " over " + a.Amount.InCurrency(currency).String() + " " + currency + ", the order query's amount,"
	case as == string(events.OutcomeReversed) && res.Last != nil:
		p := res.Last.Event.Data.Common()
		text += " over " + p.Amount.String() + " " + p.Currency + ", as it was settled,"
	}
	return text + " and closes the review"
}

// Said is an answer of the order query in words.
func Said(a reconcile.Answer, currency string) string {
	switch {
	case a.OtherOrder:
		return "answered about another order"
	case a.Unreadable:
		return "answered with what can't be read"
	case !a.Found:
		return "does not know the order"
	}
	text := a.Status.String()
	if a.Status == callback.Success && !a.Amount.Known() {
		return text + " without an amount"
	}
	if a.Amount.Known() {
		text += " " + a.Amount.InCurrency(currency).String() + " " + currency
	}
	return text
}

// CheckWhy refuses what would not stand in the books.
func CheckWhy(why string) error {
	switch {
	case strings.TrimSpace(why) == "":
		return errors.New("say why: it is kept with the decision")
	case utf8.RuneCountInString(why) > events.MaxWhyRunes:
		return fmt.Errorf("is longer than %d characters", events.MaxWhyRunes)
	case !utf8.ValidString(why), strings.ContainsFunc(why, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("holds characters that can't be seen; write one line of plain text")
	}
	return nil
}

// Worded is an error as a line that says what to do.
func Worded(err error) error {
	var unsure *reconcile.UnsureError
	var unavailable *reconcile.Unavailable
	switch {
	case errors.Is(err, reconcile.ErrNotOpen):
		return fmt.Errorf("%w: it was resolved before, or never opened; 'settlehook review show' tells", reconcile.ErrNotOpen)
	case errors.As(err, &unsure):
		return fmt.Errorf("it is not known whether it was done (%w); resolve it again the same way: what was told is found", err)
	case errors.As(err, &unavailable):
		return fmt.Errorf("the gateway did not answer, and nothing was told (%w); try again once it does, or dismiss the review", err)
	}
	return err
}
