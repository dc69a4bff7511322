package gateway

import (
	"errors"
	"fmt"
)

// maxCause bounds the text of another's error inside one of ours, in runes.
const maxCause = 800

// UnknownError says that a create was sent, or may have been, and that nobody
// knows whether the order exists: a time-out, a broken connection, an HTTP
// status other than 200, an anomaly of the gateway, an answer that can't be
// read. It is neither a failure nor an outage to wait out. Ask with QueryOrder,
// or create the order again under the same order id, which the gateway refuses
// if it has it; under a new one there may be two. If it exists, its callback
// comes as usual.
type UnknownError struct {
	// Endpoint is the path of the API: /collect/create or /pay/create.
	Endpoint string
	OrderID  string
	// Err is the cause: *TransportError, *AnomalyError, *AnswerError, or a
	// *BusinessError together with why the order query did not tell.
	Err error
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s: it is not known whether order %s exists (%s): ask with the order query, "+
		"or create it again under the same order id, never under a new one",
		e.Endpoint, e.OrderID, causeText(e.Err))
}

// Unwrap gives the cause.
func (e *UnknownError) Unwrap() error { return e.Err }

// RefusedError says that the gateway refused to create the order with code 400,
// and that its order query, asked at once, knows no such order.
type RefusedError struct {
	OrderID string
	// Desc is the gateway's text, one printable line of at most 200 runes.
	Desc string
	// Withdrawn says that the registration was taken back. The order id is used
	// up then: the corrected order gets a new one, the only case where it may.
	// Where it is false, an earlier attempt may still be on its way, and the
	// corrected order must keep its id and amount.
	Withdrawn bool
	// Unannounced says that there is no registration, by [Unannounced].
	Unannounced bool
	// Err is why the registration could not be withdrawn; nil when it was, and
	// when it had to stand.
	Err error
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("the gateway refused to create order %s: %s; ", e.OrderID, quoteDesc(e.Desc))
	switch {
	case e.Withdrawn:
		return text + "it does not exist and its registration was withdrawn: correct what was refused and create it under a new order id"
	case e.Err != nil:
		return text + "its registration could not be withdrawn (" + causeText(e.Err) +
			"): correct what was refused and create it again under the same order id"
	case e.Unannounced:
		return text + "its order query knows no such order: correct what was refused and create it again under the same order id"
	}
	return text + "an earlier attempt may still arrive, so nothing was withdrawn: " +
		"correct what was refused and create it again under the same order id"
}

// Unwrap gives why the registration could not be withdrawn, if so.
func (e *RefusedError) Unwrap() error { return e.Err }

// ExistsError says that the gateway refused to create the order with code 400,
// and that it has an order of this id: an earlier attempt has arrived, or the
// id was used for another order.
type ExistsError struct {
	// Order is what the order query said.
	Order Order
	// Desc is the gateway's text, one printable line of at most 200 runes.
	Desc string
	// Fresh says that nobody had registered the order before this call: unless
	// another attempt ran at the same time, the gateway has another order under
	// this id.
	Fresh bool
}

func (e *ExistsError) Error() string {
	over := ""
	if e.Order.AmountKnown {
		over = " over " + e.Order.Amount.String()
	}
	advice := "if this was a repeat, take it for created and wait for its event, else the order id is not unique"
	if e.Fresh {
		advice = "nobody had registered it before this call: unless another attempt ran at the same time, it is another order, and the order id is not unique"
	}
	return fmt.Sprintf("order %s exists at the gateway already, as %s%s, and was not created again: %s; %s",
		e.Order.OrderID, e.Order.Status, over, quoteDesc(e.Desc), advice)
}

// ofCreate reports whether err is what became of a create that reached the
// gateway, or may have.
func ofCreate(err error) bool {
	var (
		unknown *UnknownError
		refused *RefusedError
		exists  *ExistsError
	)
	return errors.As(err, &unknown) || errors.As(err, &refused) || errors.As(err, &exists)
}

// causeText keeps the text of an error, which may be another package's, to one
// line.
func causeText(err error) string {
	if err == nil {
		return "no cause given"
	}
	return oneLine(err.Error(), maxCause)
}
