package sandbox

import (
	"cmp"
	"encoding/csv"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/govalues/decimal"
)

const typeCSV = "text/csv; charset=utf-8"

// What a bill says happened.
const (
	billSuccess  = "success"
	billFailed   = "failed"
	billReversed = "reversed"
)

// BillLine is one line of a bill: a change of an order that moved money, or that
// ended it without. What is still open has none, and neither have movements.
type BillLine struct {
	At                   time.Time
	Flow                 Flow
	OrderID, PlatOrderID string
	Status               string // success, failed or reversed
	// Amount and Fee are what was paid, and what is given back by a reversal; of a
	// failed order both are zero.
	Amount, Fee decimal.Decimal
	Currency    string
	UTR         string
	Change      decimal.Decimal // of the whole balance
}

// Bill returns what happened to a merchant's orders from one time until before
// another, in the order of time and then of the orders' creation; the zero time is
// no bound. Fails with an error wrapping ErrInvalid for an unknown merchant.
func (s *Server) Bill(merchant string, from, until time.Time) ([]BillLine, error) {
	m := s.merchants[merchant]
	if m == nil {
		return nil, invalid("unknown merchant %q", merchant)
	}
	var bill []BillLine
	for _, r := range s.books.all() {
		if r.Merchant != merchant {
			continue
		}
		lines, err := m.bill(r)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if !l.At.Before(from) && (until.IsZero() || l.At.Before(until)) {
				bill = append(bill, l)
			}
		}
	}
	slices.SortStableFunc(bill, func(a, b BillLine) int { return a.At.Compare(b.At) })
	return bill, nil
}

// bill is the lines of one order.
func (m *merchant) bill(r Record) ([]BillLine, error) {
	var lines []BillLine
	was := decimal.Zero // what the order added to the balance
	for _, h := range r.History {
		l := BillLine{
			At: h.At, Flow: r.Flow, OrderID: r.OrderID, PlatOrderID: r.PlatOrderID,
			Amount: h.Paid, Fee: h.Fee, Currency: r.Currency, UTR: r.UTR,
		}
		then := Order{Flow: r.Flow, Currency: r.Currency, Submitted: r.Submitted, Paid: h.Paid, Fee: h.Fee}
		switch h.State {
		case stateSubmitted:
			continue
		case stateFailed:
			l.Status, then.Status, l.UTR = billFailed, Failed, ""
		case stateReversed:
			l.Status, then.Status, then.Reversed = billReversed, Failed, true
		default: // paid, as much as it was
			l.Status, then.Status = billSuccess, Success
		}
		is, err := m.effect(then)
		if err != nil {
			return nil, err
		}
		if l.Change, err = is.All.Sub(was); err != nil {
			return nil, err
		}
		l.Change, was = l.Change.Pad(fractionDigits(r.Currency)), is.All
		lines = append(lines, l)
	}
	return lines, nil
}

var billHeader = []string{
	"time", "type", "merchant_order", "platform_order", "status", "amount", "fee", "currency", "utr", "balance_change",
}

// WriteBill writes a bill as CSV.
func WriteBill(w io.Writer, bill []BillLine) error {
	rows := csv.NewWriter(w)
	_ = rows.Write(billHeader)
	for _, l := range bill {
		_ = rows.Write([]string{
			timeText(l.At), string(l.Flow), l.OrderID, l.PlatOrderID, l.Status,
			l.Amount.String(), l.Fee.String(), l.Currency, l.UTR, l.Change.String(),
		})
	}
	rows.Flush() // keeps the first error
	return rows.Error()
}

func (s *Server) handleBill(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, fromErr := billBound("from", q.Get("from"), 0)
	until, untilErr := billBound("to", q.Get("to"), 1)
	if err := cmp.Or(fromErr, untilErr); err != nil {
		writeError(w, err)
		return
	}
	bill, err := s.Bill(q.Get("merchant"), from, until)
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", typeCSV)
	_ = WriteBill(w, bill) // fails only where the reader has gone
}

// billBound reads a time, or a day in UTC: its begin, or the one days later.
func billBound(name, text string, days int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, days), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, invalid("%s is %q; write a day as 2026-11-05 or a time as 2026-11-05T12:00:00Z", name, text)
	}
	return at, nil
}
