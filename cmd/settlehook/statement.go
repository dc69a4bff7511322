package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/orderapi"
	"github.com/settlehook/settlehook/internal/statement"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// statementCmd holds a period against the gateway.
type statementCmd struct {
	dates
	Merchant  merchantName  `required:"" placeholder:"ID" help:"The merchant."`
	Bill      string        `placeholder:"FILE" help:"The gateway's bill, a CSV; without it the gateway is asked about each order."`
	Mapping   string        `placeholder:"FILE" help:"How the bill is to be read (docs/finance.md); as the sandbox's by default."`
	Movements string        `placeholder:"FILE" help:"Withdrawals, top-ups and adjustments, a CSV: at,kind,direction,amount,currency,reference."`
	Answers   string        `placeholder:"FILE" help:"Where the gateway's answers are kept, so that asking can go on after a break; statement-MERCHANT-PERIOD.answers.jsonl by default."`
	Rate      float64       `placeholder:"N" help:"Questions per second; half of the merchant's rate by default, the other half is the workers'."`
	Timeout   time.Duration `default:"10s" help:"Longest to wait for one answer of the gateway (${default})."`
	Sandbox   bool          `help:"Look at the sandbox's events and balances, not at real ones."`
	printing
}

// Help stands below the usage.
func (statementCmd) Help() string {
	return `Holds three against each other: the submitted orders, the ledger and the gateway. Each difference has
a class, and the balance must come out: opening + credits - debits + movements + differences = closing.
A period that is closed is taken as it was closed, another by booking dates.

    settlehook statement --merchant m1001 --period 2026-11
    settlehook statement --merchant m1001 --from 2026-11-05 --movements movements.csv
    settlehook statement --merchant m1001 --period 2026-11 --bill bill.csv --mapping gateway.yaml -o json

The bill should reach a day beyond the period at both ends. It exits with 1 where somebody has to look
(docs/finance.md has the classes). NATS_URL, MERCHANTS_FILE and what belongs to them are environment
variables (docs/configuration.md).`
}

// Run makes the statement.
func (c *statementCmd) Run(io streams) error {
	period, _, err := c.chosen()
	if err != nil {
		return err
	}
	if c.Mapping != "" && c.Bill == "" {
		return usageError{errors.New("--mapping says how a bill is read: give it with --bill")}
	}
	ctx, d, err := openDesk(config.OperatorNeeds{Merchants: true})
	if err != nil {
		return err
	}
	defer d.close()
	m, err := findMerchant(d.Cfg.Merchants.Path, string(c.Merchant))
	if err != nil {
		return err
	}
	s := statement.Sources{JS: d.JS, Timeout: d.Timeout()}
	if s.Scope, err = c.scope(ctx, d, m, period); err != nil {
		return err
	}
	if err := c.files(&s, m); err != nil {
		return err
	}
	if s.Bill == nil {
		release, err := c.asking(io, &s, m, period)
		if err != nil {
			return err
		}
		defer release()
	}
	steps := stepper{io: io}
	s.Step = steps.step
	made, err := statement.Make(ctx, s)
	steps.end()
	if err != nil {
		return err
	}
	return c.print(io, made)
}

func (c *statementCmd) scope(ctx context.Context, d *desk, m *config.Merchant, period finance.Period) (finance.Scope, error) {
	s := finance.Scope{Merchant: m.ID, Currency: m.Currency, Period: period, Zone: m.Location, PayFee: m.PayFee, LiveMode: !c.Sandbox}
	closings, err := d.closings(ctx, m.ID)
	if err != nil {
		return s, err
	}
	for _, closing := range closings {
		if closing.From == period.From && closing.To == period.To {
			s.Closing = &closing
		}
	}
	if s.Opening, err = d.snapshot(ctx, m.ID, period.From, s.LiveMode); err != nil {
		return s, err
	}
	s.Final, err = d.snapshot(ctx, m.ID, period.Next(), s.LiveMode)
	return s, err
}

// files reads the bill and the movements.
func (c *statementCmd) files(s *statement.Sources, m *config.Merchant) error {
	mapping := statement.SandboxMapping()
	if c.Mapping != "" {
		err := reading(c.Mapping, func(f *os.File) (err error) {
			mapping, err = statement.ReadMapping(f)
			return err
		})
		if err != nil {
			return usageError{fmt.Errorf("%s: %w", c.Mapping, err)}
		}
	}
	if c.Bill != "" {
		err := reading(c.Bill, func(f *os.File) error {
			bill, err := statement.ReadBill(c.Bill, f, mapping, m.Currency)
			s.Bill = &bill
			return err
		})
		if err != nil {
			return usageError{err}
		}
	}
	if c.Movements != "" {
		err := reading(c.Movements, func(f *os.File) (err error) {
			s.Movements, err = statement.ReadMovements(c.Movements, f, m.Currency, m.Location)
			return err
		})
		if err != nil {
			return usageError{err}
		}
	}
	return nil
}

func reading(path string, read func(*os.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return read(f)
}

// asking prepares the gateway to be asked. Whoever gets release calls it.
func (c *statementCmd) asking(io streams, s *statement.Sources, m *config.Merchant, period finance.Period) (release func(), err error) {
	client, err := gateway.NewClient(gateway.Config{
		BaseURL: m.Gateway, Account: m.Account, Keyring: m.Keyring, Timeout: c.Timeout, NotFound: m.NotFound,
	})
	if err != nil {
		return nil, usageError{err}
	}
	path := c.Answers
	if path == "" {
		path = fmt.Sprintf("statement-%s-%s.answers.jsonl", m.ID, period.Name)
	}
	answers, err := statement.OpenAnswers(path, m.ID, period.Name)
	if err != nil {
		return nil, usageError{err}
	}
	if n, oldest := answers.Kept(); n > 0 {
		say(io, "going on with %d answers in %s, the oldest of %s UTC; delete it to ask anew", n, path, shownTime(oldest))
	}
	perSecond := c.Rate
	if perSecond <= 0 {
		perSecond = m.RatePerSecond() / 2
	}
	s.Asking = statement.Asking{Gateway: orderapi.NewAsker(client, c.Timeout), PerSecond: perSecond, Answers: answers, Clock: time.Now}
	return func() {
		client.CloseIdleConnections()
		_ = answers.Close()
	}, nil
}

// stepper shows the parts of long work, each with a bar.
type stepper struct {
	io  streams
	bar *progressbar.ProgressBar
}

func (s *stepper) step(name string, most uint64) func() {
	s.end()
	if s.bar = newBar(s.io, most); s.bar == nil {
		return nil
	}
	s.bar.Describe(name)
	return func() { _ = s.bar.Add(1) }
}

func (s *stepper) end() {
	if s.bar != nil {
		_ = s.bar.Finish()
		_ = s.bar.Clear()
	}
}

// snapshot is a merchant's balance at a midnight, nil where nobody asked.
func (d *desk) snapshot(ctx context.Context, merchant, date string, live bool) (*finance.Snapshot, error) {
	book, err := stream.OpenBalances(ctx, d.JS, d.Timeout())
	if err != nil {
		return nil, err
	}
	found, err := book.Find(ctx, merchant, date)
	if err != nil || found == nil || found.Event.Data.LiveMode != live {
		return nil, err
	}
	all, _ := found.Event.Data.All.Decimal()
	return &finance.Snapshot{Balance: finance.SumOfDecimal(all), At: found.Event.Data.AnsweredAt}, nil
}
