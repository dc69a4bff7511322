package main

import (
	"time"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

type reviewLsCmd struct {
	Merchant merchantName `placeholder:"ID" help:"Of this merchant."`
	Flow     flowName     `predictor:"flow" placeholder:"FLOW" help:"Of this flow: collect or pay."`
	Order    string       `placeholder:"ID" help:"Of this order."`
	Reason   string       `placeholder:"NAME" help:"Opened for this reason, such as amount_mismatch."`
	State    string       `default:"open" enum:"open,resolved,all" help:"open, resolved or all (${default})."`
	period
	limit
	printing
}

// Help stands below the usage.
func (reviewLsCmd) Help() string {
	return `Examples:
    settlehook review ls --since 1d
    settlehook review ls --state all --order A1 -o json`
}

// reviewLine is a review as JSON.
type reviewLine struct {
	ID        string             `json:"id"`
	Sequence  uint64             `json:"sequence"` // in PAYMENTS
	At        time.Time          `json:"at"`
	State     stream.ReviewState `json:"state"`
	Merchant  string             `json:"merchant"`
	Flow      events.Flow        `json:"flow"`
	OrderID   string             `json:"orderId"`
	Reason    string             `json:"reason"`
	Currency  string             `json:"currency"`
	Callback  events.Amount      `json:"callbackAmount,omitzero"`
	Query     events.Amount      `json:"queryAmount,omitzero"`
	Submitted events.Amount      `json:"submittedAmount,omitzero"`
	By        string             `json:"by,omitempty"`
	Why       string             `json:"why,omitempty"`
	Resulting string             `json:"resultingEvent,omitempty"`
}

func lineOfReview(r stream.Review) reviewLine {
	p := r.Event.Data.Common()
	l := reviewLine{
		ID: r.Event.ID, Sequence: r.Sequence, At: r.At, State: r.State(), Merchant: p.Merchant, Flow: p.Flow,
		OrderID: p.OrderID, Reason: p.Reason, Currency: p.Currency, Submitted: p.SubmittedAmount,
	}
	if c := p.Evidence.Callback; c != nil {
		l.Callback = c.Amount
	}
	if q := p.Evidence.Query; q != nil {
		l.Query = q.Amount
	}
	if r.Resolution != nil {
		closed := r.Resolution.Data.(events.Resolved)
		l.By, l.Why, l.Resulting = closed.By, closed.Why, closed.ResultingEvent
	}
	return l
}

// Run lists.
func (c *reviewLsCmd) Run(io streams) error {
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	reviews, err := d.Reviews(ctx)
	if err != nil {
		return err
	}
	f := stream.ReviewFilter{Flow: string(c.Flow), Merchant: string(c.Merchant), OrderID: c.Order, Reason: c.Reason, Window: c.window()}
	if c.State != "all" {
		f.State = stream.ReviewState(c.State)
	}
	out, listed := newTable(io.out, "OPENED", "STATE", "FLOW", "CALLBACK", "QUERY", "SUBMITTED", "CURRENCY", "ID"), 0
	err = reviews.List(ctx, f, func(r stream.Review) error {
		if err := c.reached(io, listed); err != nil {
			return err
		}
		listed++
		l := lineOfReview(r)
		if c.Output == listJSON {
			return jsonLine(io.out, l)
		}
		return out.row(shownTime(l.At), string(l.State), string(l.Flow), l.Callback.String(), l.Query.String(), l.Submitted.String(), l.Currency, l.ID)
	})
	if err != nil {
		return err
	}
	return out.flush()
}
