package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/govalues/decimal"
	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// createCall is what both creates have in common.
type createCall struct {
	gatewayCall
	Order      string `required:"" placeholder:"ID" help:"The merchant's order id: unique, at most 32 characters."`
	Amount     string `required:"" placeholder:"AMOUNT" help:"Amount in major units, with at most 2 decimals."`
	PayCode    string `required:"" placeholder:"CODE" help:"Payment code, from the gateway's merchant backend."`
	NotifyBase string `xor:"notify" placeholder:"URL" help:"Public address of the receiver; the path of the callbacks is added to it."`
	NotifyURL  string `name:"notify-url" xor:"notify" placeholder:"URL" help:"Whole address for callbacks, instead of --notify-base."`
	Announce   bool   `help:"Register the order before it is created, on the NATS of NATS_URL, as order services do (INSTALLATION names the installation)."`
}

// contact is what a create says about a person.
type contact struct {
	Remark string `placeholder:"TEXT" help:"What the region asks for, see above."`
	Number string `placeholder:"PHONE" help:"Phone number, 8 to 15 digits."`
	Email  string `placeholder:"ADDRESS" help:"Email address."`
}

type createCollectCmd struct {
	createCall
	contact
	Name        string `placeholder:"NAME" help:"The payer's name."`
	CallbackURL string `name:"callback-url" placeholder:"URL" help:"Page the payer is sent to afterwards."`
}

// Help stands below the usage.
func (createCollectCmd) Help() string {
	return `Example:
    settlehook gateway create-collect --merchants merchants.yaml --merchant m1001 --order A1 \
      --amount 1000.00 --pay-code 101 --notify-base https://pay.example

In Brazil a collection needs --remark (the payer's CPF or CNPJ), --name, --number and --email.
In Indonesia amounts have no decimals.
` + aboutCreates
}

type createPayCmd struct {
	createCall
	contact
	Name        string `required:"" placeholder:"NAME" help:"The beneficiary's name."`
	BankAccount string `required:"" placeholder:"ACCOUNT" help:"The beneficiary's account; in Brazil the PIX key."`
}

// Help stands below the usage.
func (createPayCmd) Help() string {
	return `Example:
    settlehook gateway create-pay --merchants merchants.yaml --merchant m1001 --order B1 \
      --amount 1000.00 --pay-code 201 --notify-base https://pay.example \
      --name 'Asha Rao' --bank-account 50100123456789 --remark HDFC0000001 --number 919876543210

What --remark is depends on the region: in Brazil the type of the PIX key (CPF, CNPJ, PHONE, EMAIL
or random, which is sent in the gateway's spelling, EPV or what pixRandomKey says), in India the IFSC, in Indonesia and Nigeria the bank's code. Brazil needs --number and
--email too, India --number. In Indonesia amounts have no decimals.
` + aboutCreates
}

const aboutCreates = `
An order that is not registered (--announce) is not compared with what was asked: its events say
match: two-way.

After a time-out or a broken connection nobody knows whether the order exists. Repeat the call with
the same --order or ask with 'settlehook gateway query'; never take a new order id for it.`

// Run creates a collection.
func (c *createCollectCmd) Run(io streams) error {
	return c.create(io, func(ctx context.Context, client *gateway.Client, amount decimal.Decimal) (result, error) {
		made, err := client.CreateCollect(ctx, gateway.CollectOrder{
			PayCode: c.PayCode, OrderID: c.Order, Amount: amount, NotifyURL: c.NotifyURL, CallbackURL: c.CallbackURL,
			Remark: c.Remark, CustomName: c.Name, Number: c.Number, Email: c.Email,
		})
		var r result
		r.add("orderId", made.OrderID)
		r.add("url", made.URL)
		r.add("sandbox", made.Sandbox)
		return r, err
	})
}

// Run creates a payout.
func (c *createPayCmd) Run(io streams) error {
	return c.create(io, func(ctx context.Context, client *gateway.Client, amount decimal.Decimal) (result, error) {
		made, err := client.CreatePay(ctx, gateway.PayOrder{
			PayCode: c.PayCode, OrderID: c.Order, Amount: amount, BankAccount: c.BankAccount, CustomName: c.Name,
			NotifyURL: c.NotifyURL, Remark: c.Remark, Number: c.Number, Email: c.Email,
		})
		var r result
		r.add("orderId", made.OrderID)
		r.add("platOrderId", made.PlatOrderID)
		r.add("warnings", made.Warnings)
		r.add("sandbox", made.Sandbox)
		return r, err
	})
}

// create makes an order and prints what the gateway said.
func (c *createCall) create(io streams, call func(context.Context, *gateway.Client, decimal.Decimal) (result, error)) error {
	if c.NotifyBase == "" && c.NotifyURL == "" {
		return usageError{errors.New("missing flags: --notify-base=URL or --notify-url=URL")}
	}
	amount, err := events.ParseAmount(c.Amount)
	if err != nil {
		return usageError{fmt.Errorf("--amount: %w; write it like 1000.00", err)}
	}
	conf := gateway.Config{NotifyBase: c.NotifyBase, Orders: gateway.Unannounced}
	if c.Announce {
		book, err := c.registry()
		if err != nil {
			return err
		}
		defer book.close()
		conf.Orders, conf.Installation = book, book.installation
	}
	client, err := c.client(conf)
	if err != nil {
		return err
	}
	made, err := ask(&c.gatewayCall, func(ctx context.Context) (result, error) {
		value, _ := amount.Decimal()
		return call(ctx, client, value)
	})
	var unknown *gateway.UnknownError
	if !c.Announce && (err == nil || errors.As(err, &unknown)) {
		_, _ = fmt.Fprintln(io.err, "settlehook: the order is not registered, so it settles two-way, "+
			"not compared with what was asked; --announce registers it")
	}
	if err != nil {
		return inFlag(err)
	}
	return made.print(io.out, c.Output)
}

// flags are the flags behind the API's parameters whose names they do not have.
var flags = map[string]string{
	"orderId": "order", "payCode": "pay-code", "bankAccount": "bank-account", "customName": "name",
	"notifyUrl": "notify-url", "callbackUrl": "callback-url",
}

// inFlag says which flag to correct.
func inFlag(err error) error {
	var field *region.FieldError
	if !errors.As(err, &field) {
		return err
	}
	return usageError{fmt.Errorf("--%s: %s", cmp.Or(flags[field.Field], field.Field), field.Problem)}
}

func (c *createCall) registry() (registry, error) {
	log := app.NewLogger(config.Log{Level: config.LogLevel(zapcore.WarnLevel), Format: config.LogConsole}, "gateway")
	return openRegistry(c.File, log)
}
