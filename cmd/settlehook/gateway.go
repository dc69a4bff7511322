package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/operator"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// gatewayCmd calls the gateway's API as one merchant.
type gatewayCmd struct {
	CreateCollect createCollectCmd `cmd:"" help:"Create a collection, and print the address of its cashier page."`
	CreatePay     createPayCmd     `cmd:"" help:"Create a payout, and print the gateway's id of it."`
	Query         queryCmd         `cmd:"" help:"Ask what became of an order."`
	Balance       balanceCmd       `cmd:"" help:"Ask for the merchant's balance."`
}

// Help stands below the usage.
func (gatewayCmd) Help() string {
	return `For trying a merchant's credentials: everything else comes from the merchants file. What is
created is real, unless the merchant's gateway is a sandbox.

    settlehook gateway balance --merchants merchants.yaml --merchant m1001

The exit code is 0 when the gateway did what was asked, 1 when it refused, failed or was not
heard, and 2 when the call is wrong and nothing was sent. Errors are one line on standard error,
with -o json too.`
}

// gatewayCall is what all calls of the API have in common.
type gatewayCall struct {
	File     string        `name:"merchants" env:"MERCHANTS_FILE" required:"" type:"existingfile" placeholder:"PATH" help:"The merchants file: the merchant's gateway, account, key and region."`
	Merchant string        `required:"" placeholder:"ID" help:"Id of the merchant."`
	Form     bool          `help:"Send a form instead of JSON."`
	Timeout  time.Duration `default:"10s" help:"Longest to wait for the gateway (${default})."`
	Output   outputFormat  `short:"o" default:"text" enum:"text,json" help:"text: a name and a value on each line; json: one object (${default})."`

	address string // of the gateway, once there is a client
}

// client returns the client of the merchant. What more says is added to its
// configuration.
func (c *gatewayCall) client(more gateway.Config) (*gateway.Client, error) {
	if c.Timeout <= 0 {
		return nil, usageError{errors.New("--timeout: give a duration above zero, such as 10s")}
	}
	m, err := findMerchant(c.File, c.Merchant)
	if err != nil {
		return nil, err
	}
	more.BaseURL, more.Account, more.Keyring, more.NotFound = m.Gateway, m.Account, m.Keyring, m.NotFound
	more.Merchant, more.Currency = m.ID, m.Currency
	more.Rules = region.Rules{Region: m.Region, PIXRandomKey: m.PIXRandomKey}
	more.Form, more.Timeout = c.Form, c.Timeout
	client, err := gateway.NewClient(more)
	if err != nil {
		return nil, usageError{err}
	}
	c.address = m.Gateway
	return client, nil
}

// located adds which gateway a call did not get through to. A create whose
// outcome is unknown says enough.
func (c *gatewayCall) located(err error) error {
	var transport *gateway.TransportError
	var unknown *gateway.UnknownError
	if !errors.As(err, &transport) || errors.As(err, &unknown) {
		return err
	}
	return fmt.Errorf("no answer from the gateway %s: %w", c.address, err)
}

// findMerchant reads one merchant of a file.
func findMerchant(file, id string) (*config.Merchant, error) {
	m, err := operator.Merchant(file, id)
	return m, asUsage(err)
}

// asUsage takes a merchant that can't be used for a mistake of the caller's.
func asUsage(err error) error {
	if errors.As(err, new(*operator.MerchantError)) {
		return usageError{err}
	}
	return err
}

// ask makes one call until it is answered or interrupted. A call that was
// refused before anything was sent is a mistake of the caller's.
func ask[T any](c *gatewayCall, call func(ctx context.Context) (T, error)) (T, error) {
	ctx, cancel := app.Signals(context.Background())
	defer cancel()
	answer, err := call(ctx)
	if errors.Is(err, gateway.ErrInvalidRequest) {
		return answer, usageError{err}
	}
	return answer, c.located(err)
}

type queryCmd struct {
	gatewayCall
	Order string `required:"" placeholder:"ID" help:"The merchant's order id, of a collection or a payout."`
}

// Help stands below the usage.
func (queryCmd) Help() string {
	return `Example:
    settlehook gateway query --merchants merchants.yaml --merchant m1001 --order A1

The status is submitted, success or failed; a reversed order says failed. The amount is the
gateway's, in major units: once the status is success, what was actually paid.`
}

// Run asks about an order.
func (c *queryCmd) Run(io streams) error {
	client, err := c.client(gateway.Config{})
	if err != nil {
		return err
	}
	order, err := ask(&c.gatewayCall, func(ctx context.Context) (gateway.Order, error) { return client.QueryOrder(ctx, c.Order) })
	var unknown *gateway.NotFoundError
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w; check --order, and that --merchant is whose order it is", err)
	}
	if err != nil {
		return err
	}
	var r result
	r.add("orderId", order.OrderID)
	r.add("platOrderId", order.PlatOrderID)
	r.add("status", order.Status.String())
	if order.AmountKnown {
		r.add("amount", order.Amount.String())
	}
	if order.FeeKnown {
		r.add("fee", order.Fee.String())
	}
	r.add("utr", order.UTR)
	r.add("sandbox", order.Sandbox)
	return r.print(io.out, c.Output)
}

type balanceCmd struct{ gatewayCall }

// Help stands below the usage.
func (balanceCmd) Help() string {
	return `Example:
    settlehook gateway balance --merchants merchants.yaml --merchant m1001 -o json

It moves nothing, so it is the call to begin with. Amounts are in major units.`
}

// Run asks for the balance.
func (c *balanceCmd) Run(io streams) error {
	client, err := c.client(gateway.Config{})
	if err != nil {
		return err
	}
	balance, err := ask(&c.gatewayCall, client.QueryBalance)
	if err != nil {
		return err
	}
	var r result
	r.add("balanceAll", balance.All.String())
	r.add("balanceUsable", balance.Usable.String())
	r.add("sandbox", balance.Sandbox)
	return r.print(io.out, c.Output)
}
