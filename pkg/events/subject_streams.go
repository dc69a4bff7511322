package events

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// UnknownToken stands for a merchant or flow that is not configured: only
// configured ones ever become subject tokens.
const UnknownToken = "_unknown"

// The classes of quarantined callbacks.
const (
	QuarantineSignature = "signature" // no key of the merchant fits
	QuarantineMalformed = "malformed" // not a callback
	QuarantineUnknown   = "unknown"   // unknown merchant or flow
)

// Bucket returns two lowercase hex digits of the SHA-256 of an order id, which
// spread the orders of a merchant over 256 subjects.
func Bucket(orderID string) string {
	sum := sha256.Sum256([]byte(orderID))
	return hex.EncodeToString(sum[:1])
}

// CallbackSubject returns callbacks.v1.<flow>.<merchant>.<bucket>.
func CallbackSubject(flow, merchant, orderID string) string {
	return "callbacks.v1." + EscapeToken(flow) + "." + EscapeToken(merchant) + "." + Bucket(orderID)
}

// TrailSubject returns trail.v1.<flow>.<merchant>.<bucket>.
func TrailSubject(flow, merchant, orderID string) string {
	return "trail.v1." + EscapeToken(flow) + "." + EscapeToken(merchant) + "." + Bucket(orderID)
}

// ParkedSubject returns parked.v1.<flow>.<merchant>.
func ParkedSubject(flow, merchant string) string {
	return "parked.v1." + EscapeToken(flow) + "." + EscapeToken(merchant)
}

// QuarantineSubject returns quarantine.v1.<class>.<flow>.<merchant>. Callers
// pass [UnknownToken] for what is not configured.
func QuarantineSubject(class, flow, merchant string) string {
	return "quarantine.v1." + EscapeToken(class) + "." + EscapeToken(flow) + "." + EscapeToken(merchant)
}

// BalanceSubject returns balances.v1.<merchant>, where the snapshots of a
// merchant's balance are, one a day.
func BalanceSubject(merchant string) string { return "balances.v1." + EscapeToken(merchant) }

const (
	ordersPrefix    = "orders.v1."
	submittedPrefix = ordersPrefix + "submitted."
	repeatedPrefix  = ordersPrefix + "repeated."
	withdrawnPrefix = ordersPrefix + "withdrawn."
)

// SubmittedSubject returns orders.v1.submitted.<flow>.<merchant>.<order>, where
// an order service registers an order before it creates it at the gateway.
func SubmittedSubject(ord Order) string { return submittedPrefix + ord.tokens() }

// RepeatedSubject returns orders.v1.repeated.<flow>.<merchant>.<order>, where it
// marks a registered order before a further attempt to create it.
func RepeatedSubject(ord Order) string { return repeatedPrefix + ord.tokens() }

// WithdrawnSubject returns orders.v1.withdrawn.<flow>.<merchant>.<order>, where
// it takes the registration back after a definite refusal.
func WithdrawnSubject(ord Order) string { return withdrawnPrefix + ord.tokens() }

// SubmittedFilter returns orders.v1.submitted.*.<merchant>.<order>: the
// registrations of an order, in both flows.
func SubmittedFilter(merchant, orderID string) string {
	return submittedPrefix + "*." + EscapeToken(merchant) + "." + EscapeToken(orderID)
}

// OrderGuardFilter returns orders.v1.*.*.<merchant>.<order>: all that order
// services said about an order, in both flows. Each of them guards its writes
// with the expected last sequence of this filter, which must therefore be the
// same bytes in each of them.
func OrderGuardFilter(merchant, orderID string) string {
	return ordersPrefix + "*.*." + EscapeToken(merchant) + "." + EscapeToken(orderID)
}

// ParseOrderSubject reads what [SubmittedSubject], [RepeatedSubject] or
// [WithdrawnSubject] wrote, with the type of the event that belongs there.
// Anything else is [ErrSubject].
func ParseOrderSubject(s string) (ord Order, eventType string, err error) {
	rest, _ := strings.CutPrefix(s, ordersPrefix)
	tokens := strings.Split(rest, ".")
	switch ordersPrefix + tokens[0] + "." {
	case submittedPrefix:
		eventType = TypeSubmitted
	case repeatedPrefix:
		eventType = TypeRepeated
	case withdrawnPrefix:
		eventType = TypeWithdrawn
	}
	if eventType == "" || rest == s {
		return Order{}, "", fmt.Errorf("%w: %q is not of an order", ErrSubject, clip(s))
	}
	if len(tokens) != 4 {
		return Order{}, "", fmt.Errorf("%w: %q has %d tokens, want 6", ErrSubject, clip(s), len(tokens)+2)
	}
	if ord, err = parseOrderTokens(tokens[1:]); err != nil {
		return Order{}, "", err
	}
	return ord, eventType, nil
}
