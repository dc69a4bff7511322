package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Types of the events that order services publish.
const (
	TypeSubmitted = "settlehook.order.submitted.v1"
	TypeRepeated  = "settlehook.order.repeated.v1"
	TypeWithdrawn = "settlehook.order.withdrawn.v1"
)

// SubmittedOrder is what an order service registers before it creates an order
// at the gateway, so that what was paid can be compared with what was asked.
// What follows a registration (that it was repeated, or withdrawn) repeats it.
type SubmittedOrder struct {
	Flow     Flow   `json:"flow"`
	Merchant string `json:"merchant"` // the configured id of the merchant
	OrderID  string `json:"orderId"`
	Amount   Amount `json:"amount"`   // major units, above zero
	Currency string `json:"currency"` // ISO 4217
}

// Order returns the order's name.
func (s SubmittedOrder) Order() Order {
	return Order{Flow: s.Flow, Merchant: s.Merchant, OrderID: s.OrderID}
}

// OrderEvent is a registration, the mark that it was repeated, or its
// withdrawal, in a CloudEvents 1.0 envelope.
type OrderEvent struct {
	ID         string    // <merchant>/<order>/submitted/<flow>, or repeated, or withdrawn
	Source     string    // urn:settlehook:<installation>:<merchant>
	Type       string    // [TypeSubmitted], [TypeRepeated] or [TypeWithdrawn]
	Subject    string    // the merchant's order id
	Time       time.Time // of the registration, by the order service's clock, UTC
	DataSchema string
	Data       SubmittedOrder
}

// NewSubmitted builds the registration of an order; at is now. What breaks the
// contract is an *[InvalidError].
func NewSubmitted(installation string, at time.Time, o SubmittedOrder) (OrderEvent, error) {
	return newOrderEvent(TypeSubmitted, installation, at, o)
}

// NewRepeated builds the mark that a further attempt may create a registered
// order, after which the registration can't be withdrawn any more.
func NewRepeated(installation string, at time.Time, o SubmittedOrder) (OrderEvent, error) {
	return newOrderEvent(TypeRepeated, installation, at, o)
}

// NewWithdrawn builds the withdrawal of a registration, after the gateway
// refused to create the order.
func NewWithdrawn(installation string, at time.Time, o SubmittedOrder) (OrderEvent, error) {
	return newOrderEvent(TypeWithdrawn, installation, at, o)
}

func newOrderEvent(eventType, installation string, at time.Time, o SubmittedOrder) (OrderEvent, error) {
	o.Amount = o.Amount.InCurrency(o.Currency)
	e := OrderEvent{
		ID: orderEventID(eventType, o), Source: source(installation, o.Merchant), Type: eventType,
		Subject: o.OrderID, Time: wireTime(at), DataSchema: SchemaURI(eventType), Data: o,
	}
	if err := e.check(); err != nil {
		return OrderEvent{}, err
	}
	return e, nil
}

// Repeated reports whether the event marks a registration as repeated.
func (e OrderEvent) Repeated() bool { return e.Type == TypeRepeated }

// Withdrawn reports whether the event takes a registration back.
func (e OrderEvent) Withdrawn() bool { return e.Type == TypeWithdrawn }

// Installation returns the installation named by the source.
func (e OrderEvent) Installation() string { return installationOf(e.Source) }

// NATSSubject returns the subject the event is published on.
func (e OrderEvent) NATSSubject() string {
	switch e.Type {
	case TypeRepeated:
		return RepeatedSubject(e.Data.Order())
	case TypeWithdrawn:
		return WithdrawnSubject(e.Data.Order())
	default:
		return SubmittedSubject(e.Data.Order())
	}
}

// orderEventID names the flow too: what is not written through pkg/orders may
// register an order id in both, which only the worker finds out.
func orderEventID(eventType string, o SubmittedOrder) string {
	what := "submitted"
	switch eventType {
	case TypeRepeated:
		what = "repeated"
	case TypeWithdrawn:
		what = "withdrawn"
	}
	return idPrefix(o.Merchant, o.OrderID) + what + "/" + string(o.Flow)
}

// MarshalJSON writes the event in structured mode, as [Event.MarshalJSON] does.
func (e OrderEvent) MarshalJSON() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("encode order data: %w", err)
	}
	return json.Marshal(envelope{
		SpecVersion: specVersion, ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject,
		Time: e.Time, DataContentType: dataContentType, DataSchema: e.DataSchema, Data: data,
	})
}

// UnmarshalJSON reads an order event as [DecodeOrder] does.
func (e *OrderEvent) UnmarshalJSON(b []byte) error {
	decoded, err := DecodeOrder(b)
	if err != nil {
		return err
	}
	*e = decoded
	return nil
}

// DecodeOrder reads an order event of any type, with the strictness and the
// errors of [Decode].
func DecodeOrder(b []byte) (OrderEvent, error) { return decodeOrder(b, isOrderType) }

func isOrderType(t string) bool {
	return t == TypeSubmitted || t == TypeRepeated || t == TypeWithdrawn
}

// DecodeSubmitted reads a registration; another type is an *[UnknownTypeError].
func DecodeSubmitted(b []byte) (OrderEvent, error) {
	return decodeOrder(b, func(t string) bool { return t == TypeSubmitted })
}

// DecodeRepeated reads the mark of a repeat; another type is an
// *[UnknownTypeError].
func DecodeRepeated(b []byte) (OrderEvent, error) {
	return decodeOrder(b, func(t string) bool { return t == TypeRepeated })
}

// DecodeWithdrawn reads a withdrawal; another type is an *[UnknownTypeError].
func DecodeWithdrawn(b []byte) (OrderEvent, error) {
	return decodeOrder(b, func(t string) bool { return t == TypeWithdrawn })
}

func decodeOrder(b []byte, known func(string) bool) (OrderEvent, error) {
	env, err := decodeEnvelope(b, known)
	if err != nil {
		return OrderEvent{}, err
	}
	e := OrderEvent{
		ID: env.ID, Source: env.Source, Type: env.Type, Subject: env.Subject,
		Time: utc(env.Time), DataSchema: env.DataSchema,
	}
	if err := decodeStrict(env.Data, &e.Data); err != nil {
		return OrderEvent{}, under("data", err)
	}
	if err := e.check(); err != nil {
		return OrderEvent{}, err
	}
	return e, nil
}

// check holds an order event to the contract.
func (e OrderEvent) check() error {
	o := e.Data
	switch {
	case !o.Flow.valid():
		return invalid("data.flow", "want collect or pay")
	case !validMerchant(o.Merchant):
		return invalid("data.merchant", "want 1 to 64 letters, digits, dashes and underscores")
	case !validID(o.OrderID):
		return invalid("data.orderId", idRule)
	case o.Amount.Sign() <= 0:
		return invalid("data.amount", "want an amount above zero")
	case !validCurrency(o.Currency):
		return invalid("data.currency", "want an ISO 4217 code of three capitals")
	case !isOrderType(e.Type):
		return invalid("type", "want "+TypeSubmitted+", "+TypeRepeated+" or "+TypeWithdrawn)
	}
	return checkEnvelope(envelope{
		ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Time: e.Time,
	}, envelope{
		ID: orderEventID(e.Type, o), Type: e.Type, Subject: o.OrderID,
	}, o.Merchant)
}
