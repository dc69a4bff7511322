package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// TypeBalance is the type of [BalanceEvent].
const TypeBalance = "settlehook.balance.snapshot.v1"

// BalanceSnapshot is what the gateway said a merchant's balance is, asked at the
// midnight that begins a day: the opening balance of that day, and the closing
// balance of the day before.
type BalanceSnapshot struct {
	Merchant string `json:"merchant"` // the configured id of the merchant
	Account  string `json:"account"`  // the gateway's
	Currency string `json:"currency"` // ISO 4217
	// Date is the day that begins, in the merchant's time zone: YYYY-MM-DD.
	Date string `json:"date"`
	// All is the whole balance, Usable the part that payouts can be made of. Both
	// may be below zero.
	All    Signed `json:"all"`
	Usable Signed `json:"usable"`
	// AskedAt and AnsweredAt tell how late after midnight it is.
	AskedAt    time.Time `json:"askedAt"`
	AnsweredAt time.Time `json:"answeredAt"`
	LiveMode   bool      `json:"livemode"` // false: no real money
}

// BalanceEvent is a snapshot of a balance in a CloudEvents 1.0 envelope.
type BalanceEvent struct {
	ID         string    // <merchant>/balance/<date>
	Source     string    // urn:settlehook:<installation>:<merchant>
	Type       string    // [TypeBalance]
	Subject    string    // the merchant's id
	Time       time.Time // when the gateway answered, UTC
	DataSchema string
	Data       BalanceSnapshot
}

// NewBalance builds the event of a snapshot. What breaks the contract is an
// *[InvalidError].
func NewBalance(installation string, b BalanceSnapshot) (BalanceEvent, error) {
	b.All, b.Usable = b.All.InCurrency(b.Currency), b.Usable.InCurrency(b.Currency)
	b.AskedAt, b.AnsweredAt = wireTime(b.AskedAt), wireTime(b.AnsweredAt)
	e := BalanceEvent{
		ID: BalanceID(b.Merchant, b.Date), Source: source(installation, b.Merchant), Type: TypeBalance,
		Subject: b.Merchant, Time: b.AnsweredAt, DataSchema: SchemaURI(TypeBalance), Data: b,
	}
	if err := e.check(); err != nil {
		return BalanceEvent{}, err
	}
	return e, nil
}

// BalanceID returns the id of the snapshot of a day, <merchant>/balance/<date>.
func BalanceID(merchant, date string) string { return idPrefix(merchant, "balance") + date }

// Installation returns the installation named by the source.
func (e BalanceEvent) Installation() string { return installationOf(e.Source) }

// NATSSubject returns the subject the event is published on.
func (e BalanceEvent) NATSSubject() string { return BalanceSubject(e.Data.Merchant) }

// MarshalJSON writes the event in structured mode, as [Event.MarshalJSON] does.
func (e BalanceEvent) MarshalJSON() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("encode balance data: %w", err)
	}
	return json.Marshal(envelope{
		SpecVersion: specVersion, ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject,
		Time: e.Time, DataContentType: dataContentType, DataSchema: e.DataSchema, Data: data,
	})
}

// UnmarshalJSON reads a balance event as [DecodeBalance] does.
func (e *BalanceEvent) UnmarshalJSON(b []byte) error {
	decoded, err := DecodeBalance(b)
	if err != nil {
		return err
	}
	*e = decoded
	return nil
}

// DecodeBalance reads a snapshot of a balance, with the strictness and the
// errors of [Decode].
func DecodeBalance(b []byte) (BalanceEvent, error) {
	env, err := decodeEnvelope(b, func(t string) bool { return t == TypeBalance })
	if err != nil {
		return BalanceEvent{}, err
	}
	e := BalanceEvent{
		ID: env.ID, Source: env.Source, Type: env.Type, Subject: env.Subject,
		Time: utc(env.Time), DataSchema: env.DataSchema,
	}
	if err := decodeStrict(env.Data, &e.Data); err != nil {
		return BalanceEvent{}, under("data", err)
	}
	e.Data.AskedAt, e.Data.AnsweredAt = utc(e.Data.AskedAt), utc(e.Data.AnsweredAt)
	if err := e.check(); err != nil {
		return BalanceEvent{}, err
	}
	return e, nil
}

// check holds a balance event to the contract.
func (e BalanceEvent) check() error {
	b := e.Data
	if err := b.check(); err != nil {
		return under("data", err)
	}
	if !e.Time.Equal(b.AnsweredAt) {
		return invalid("time", "want the time of the answer")
	}
	return checkEnvelope(envelope{
		ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Time: e.Time,
	}, envelope{
		ID: BalanceID(b.Merchant, b.Date), Type: TypeBalance, Subject: b.Merchant,
	}, b.Merchant)
}

// check holds the data; fields of the errors are relative to it.
func (b BalanceSnapshot) check() error {
	_, notDay := time.Parse(time.DateOnly, b.Date)
	switch {
	case !validMerchant(b.Merchant):
		return invalid("merchant", "want 1 to 64 letters, digits, dashes and underscores")
	case !validID(b.Account):
		return invalid("account", idRule)
	case !validCurrency(b.Currency):
		return invalid("currency", "want an ISO 4217 code of three capitals")
	case notDay != nil:
		return invalid("date", "want a day as YYYY-MM-DD")
	case !b.All.Known():
		return invalid("all", "is missing")
	case !b.Usable.Known():
		return invalid("usable", "is missing")
	case b.AskedAt.IsZero() || !validYear(b.AskedAt):
		return invalid("askedAt", "is missing or out of range")
	case b.AnsweredAt.IsZero() || !validYear(b.AnsweredAt):
		return invalid("answeredAt", "is missing or out of range")
	case b.AnsweredAt.Before(b.AskedAt):
		return invalid("answeredAt", "is before askedAt")
	default:
		return nil
	}
}
