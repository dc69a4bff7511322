package events

import (
	"encoding/json"
	"time"
)

// Payment is what all payment events say. A field that is absent from the JSON
// is unknown; it never means zero or empty. Amounts are in major units.
type Payment struct {
	Outcome  Outcome `json:"outcome"`         // filled in by [New]
	Reason   string  `json:"reason"`          // the named rule that decided, snake_case
	Via      Via     `json:"via"`             // what made settlehook look
	Match    Match   `json:"match,omitempty"` // how many statements agreed; always on settled
	Flow     Flow    `json:"flow"`
	Merchant string  `json:"merchant"` // the configured id of the merchant
	Account  string  `json:"account"`  // its account at the gateway

	OrderID     string `json:"orderId"`               // the merchant's order id
	PlatOrderID string `json:"platOrderId,omitempty"` // the gateway's order id

	Amount          Amount    `json:"amount,omitzero"`          // actually paid, by the order query
	Fee             Amount    `json:"fee,omitzero"`             // the gateway's commission, by the order query
	Net             Amount    `json:"net,omitzero"`             // by how much the balance changes; see [Net]
	SubmittedAmount Amount    `json:"submittedAmount,omitzero"` // what the order was submitted with
	Currency        string    `json:"currency"`                 // ISO 4217
	Direction       Direction `json:"direction"`                // filled in by [New]

	BookingDate string `json:"bookingDate"` // YYYY-MM-DD at confirmation, in the merchant's time zone; see [BookingDate]
	LiveMode    bool   `json:"livemode"`    // false: no real money moved (sandbox)

	UTR        string `json:"utr,omitempty"`        // the bank's reference; its shape depends on the rail
	Remark     string `json:"remark,omitempty"`     // the gateway's words, capped at [MaxRemarkRunes]
	Supersedes string `json:"supersedes,omitempty"` // id of the event of this order that no longer holds

	Evidence Evidence `json:"evidence,omitzero"`
}

// MaxRemarkRunes caps a remark. What is beyond is cut off, not refused: the
// words of a gateway must not hold up money.
const MaxRemarkRunes = 256

// Order returns the order the event is about.
func (p Payment) Order() Order {
	return Order{Flow: p.Flow, Merchant: p.Merchant, OrderID: p.OrderID}
}

// Common returns what all payment events say, whatever their type.
func (p Payment) Common() Payment { return p }

// Evidence is what the decision was made from.
type Evidence struct {
	Fingerprint    string            `json:"fingerprint,omitempty"`   // of the callback: status, reverse, amount
	ReceivedAt     time.Time         `json:"receivedAt,omitzero"`     // when the callback arrived, UTC
	ConfirmedAt    time.Time         `json:"confirmedAt,omitzero"`    // when the order query answered, UTC
	StreamSequence uint64            `json:"streamSequence,omitzero"` // of the callback in the stream CALLBACKS
	Callback       *CallbackEvidence `json:"callback,omitempty"`      // what the callback said, if there was one
	Query          *QueryEvidence    `json:"query,omitempty"`         // what the order query said, if it answered
}

// CallbackEvidence is what a signed callback said: a hint, not the truth.
type CallbackEvidence struct {
	Status      int    `json:"status"` // 0 submitted, 1 success, 2 failed
	Reverse     bool   `json:"reverse"`
	Amount      Amount `json:"amount,omitzero"`
	Fee         Amount `json:"fee,omitzero"`
	PlatOrderID string `json:"platOrderId,omitempty"`
	Remark      string `json:"remark,omitempty"` // capped as [Payment] is
}

// QueryEvidence is what the gateway's order query said. With NotFound nothing
// else is known, and the JSON holds no status.
type QueryEvidence struct {
	Status      int    `json:"status"` // 0 submitted, 1 success, 2 failed
	Amount      Amount `json:"amount,omitzero"`
	Fee         Amount `json:"fee,omitzero"`
	PlatOrderID string `json:"platOrderId,omitempty"`
	UTR         string `json:"utr,omitempty"`
	NotFound    bool   `json:"notFound,omitempty"` // the gateway knows no such order
}

// queryWire is QueryEvidence with a status that can be absent.
type queryWire struct {
	Status      *int   `json:"status,omitempty"`
	Amount      Amount `json:"amount,omitzero"`
	Fee         Amount `json:"fee,omitzero"`
	PlatOrderID string `json:"platOrderId,omitempty"`
	UTR         string `json:"utr,omitempty"`
	NotFound    bool   `json:"notFound,omitempty"`
}

// MarshalJSON leaves the status out of an answer that had none.
func (q QueryEvidence) MarshalJSON() ([]byte, error) {
	w := queryWire{
		Amount: q.Amount, Fee: q.Fee, PlatOrderID: q.PlatOrderID, UTR: q.UTR, NotFound: q.NotFound,
	}
	if !q.NotFound {
		w.Status = &q.Status
	}
	return json.Marshal(w)
}

// UnmarshalJSON refuses an answer without status unless it is notFound, and
// one with both.
func (q *QueryEvidence) UnmarshalJSON(b []byte) error {
	var w queryWire
	if err := decodeStrict(b, &w); err != nil {
		return err
	}
	if w.NotFound == (w.Status != nil) {
		return invalid("status", "must be there unless notFound is true")
	}
	*q = QueryEvidence{
		Amount: w.Amount, Fee: w.Fee, PlatOrderID: w.PlatOrderID, UTR: w.UTR, NotFound: w.NotFound,
	}
	if w.Status != nil {
		q.Status = *w.Status
	}
	return nil
}

// BookingDate returns the day of a moment in the merchant's time zone, in the
// form of [Payment.BookingDate].
func BookingDate(at time.Time, zone *time.Location) string {
	return at.In(zone).Format(time.DateOnly)
}
