package gateway

import (
	"context"

	"github.com/govalues/decimal"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/region"
)

const endpointPay = "/pay/create"

// PayOrder is a payout to create ("proxy payment" in the API): the merchant is
// to pay someone. "" leaves an optional field out.
//
// However it is printed, logged or marshalled, what is about a person shows as
// [redacted]. JSON of it is therefore no way to keep an order: a create refuses
// an order that was read back from there. fmt can't call methods on unexported
// struct fields: a struct that holds an order in one needs a Format method of
// its own.
type PayOrder struct {
	// PayCode is the payment code from the gateway's merchant backend.
	PayCode string
	// OrderID is the merchant's own id, unique over both flows: 1 to 32 printable
	// ASCII characters without white space and "&".
	OrderID string
	// Amount in major currency units, above zero, with at most 2 decimals, in
	// Indonesia none. What does not fit is refused, never rounded.
	Amount decimal.Decimal
	// BankAccount is the beneficiary's account; in Brazil the PIX key.
	BankAccount string
	// CustomName is the beneficiary's name.
	CustomName string
	// NotifyURL is where the gateway pushes to; "" means Config.NotifyBase's.
	NotifyURL string
	// Remark is the type of the PIX key in Brazil (region.PIXCPF, …; for
	// region.PIXRandom the configured literal is sent), the IFSC in India, the
	// bank's code in Indonesia and Nigeria.
	Remark string
	// Number is the beneficiary's phone number, required in Brazil and India.
	Number string
	// Email is the beneficiary's, required in Brazil.
	Email string
}

// Payout is a payout that the gateway took on. Nothing is paid yet.
type Payout struct {
	OrderID string
	// PlatOrderID is the gateway's own order id.
	PlatOrderID string
	// Warnings are about what looks wrong but may be right, such as a Nigerian
	// account number that fails its check digit. They quote no value.
	Warnings []string
	// Sandbox says that settlehook's sandbox answered: no real money moves.
	Sandbox bool
}

// CreatePay announces the order and creates it at the gateway. That the gateway
// took it says nothing about money: the settled or failed event does. Its
// errors are those of CreateCollect; a payout under a new order id after any
// of them but a *RefusedError may pay twice.
func (c *Client) CreatePay(ctx context.Context, o PayOrder) (Payout, error) {
	o.NotifyURL = c.creates.notifyURL(events.FlowPay, o.NotifyURL)
	if c.creates.rules.Region == region.Brazil {
		o.Remark = c.creates.rules.PIXRemark(o.Remark)
	}
	made := Payout{OrderID: o.OrderID}
	sandbox, err := c.create(ctx, creation{
		flow: events.FlowPay, endpoint: endpointPay, orderID: o.OrderID, amount: o.Amount, fields: o.fields(),
	}, func() (err error) {
		made.Warnings, err = c.creates.rules.CheckPay(region.Pay{
			Amount: o.Amount.String(), BankAccount: o.BankAccount, CustomName: o.CustomName,
			Remark: o.Remark, Number: o.Number, Email: o.Email,
		})
		for _, warning := range made.Warnings {
			c.log.Warn("payout may not arrive", zap.String("order", o.OrderID), zap.String("warning", warning))
		}
		return err
	}, func(data object) (err error) {
		made.PlatOrderID, err = parsePlatOrderID(data)
		return err
	})
	if err != nil {
		return Payout{}, err
	}
	made.Sandbox = sandbox
	return made, nil
}

// fields returns the parameters under the API's names, those given.
func (o PayOrder) fields() []field {
	return given(
		field{fieldPayCode, o.PayCode}, field{"amount", o.Amount.String()}, field{fieldOrderID, o.OrderID},
		field{fieldNotifyURL, o.NotifyURL}, field{fieldBankAccount, o.BankAccount}, field{fieldCustomName, o.CustomName},
		field{fieldRemark, o.Remark}, field{fieldNumber, o.Number}, field{fieldEmail, o.Email},
	)
}

// parsePlatOrderID reads the data of a created payout.
func parsePlatOrderID(data object) (string, error) {
	id, err := data.text("platOrderId")
	switch {
	case err != nil:
		return "", err
	case id == "":
		return "", malformed("platOrderId is missing")
	case !validID(id):
		return "", malformed("platOrderId is not 1 to 64 printable ASCII characters")
	}
	return id, nil
}
