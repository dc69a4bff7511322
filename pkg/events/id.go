package events

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrTail is the error of a tail that is not "<reason>-<hash8>".
var ErrTail = errors.New("invalid review tail")

// MaxReasonBytes bounds a reason, which is part of subjects and ids.
const MaxReasonBytes = 48

// ID returns the id of a final outcome, <merchant>/<order>/<outcome>. Merchant
// and order are escaped as in subjects, so that an order id holding a slash
// can't imitate another event. The same outcome of the same order has the same
// id whoever emits it, and whenever.
func ID(merchant, orderID string, o Outcome) string {
	return idPrefix(merchant, orderID) + string(o)
}

// ReviewID returns the id of a review, <merchant>/<order>/review/<tail>.
func ReviewID(merchant, orderID, tail string) string {
	return ID(merchant, orderID, OutcomeReview) + "/" + EscapeToken(tail)
}

// ResolvedID returns the id of the event that closes a review,
// <merchant>/<order>/resolved/<tail>: a review is closed once.
func ResolvedID(merchant, orderID, tail string) string {
	return ID(merchant, orderID, OutcomeResolved) + "/" + EscapeToken(tail)
}

// idPrefix begins the ids of all events of an order.
func idPrefix(merchant, orderID string) string {
	return EscapeToken(merchant) + "/" + EscapeToken(orderID) + "/"
}

// CaseHash returns eight lowercase hex digits that name a case by its parts, in
// their order. Each part is hashed with its length, so that ("ab", "c") and
// ("a", "bc") differ.
func CaseHash(parts ...string) string {
	h := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// CaseTail returns "<reason>-<hash8>", the last token of a review's subject. The
// hash covers the order's flow and the parts: what makes this case another one
// than the last review of the same reason (statuses, amounts, platform ids).
// The flow belongs in it because ids of reviews, unlike their subjects, do not
// hold it.
func CaseTail(ord Order, reason string, parts ...string) string {
	return reason + "-" + CaseHash(append([]string{string(ord.Flow)}, parts...)...)
}

// SplitTail takes "<reason>-<hash8>" apart, or returns [ErrTail].
func SplitTail(tail string) (reason, hash string, err error) {
	at := strings.LastIndexByte(tail, '-')
	if at < 0 {
		return "", "", fmt.Errorf("%w: %q has no hash", ErrTail, clip(tail))
	}
	reason, hash = tail[:at], tail[at+1:]
	if !validReason(reason) || len(hash) != 8 || strings.Trim(hash, "0123456789abcdef") != "" {
		return "", "", fmt.Errorf("%w: %q is not <reason>-<8 hex digits>", ErrTail, clip(tail))
	}
	return reason, hash, nil
}

// validReason reports whether s is [a-z][a-z0-9_]{0,47}: reasons are matched by
// programs and stand in subjects.
func validReason(s string) bool {
	if s == "" || len(s) > MaxReasonBytes || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
