package events

import (
	"errors"
	"fmt"
	"strings"
)

// ErrSubject is the error of a subject that this package can't have made.
var ErrSubject = errors.New("invalid subject")

const paymentsPrefix = "payments.v1."

// MaxSubjectBytes bounds every subject of an event that [New] accepts, well below
// the 4096 bytes of a NATS control line.
const MaxSubjectBytes = 344

// Order names one order: the merchant's order id is unique in the merchant.
type Order struct {
	Flow     Flow
	Merchant string // the configured id, as in the merchants file
	OrderID  string // the merchant's order id, unescaped
}

// tokens returns "<flow>.<merchant>.<order>".
func (o Order) tokens() string {
	return EscapeToken(string(o.Flow)) + "." + EscapeToken(o.Merchant) + "." + EscapeToken(o.OrderID)
}

// Subject returns the subject of a final outcome of an order,
// payments.v1.<outcome>.<flow>.<merchant>.<order>.
func Subject(o Outcome, ord Order) string {
	return paymentsPrefix + EscapeToken(string(o)) + "." + ord.tokens()
}

// ReviewSubject returns the subject of a review,
// payments.v1.review.<flow>.<merchant>.<order>.<reason>-<hash8>; see [CaseTail].
func ReviewSubject(ord Order, tail string) string {
	return Subject(OutcomeReview, ord) + "." + EscapeToken(tail)
}

// ResolvedSubject returns the subject of the event that closes the review of
// the same tail.
func ResolvedSubject(ord Order, tail string) string {
	return Subject(OutcomeResolved, ord) + "." + EscapeToken(tail)
}

// GuardFilter returns payments.v1.*.*.<merchant>.<order>: all final outcomes of
// an order, in both flows. Every publisher of the ledger guards its writes with
// the expected last sequence of this filter, which must therefore be the same
// bytes in each of them.
func GuardFilter(merchant, orderID string) string {
	return paymentsPrefix + "*.*." + EscapeToken(merchant) + "." + EscapeToken(orderID)
}

// ReviewFilter returns payments.v1.review.*.<merchant>.<order>.>: all reviews of
// an order, in both flows.
func ReviewFilter(merchant, orderID string) string {
	return paymentsPrefix + "review.*." + EscapeToken(merchant) + "." + EscapeToken(orderID) + ".>"
}

// ResolvedFilter returns payments.v1.resolved.*.<merchant>.<order>.>: what
// closed reviews of an order, in both flows.
func ResolvedFilter(merchant, orderID string) string {
	return paymentsPrefix + "resolved.*." + EscapeToken(merchant) + "." + EscapeToken(orderID) + ".>"
}

// SubjectParts is what the subject of a payment event says.
type SubjectParts struct {
	Outcome Outcome
	Order
	// Tail is "<reason>-<hash8>" of a review or a resolution, else empty.
	Tail string
}

// ParseSubject reads the subject of a payment event. Only what [Subject],
// [ReviewSubject] and [ResolvedSubject] write is accepted; anything else is
// [ErrSubject].
func ParseSubject(s string) (SubjectParts, error) {
	var parts SubjectParts
	rest, ok := strings.CutPrefix(s, paymentsPrefix)
	if !ok {
		return parts, fmt.Errorf("%w: %q does not begin with %s", ErrSubject, clip(s), paymentsPrefix)
	}
	tokens := strings.Split(rest, ".")
	outcome, err := ParseOutcome(tokens[0])
	if err != nil {
		return parts, fmt.Errorf("%w: %w", ErrSubject, err)
	}
	want := 4
	if !outcome.Final() {
		want = 5
	}
	if len(tokens) != want {
		return parts, fmt.Errorf("%w: %q has %d tokens, want %d", ErrSubject, clip(s), len(tokens)+2, want+2)
	}
	if parts.Order, err = parseOrderTokens(tokens[1:4]); err != nil {
		return SubjectParts{}, err
	}
	if !outcome.Final() {
		parts.Tail = tokens[4]
		if _, _, err := SplitTail(parts.Tail); err != nil {
			return SubjectParts{}, fmt.Errorf("%w: %w", ErrSubject, err)
		}
	}
	parts.Outcome = outcome
	return parts, nil
}

// parseOrderTokens reads flow, merchant and order.
func parseOrderTokens(tokens []string) (Order, error) {
	flow, err := ParseFlow(tokens[0])
	if err != nil {
		return Order{}, fmt.Errorf("%w: %w", ErrSubject, err)
	}
	merchant, err := UnescapeToken(tokens[1])
	if err != nil {
		return Order{}, fmt.Errorf("%w: merchant: %w", ErrSubject, err)
	}
	orderID, err := UnescapeToken(tokens[2])
	if err != nil {
		return Order{}, fmt.Errorf("%w: order: %w", ErrSubject, err)
	}
	return Order{Flow: flow, Merchant: merchant, OrderID: orderID}, nil
}
