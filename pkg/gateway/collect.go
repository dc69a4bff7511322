package gateway

import (
	"context"
	"net/url"
	"strings"
	"unicode"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/region"
)

const endpointCollect = "/collect/create"

// CollectOrder is a collection to create: a payer is to pay the merchant. ""
// leaves an optional field out. However it is printed, logged or marshalled,
// what is about a person shows as [redacted]; see PayOrder.
type CollectOrder struct {
	// PayCode is the payment code from the gateway's merchant backend.
	PayCode string
	// OrderID is the merchant's own id, unique over both flows: 1 to 32 printable
	// ASCII characters without white space and "&".
	OrderID string
	// Amount in major currency units, above zero, with at most 2 decimals, in
	// Indonesia none. What does not fit is refused, never rounded.
	Amount decimal.Decimal
	// NotifyURL is where the gateway pushes to; "" means Config.NotifyBase's.
	NotifyURL string
	// CallbackURL is the page the payer is sent to afterwards. Optional.
	CallbackURL string
	// Remark is the payer's CPF or CNPJ in Brazil, where it is required.
	Remark string
	// CustomName, Number and Email are the payer's; required in Brazil.
	CustomName string
	Number     string
	Email      string
}

// Collection is a collection that the gateway created.
type Collection struct {
	OrderID string
	// URL is the cashier page, where the payer pays: absolute, http or https.
	URL string
	// Sandbox says that settlehook's sandbox answered: no real money moves.
	Sandbox bool
}

// CreateCollect announces the order and creates it at the gateway. That the
// gateway took it says nothing about a payment: the settled event does.
//
// What is wrong with the order itself wraps ErrInvalidRequest, most often with
// a *region.FieldError, and an order that could not be announced wraps
// ErrNotAnnounced; nothing was sent then. After that it fails with
// *TransportError where NotSent is true, *RefusedError, *ExistsError or
// *UnknownError, and nothing else: the package's documentation says what to do
// about each.
func (c *Client) CreateCollect(ctx context.Context, o CollectOrder) (Collection, error) {
	o.NotifyURL = c.creates.notifyURL(events.FlowCollect, o.NotifyURL)
	made := Collection{OrderID: o.OrderID}
	sandbox, err := c.create(ctx, creation{
		flow: events.FlowCollect, endpoint: endpointCollect, orderID: o.OrderID, amount: o.Amount, fields: o.fields(),
	}, func() error {
		return c.creates.rules.CheckCollect(region.Collect{
			Amount: o.Amount.String(), Remark: o.Remark, CustomName: o.CustomName, Number: o.Number, Email: o.Email,
		})
	}, func(data object) (err error) {
		made.URL, err = parseCashier(data)
		return err
	})
	if err != nil {
		return Collection{}, err
	}
	made.Sandbox = sandbox
	return made, nil
}

// fields returns the parameters under the API's names, those given.
func (o CollectOrder) fields() []field {
	return given(
		field{fieldPayCode, o.PayCode}, field{"amount", o.Amount.String()}, field{fieldOrderID, o.OrderID},
		field{fieldNotifyURL, o.NotifyURL}, field{fieldCallbackURL, o.CallbackURL}, field{fieldRemark, o.Remark},
		field{fieldCustomName, o.CustomName}, field{fieldNumber, o.Number}, field{fieldEmail, o.Email},
	)
}

// given drops what is "": an empty parameter is not signed, so that some
// gateways take one that is sent for a wrong sign.
func given(fields ...field) []field {
	var kept []field
	for _, f := range fields {
		if f.value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// parseCashier reads the data of a created collection. The address is shown to
// payers, so nothing but a web page will do.
func parseCashier(data object) (string, error) {
	page, err := data.text("url")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(page)
	switch {
	case page == "":
		return "", malformed("url is missing")
	case len(page) > maxURL:
		return "", malformed("url is longer than 2 KiB")
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", malformed("url is not an absolute http or https address")
	case u.User != nil || strings.ContainsAny(page, "\"'<>`\\"):
		return "", malformed("url holds a user name, quotes or brackets")
	case strings.ContainsFunc(page, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return "", malformed("url holds white space or what can't be printed")
	}
	return page, nil
}
