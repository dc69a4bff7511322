package main

import (
	"context"
	"strconv"
	"time"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// parkedCmd deals with callbacks that were given up on.
type parkedCmd struct {
	Ls      parkedLsCmd      `cmd:"" help:"List parked callbacks."`
	Show    parkedShowCmd    `cmd:"" help:"Show one with all its evidence."`
	Redrive parkedRedriveCmd `cmd:"" help:"Put parked callbacks back to where workers find them."`
	Drop    parkedDropCmd    `cmd:"" help:"Delete parked callbacks for good, and keep a record."`
}

// Help stands below the usage.
func (parkedCmd) Help() string {
	return `A callback is parked when no worker could bring it to an end: the gateway did not answer for
PARK_AFTER, it can't be read, or its merchant was removed. No event says what became of its order.

    settlehook parked ls --merchant m1001
    settlehook parked redrive --merchant m1001 --reason expired --yes

NATS_URL and what belongs to it are environment variables (docs/configuration.md).`
}

// parkedFilter are the flags that choose parked callbacks.
type parkedFilter struct {
	Merchant merchantName `placeholder:"ID" help:"Of this merchant."`
	Flow     flowName     `predictor:"flow" placeholder:"FLOW" help:"Of this flow: collect or pay."`
	Reason   string       `placeholder:"NAME" help:"Parked for this cause: expired, unreadable, unfit, merchant_removed, panic."`
	Order    string       `placeholder:"ID" help:"Of this order."`
	period
}

func (f parkedFilter) query() cases.ParkedQuery {
	return cases.ParkedQuery{
		ParkedFilter: stream.ParkedFilter{Flow: string(f.Flow), Merchant: string(f.Merchant), Window: f.window()},
		Reason:       f.Reason, OrderID: f.Order,
	}
}

func (f parkedFilter) given() bool {
	return f.Merchant != "" || f.Flow != "" || f.Reason != "" || f.Order != "" || f.period.given()
}

type parkedLsCmd struct {
	parkedFilter
	limit
	printing
}

// Help stands below the usage.
func (parkedLsCmd) Help() string {
	return `Examples:
    settlehook parked ls --since 2d
    settlehook parked ls --merchant m1001 --order A1 -o json`
}

// parkedLine is a parked callback as JSON.
type parkedLine struct {
	Sequence         uint64    `json:"sequence"` // in PARKED
	At               time.Time `json:"at"`
	Merchant         string    `json:"merchant"`
	Flow             string    `json:"flow"`
	OrderID          string    `json:"orderId,omitempty"`
	Reason           string    `json:"reason"`
	Error            string    `json:"error,omitempty"`
	Deliveries       uint64    `json:"deliveries"`
	CallbackSequence uint64    `json:"callbackSequence,omitzero"` // in CALLBACKS
	ReceivedAt       time.Time `json:"receivedAt,omitzero"`
	Source           string    `json:"source,omitempty"`
}

func lineOfParked(p stream.ParkedCallback) parkedLine {
	l := parkedLine{
		Sequence: p.Sequence, At: p.At, Merchant: p.Merchant, Flow: p.Flow, Reason: p.Reason, Error: p.Detail,
		Deliveries: p.Deliveries, CallbackSequence: p.Original, ReceivedAt: p.ReceivedAt, Source: p.Source,
	}
	if cb, err := p.Callback(); err == nil {
		l.OrderID = cb.OrderID
	}
	return l
}

// Run lists.
func (c *parkedLsCmd) Run(io streams) error {
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	parked, err := d.Parked(ctx)
	if err != nil {
		return err
	}
	out, listed := newTable(io.out, "SEQUENCE", "PARKED", "MERCHANT", "FLOW", "ORDER", "REASON", "TRIES", "ERROR"), 0
	err = parked.List(ctx, c.query(), func(p stream.ParkedCallback) error {
		if err := c.reached(io, listed); err != nil {
			return err
		}
		listed++
		l := lineOfParked(p)
		if c.Output == listJSON {
			return jsonLine(io.out, l)
		}
		return out.row(number(l.Sequence), shownTime(l.At), l.Merchant, l.Flow, l.OrderID, l.Reason, number(l.Deliveries), l.Error)
	})
	if err != nil {
		return err
	}
	return out.flush()
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

type parkedShowCmd struct {
	Sequence uint64 `arg:"" help:"Sequence in PARKED, as 'parked ls' prints it."`
	printing
}

// Help stands below the usage.
func (parkedShowCmd) Help() string {
	return `Example:
    settlehook parked show 12`
}

// parkedDetail is a parked callback with all of it as JSON.
type parkedDetail struct {
	parkedLine
	Told    string              `json:"told,omitempty"` // id of the order's last event
	Subject string              `json:"subject,omitempty"`
	Headers map[string][]string `json:"headers"`
	shownBody
}

// Run shows one.
func (c *parkedShowCmd) Run(io streams) error {
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	parked, err := d.Parked(ctx)
	if err != nil {
		return err
	}
	p, err := parked.Get(ctx, c.Sequence)
	if err != nil {
		return gone(err)
	}
	detail := parkedDetail{parkedLine: lineOfParked(p), Subject: p.Subject, Headers: p.Headers(), shownBody: bodyOf(p.Body)}
	if detail.Told, err = d.Told(ctx, p.Merchant, detail.OrderID); err != nil {
		return err
	}
	if c.Output == listJSON {
		return jsonLine(io.out, detail)
	}
	var r result
	r.add("sequence", number(p.Sequence))
	r.add("parked", shownTime(p.At))
	r.add("merchant", p.Merchant)
	r.add("flow", p.Flow)
	r.add("order", detail.OrderID)
	r.add("reason", p.Reason)
	r.add("error", p.Detail)
	r.add("tries", number(p.Deliveries))
	r.add("received", shownTime(p.ReceivedAt))
	r.add("source", p.Source)
	if p.Subject != "" {
		r.add("in CALLBACKS", number(p.Original)+" on "+p.Subject)
	}
	if detail.OrderID != "" {
		r.add("downstream", toldWords(detail.Told))
	}
	if cb, err := p.Callback(); err == nil {
		said := cb.Status.String() + " " + cb.Amount.String()
		if cb.Reverse {
			said += ", reversed"
		}
		r.add("callback says", said)
	}
	r.add("body", string(p.Body))
	return r.print(io.out, "text")
}

func toldWords(id string) string {
	if id == "" {
		return "was told no outcome of this order"
	}
	return "was told " + id
}

type parkedRedriveCmd struct {
	Sequences []uint64 `arg:"" optional:"" name:"sequence" help:"Sequences in PARKED, as 'parked ls' prints them."`
	parkedFilter
	bulkFlags
}

// Help stands below the usage.
func (parkedRedriveCmd) Help() string {
	return `Sequences are redriven at once. What is chosen by filters is only counted, unless --yes is given.

    settlehook parked redrive 12 13
    settlehook parked redrive --merchant m1001 --reason expired         # counts
    settlehook parked redrive --merchant m1001 --reason expired --yes   # does it

Each keeps its place in the order of arrival. Doing it twice does no harm.`
}

// Run redrives.
func (c *parkedRedriveCmd) Run(io streams) error {
	return runParked(io, c.bulkFlags, c.Sequences, c.parkedFilter, func(_ context.Context, _ *desk, p *cases.Parked) (plan, act cases.Act, err error) {
		return p.PlanRedrive, p.Redrive, nil
	})
}

type parkedDropCmd struct {
	Sequences []uint64 `arg:"" optional:"" name:"sequence" help:"Sequences in PARKED, as 'parked ls' prints them."`
	Why       string   `required:"" placeholder:"TEXT" help:"Why; it is kept in TRAIL with who did it and what was dropped."`
	parkedFilter
	bulkFlags
}

// Help stands below the usage.
func (parkedDropCmd) Help() string {
	return `Sequences are dropped at once. What is chosen by filters is only counted, unless --yes is given.

    settlehook parked drop 12 --why 'a test of the gateway, confirmed by phone'

Who you are is what NATS knows you as. TRAIL keeps the callback with it, for as long as it keeps anything.`
}

// Run drops.
func (c *parkedDropCmd) Run(io streams) error {
	if err := checkWhy(c.Why); err != nil {
		return err
	}
	return runParked(io, c.bulkFlags, c.Sequences, c.parkedFilter, func(ctx context.Context, d *desk, p *cases.Parked) (plan, act cases.Act, err error) {
		who, err := d.Who(ctx)
		return p.PlanDrop, p.Drop(who, c.Why), err
	})
}

// runParked does something to parked callbacks. acts says what, and what it
// would be.
func runParked(io streams, f bulkFlags, sequences []uint64, filter parkedFilter,
	acts func(context.Context, *desk, *cases.Parked) (plan, act cases.Act, err error),
) error {
	if err := f.checkChoice(sequences, filter.given()); err != nil {
		return err
	}
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	parked, err := d.Parked(ctx)
	if err != nil {
		return err
	}
	plan, act, err := acts(ctx, d, parked)
	if err != nil {
		return err
	}
	following := &follower{io: io}
	dry := len(sequences) == 0 && !f.Yes
	if dry {
		act = plan
	}
	var t cases.Tally
	if len(sequences) > 0 {
		t, err = parked.Some(ctx, sequences, act, following.watch())
	} else {
		t, err = parked.All(ctx, filter.query(), act, following.watch())
	}
	following.end()
	return f.finish(io, t, err, dry, cases.Failed, cases.Refused)
}
