package events

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of texts that people write. A person can shorten them, so they are
// refused rather than cut.
const (
	MaxByRunes  = 128
	MaxWhyRunes = 1024
)

// maxIDBytes bounds merchants, accounts and order ids (gateway page,
// verification rule 4).
const maxIDBytes = 64

// checkData holds the data of a payment event to the contract; fields of the
// errors are relative to the data.
func checkData(d Data) error {
	p := d.Common()
	checks := []func() error{
		func() error { return checkNames(d.outcome(), p) },
		func() error { return checkMoney(d.outcome(), p) },
		func() error { return checkRest(p) },
		func() error { return under("evidence", checkEvidence(p.Evidence)) },
		func() error { return checkCase(d, p) },
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkNames holds what names the order and the decision.
func checkNames(o Outcome, p Payment) error {
	switch {
	case p.Outcome != o:
		return invalid("outcome", fmt.Sprintf("is %q, want %q", clip(string(p.Outcome)), o))
	case !validReason(p.Reason):
		return invalid("reason", fmt.Sprintf("want snake_case of at most %d letters", MaxReasonBytes))
	case !p.Via.valid():
		return invalid("via", "want callback, sweep or operator")
	case p.Match == "" && o == OutcomeSettled:
		return invalid("match", "is missing: nothing settles unmatched")
	case p.Match != "" && !p.Match.valid():
		return invalid("match", "want two-way or three-way")
	case !p.Flow.valid():
		return invalid("flow", "want collect or pay")
	case !validMerchant(p.Merchant):
		return invalid("merchant", "want 1 to 64 letters, digits, dashes and underscores")
	case !validID(p.Account):
		return invalid("account", idRule)
	case !validID(p.OrderID):
		return invalid("orderId", idRule)
	case p.PlatOrderID != "" && !validID(p.PlatOrderID):
		return invalid("platOrderId", idRule)
	default:
		return nil
	}
}

// checkMoney holds amounts, currency and direction.
func checkMoney(o Outcome, p Payment) error {
	want := DirectionOf(o, p.Flow)
	switch {
	case !validCurrency(p.Currency):
		return invalid("currency", "want an ISO 4217 code of three capitals")
	case p.Direction != want:
		return invalid("direction", fmt.Sprintf("is %q, want %q for %s %s", clip(string(p.Direction)), want, o, p.Flow))
	case want != None && !p.Amount.Known():
		return invalid("amount", "is missing: money moved")
	case o == OutcomeSettled && p.Amount.Sign() == 0:
		return invalid("amount", "is zero: nothing was paid, so nothing settled")
	case p.Net.Known() && want == None:
		return invalid("net", "must be absent where the balance does not change")
	case p.Net.Known() && !netAgrees(p):
		return invalid("net", fmt.Sprintf("%s does not follow from amount %s and fee %s", p.Net, p.Amount, p.Fee))
	default:
		return nil
	}
}

// netAgrees reports whether the net is one that [Net] can have returned.
func netAgrees(p Payment) bool {
	if p.Flow == FlowCollect {
		return p.Net.Equal(minus(p.Amount, p.Fee))
	}
	return p.Net.Equal(p.Amount) || p.Net.Equal(plus(p.Amount, p.Fee))
}

// checkRest holds the other common fields.
func checkRest(p Payment) error {
	if _, err := time.Parse(time.DateOnly, p.BookingDate); err != nil {
		return invalid("bookingDate", "want a day as YYYY-MM-DD")
	}
	if err := checkText("utr", p.UTR, len(p.UTR)); err != nil {
		return err
	}
	if err := checkText("remark", p.Remark, MaxRemarkRunes); err != nil {
		return err
	}
	return checkReference("supersedes", p.Supersedes, p)
}

// checkReference holds the id of another event of the same order.
func checkReference(field, id string, p Payment) error {
	if id == "" {
		return nil
	}
	prefix := idPrefix(p.Merchant, p.OrderID)
	rest, ok := strings.CutPrefix(id, prefix)
	// What follows is not held to today's outcomes: there may be others one day.
	if !ok || rest == "" || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789_/-") != "" {
		return invalid(field, fmt.Sprintf("want the id of an event of this order, %s…", prefix))
	}
	return nil
}

// checkEvidence holds the evidence; fields are relative to it.
func checkEvidence(ev Evidence) error {
	if err := checkText("fingerprint", ev.Fingerprint, 256); err != nil {
		return err
	}
	if !validYear(ev.ReceivedAt) {
		return invalid("receivedAt", yearRule)
	}
	if !validYear(ev.ConfirmedAt) {
		return invalid("confirmedAt", yearRule)
	}
	if c := ev.Callback; c != nil {
		if err := checkSaid(c.Status, c.PlatOrderID); err != nil {
			return under("callback", err)
		}
		if err := checkText("remark", c.Remark, MaxRemarkRunes); err != nil {
			return under("callback", err)
		}
	}
	if q := ev.Query; q != nil {
		if err := checkSaid(q.Status, q.PlatOrderID); err != nil {
			return under("query", err)
		}
		if err := checkText("utr", q.UTR, len(q.UTR)); err != nil {
			return under("query", err)
		}
		if q.NotFound && *q != (QueryEvidence{NotFound: true}) {
			return under("query", invalid("notFound", "excludes everything else"))
		}
	}
	return nil
}

func checkSaid(status int, platOrderID string) error {
	if status < 0 || status > 2 {
		return invalid("status", "want 0, 1 or 2")
	}
	if platOrderID != "" && !validID(platOrderID) {
		return invalid("platOrderId", idRule)
	}
	return nil
}

// checkCase holds what reviews and resolutions add.
func checkCase(d Data, p Payment) error {
	if d.outcome().Final() {
		return nil
	}
	reason, _, err := SplitTail(d.tail())
	if err != nil {
		return &InvalidError{Field: "case", Reason: err.Error(), Err: err}
	}
	if reason != p.Reason {
		return invalid("reason", fmt.Sprintf("is %q, but the case is of %q", p.Reason, reason))
	}
	r, ok := d.(Resolved)
	if !ok {
		return nil
	}
	if want := ReviewID(p.Merchant, p.OrderID, r.Case); r.Resolves != want {
		return invalid("resolves", fmt.Sprintf("is %q, want %q", clip(r.Resolves), want))
	}
	if strings.TrimSpace(r.By) == "" {
		return invalid("by", "is missing: say who decided")
	}
	if strings.TrimSpace(r.Why) == "" {
		return invalid("why", "is missing: say why")
	}
	if err := checkText("by", r.By, MaxByRunes); err != nil {
		return err
	}
	if err := checkText("why", r.Why, MaxWhyRunes); err != nil {
		return err
	}
	return checkReference("resultingEvent", r.ResultingEvent, p)
}

func checkText(field, s string, most int) error {
	if !utf8.ValidString(s) {
		return invalid(field, "is not UTF-8")
	}
	if utf8.RuneCountInString(s) > most {
		return invalid(field, fmt.Sprintf("is longer than %d characters", most))
	}
	return nil
}

const yearRule = "the year is out of range"

// validYear keeps to the years that RFC 3339 can write.
func validYear(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

const idRule = "want 1 to 64 printable ASCII characters without white space or &"

// validID is the rule for the gateway's and merchants' order ids (gateway page,
// verification rule 4).
func validID(s string) bool {
	return s != "" && len(s) <= maxIDBytes && printable(s) && !strings.Contains(s, "&")
}

// printable reports whether s is printable ASCII without white space.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// validMerchant is the rule of the merchants file.
func validMerchant(s string) bool {
	for i := range len(s) {
		if !isPlain(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= maxIDBytes
}

// validInstallation keeps colons out, which separate the parts of a source.
func validInstallation(s string) bool {
	for i := range len(s) {
		if !isPlain(s[i]) && s[i] != '.' {
			return false
		}
	}
	return s != "" && len(s) <= maxIDBytes
}
