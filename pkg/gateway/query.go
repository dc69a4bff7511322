package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/govalues/decimal"
)

const endpointQuery = "/order/query"

// Status is the gateway's transaction status (API document, data dictionary).
type Status int

// The transaction statuses. Submitted is not final.
const (
	StatusSubmitted Status = 0
	StatusSuccess   Status = 1
	StatusFailed    Status = 2
)

// String returns the status in words.
func (s Status) String() string {
	switch s {
	case StatusSubmitted:
		return "submitted"
	case StatusSuccess:
		return "success"
	case StatusFailed:
		return "failed"
	}
	return "status " + strconv.Itoa(int(s))
}

// Order is what the gateway says about an order, of either flow. It has no
// word about a reversal: a reversed order answers with StatusFailed.
type Order struct {
	// OrderID is the merchant's order id; it equals the one asked for.
	OrderID string
	// PlatOrderID is the gateway's own order id, "" when the answer has none.
	PlatOrderID string
	Status      Status
	// Amount is the amount actually paid, in major currency units, with the
	// fraction digits as the gateway wrote them. Meaningless unless AmountKnown.
	Amount      decimal.Decimal
	AmountKnown bool
	// Fee is the gateway's commission in major currency units. Meaningless
	// unless FeeKnown.
	Fee      decimal.Decimal
	FeeKnown bool
	// UTR is the bank's transaction reference as given, "" when there is none.
	// It is never refused for its shape: one printable line of at most 64 runes.
	UTR string
	// Sandbox says that settlehook's sandbox answered: no real money moved.
	Sandbox bool
}

// maxUTR bounds the transaction reference, in runes; 22 is the longest of the
// rails known.
const maxUTR = 64

// QueryOrder asks for the order's state; it serves collect and pay orders
// alike. Fails with *NotFoundError, *BusinessError, *AnomalyError,
// *TransportError or *AnswerError, or with an error wrapping ErrInvalidRequest
// when orderID is not 1 to 64 printable ASCII characters without white space
// and "&" (gateway page, verification rule 4).
func (c *Client) QueryOrder(ctx context.Context, orderID string) (Order, error) {
	if !validID(orderID) {
		return Order{}, fmt.Errorf("%w: the order id must be 1 to 64 printable ASCII characters without white space and &",
			ErrInvalidRequest)
	}
	return c.queryOrder(ctx, orderID, nil)
}

// queryOrder is QueryOrder on behalf of a create, whose fields a gateway's text
// may quote.
func (c *Client) queryOrder(ctx context.Context, orderID string, quoted []field) (Order, error) {
	r, err := c.call(ctx, request{
		endpoint: endpointQuery, orderID: orderID, fields: []field{{"orderId", orderID}}, notFound: c.notFound, quoted: quoted,
	})
	if err != nil {
		return Order{}, err
	}
	order, err := parseOrder(r.data, orderID)
	order.Sandbox = r.sandbox
	return order, inData(err, r.sandbox)
}

// inData marks what could not be read although the call itself succeeded.
func inData(err error, sandbox bool) error {
	var answer *AnswerError
	if errors.As(err, &answer) {
		answer.InData, answer.Sandbox = true, sandbox
	}
	return err
}

// parseOrder reads the data of an order query about the order asked for.
func parseOrder(data object, asked string) (Order, error) {
	var order Order
	var err error
	if order.OrderID, err = data.text("orderId"); err != nil {
		return Order{}, err
	}
	if order.OrderID == "" {
		return Order{}, malformed("orderId is missing")
	}
	if order.OrderID != asked {
		return Order{}, &AnswerError{Reason: "it is about another order than the one asked for", Mismatch: true}
	}
	if order.PlatOrderID, err = data.text("platOrderId"); err != nil {
		return Order{}, err
	}
	if order.PlatOrderID != "" && !validID(order.PlatOrderID) {
		return Order{}, malformed("platOrderId is not 1 to 64 printable ASCII characters")
	}
	if order.Status, err = parseStatus(data); err != nil {
		return Order{}, err
	}
	if order.Amount, order.AmountKnown, err = data.amount("amount"); err != nil {
		return Order{}, err
	}
	if order.Fee, order.FeeKnown, err = data.amount("fee"); err != nil {
		return Order{}, err
	}
	// A reference of digits is sometimes sent as a number: number takes both.
	if !data.absent("utr") && string(data["utr"]) != `""` {
		utr, err := data.number("utr")
		if err != nil {
			return Order{}, malformed("utr is not a string")
		}
		order.UTR = printableLine(utr, maxUTR)
	}
	return order, nil
}

func parseStatus(data object) (Status, error) {
	text, err := data.number("status")
	if err != nil {
		return 0, err
	}
	switch text {
	case "":
		return 0, malformed("status is missing")
	case "0":
		return StatusSubmitted, nil
	case "1":
		return StatusSuccess, nil
	case "2":
		return StatusFailed, nil
	}
	return 0, malformed("status is not 0, 1 or 2")
}

// amount returns a decimal field; known is false when it is absent.
func (o object) amount(name string) (value decimal.Decimal, known bool, err error) {
	text, err := o.number(name)
	if err != nil || text == "" {
		return decimal.Decimal{}, false, err
	}
	value, err = parseAmount(text)
	if err != nil {
		return decimal.Decimal{}, false, malformed(name + " " + err.Error())
	}
	return value, true, nil
}

// validID checks an order id of either side: gateway page, rule 4.
func validID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' || id[i] == '&' {
			return false
		}
	}
	return id != "" && len(id) <= 64
}
