package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/orderapi"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// reviewCmd deals with orders that need a person.
type reviewCmd struct {
	Ls      reviewLsCmd      `cmd:"" help:"List reviews, the open ones unless told otherwise."`
	Show    reviewShowCmd    `cmd:"" help:"Show one with all its evidence, and what can be done."`
	Resolve reviewResolveCmd `cmd:"" help:"Decide what became of the order, or dismiss the review."`
}

// Help stands below the usage.
func (reviewCmd) Help() string {
	return `A review asks a person to look at an order about which gateway, callback and order service do not
agree. Resolving it tells downstream an outcome, or none, and records who decided and why.

    settlehook review ls --merchant m1001
    settlehook review show m1001/A1/review/amount_mismatch-1a2b3c4d --ask
    settlehook review resolve m1001/A1/review/amount_mismatch-1a2b3c4d --as settled --why 'partial payment, agreed with the shop'

NATS_URL, INSTALLATION and MERCHANTS_FILE are environment variables (docs/configuration.md).`
}

func (d *desk) reviews(ctx context.Context) (*cases.Reviews, error) {
	log, err := stream.OpenReviewLog(ctx, d.js, d.timeout())
	if err != nil {
		return nil, err
	}
	ledger, err := stream.OpenLedger(ctx, d.js, d.timeout())
	if err != nil {
		return nil, err
	}
	orders, err := stream.OpenOrders(ctx, d.js, d.timeout())
	if err != nil {
		return nil, err
	}
	return cases.NewReviews(log, ledger, orders, d.cfg.General.Installation, time.Now), nil
}

type reviewLsCmd struct {
	Merchant merchantName `placeholder:"ID" help:"Of this merchant."`
	Flow     flowName     `placeholder:"FLOW" help:"Of this flow: collect or pay."`
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
	reviews, err := d.reviews(ctx)
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

// reviewChoice names a review.
type reviewChoice struct {
	ID       string        `arg:"" help:"Id of the review, as 'review ls' prints it; with --merchant, the order id."`
	Merchant merchantName  `placeholder:"ID" help:"The merchant, where an order is named that has one open review."`
	Timeout  time.Duration `default:"10s" help:"Longest to wait for the gateway (${default})."`
}

func (c reviewChoice) find(ctx context.Context, reviews *cases.Reviews) (stream.Review, error) {
	if c.Merchant != "" {
		return reviews.OneOpen(ctx, string(c.Merchant), c.ID)
	}
	id, err := cases.ParseReviewID(c.ID)
	if err != nil {
		return stream.Review{}, usageError{fmt.Errorf("%q is %w", c.ID, err)}
	}
	r, err := reviews.Find(ctx, id)
	return r, gone(err)
}

// gateway is the merchant as it is configured, and its order query.
func (c reviewChoice) gateway(d *desk, merchant string) (reconcile.Merchant, reconcile.Gateway, func(), error) {
	m, err := findMerchant(d.cfg.Merchants.Path, merchant)
	if err != nil {
		return reconcile.Merchant{}, nil, nil, err
	}
	client, err := gateway.NewClient(gateway.Config{
		BaseURL: m.Gateway, Account: m.Account, Keyring: m.Keyring, Timeout: c.Timeout, NotFound: m.NotFound,
	})
	if err != nil {
		return reconcile.Merchant{}, nil, nil, usageError{err}
	}
	return app.MerchantFacts(m), orderapi.NewAsker(client, c.Timeout), client.CloseIdleConnections, nil
}

// asTold is a merchant as far as a review knows it: enough where nobody is
// asked.
func asTold(r stream.Review) reconcile.Merchant {
	p := r.Event.Data.Common()
	return reconcile.Merchant{ID: p.Merchant, Account: p.Account, Currency: p.Currency, Location: time.UTC}
}

type reviewShowCmd struct {
	reviewChoice
	Ask bool `help:"Ask the gateway now what it says of the order."`
	printing
}

// Help stands below the usage.
func (reviewShowCmd) Help() string {
	return `Examples:
    settlehook review show m1001/A1/review/amount_mismatch-1a2b3c4d
    settlehook review show --merchant m1001 A1 --ask

--ask needs MERCHANTS_FILE, for the merchant's gateway and key.`
}

// Run shows one.
func (c *reviewShowCmd) Run(io streams) error {
	ctx, d, err := openDesk(config.OperatorNeeds{Merchants: c.Ask})
	if err != nil {
		return err
	}
	defer d.close()
	reviews, err := d.reviews(ctx)
	if err != nil {
		return err
	}
	r, err := c.find(ctx, reviews)
	if err != nil {
		return err
	}
	m, asker := asTold(r), reconcile.Gateway(cases.Unasked{})
	if c.Ask {
		var release func()
		if m, asker, release, err = c.gateway(d, m.ID); err != nil {
			return err
		}
		defer release()
	}
	b, err := reviews.Look(ctx, r, m, asker)
	if err != nil {
		return err
	}
	if c.Output == listJSON {
		err = jsonLine(io.out, detailOf(r, b))
	} else {
		err = printReview(io, r, b)
	}
	if err == nil && b.Silence != nil {
		return cases.Worded(b.Silence)
	}
	return err
}

// reviewDetail is a review with all of it as JSON.
type reviewDetail struct {
	reviewLine
	Meaning    string         `json:"meaning"`
	Event      events.Event   `json:"event"`
	Resolution *events.Event  `json:"resolution,omitempty"`
	Last       *events.Event  `json:"last,omitempty"` // the order's last outcome
	Now        string         `json:"now,omitempty"`  // the gateway's answer of now
	Known      string         `json:"submitted,omitempty"`
	Options    []reviewOption `json:"options,omitempty"`
}

type reviewOption struct {
	As     string    `json:"as"`
	Can    cases.Can `json:"can"`
	Detail string    `json:"detail"`
}

func detailOf(r stream.Review, b cases.Background) reviewDetail {
	p := r.Event.Data.Common()
	d := reviewDetail{reviewLine: lineOfReview(r), Meaning: cases.Meaning(p.Reason), Event: r.Event, Resolution: r.Resolution, Known: submittedWords(b.Submitted)}
	if b.Last != nil {
		d.Last = &b.Last.Event
	}
	if b.Answer != nil {
		d.Now = cases.Said(*b.Answer, p.Currency)
	}
	for _, o := range b.Options {
		d.Options = append(d.Options, reviewOption(o))
	}
	return d
}

func submittedWords(s *reconcile.Submitted) string {
	switch {
	case s == nil:
		return ""
	case s.Unusable:
		return "what can't be read"
	}
	return s.Amount.String() + " " + s.Currency + " (" + string(s.Flow) + ")"
}

// orNothing stands for what nobody said.
func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func printReview(io streams, r stream.Review, b cases.Background) error {
	p := r.Event.Data.Common()
	var out result
	out.add("review", r.Event.ID)
	out.add("state", string(r.State()))
	out.add("opened", shownTime(r.At)+" via "+string(p.Via))
	out.add("order", p.OrderID+", "+string(p.Flow)+" of "+p.Merchant+" (account "+p.Account+")")
	out.add("gateway order", p.PlatOrderID)
	out.add("reason", p.Reason+": "+cases.Meaning(p.Reason))
	out.add("callback said", orNothing(callbackWords(p)))
	out.add("query said", orNothing(queryWords(p)))
	out.add("submitted", orNothing(p.SubmittedAmount.String()))
	if now := submittedWords(b.Submitted); now != "" {
		out.add("submitted, today", now)
	}
	if b.Answer != nil {
		out.add("query, now", cases.Said(*b.Answer, p.Currency))
	}
	out.add("remark", p.Remark)
	out.add("downstream", toldOf(b.Last))
	if r.Resolution != nil {
		closed := r.Resolution.Data.(events.Resolved)
		out.add("resolved", shownTime(r.Resolution.Time)+" by "+closed.By+": "+closed.Why)
		out.add("told", closed.ResultingEvent)
	}
	if err := out.print(io.out, "text"); err != nil || len(b.Options) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(io.out); err != nil {
		return err
	}
	options := newTable(io.out, "RESOLVE AS", "CAN", "WHAT IT DOES")
	for _, o := range b.Options {
		if err := options.row(o.As, string(o.Can), o.Detail); err != nil {
			return err
		}
	}
	return options.flush()
}

func toldOf(last *reconcile.Entry) string {
	if last == nil {
		return toldWords("")
	}
	text := toldWords(last.Event.ID)
	if p := last.Event.Data.Common(); p.Amount.Known() {
		text += ", " + p.Amount.String() + " " + p.Currency
	}
	return text + ", at " + shownTime(last.Event.Time)
}

func callbackWords(p events.Payment) string {
	c := p.Evidence.Callback
	if c == nil {
		return ""
	}
	text := statusWords(c.Status) + " " + c.Amount.String()
	if c.Reverse {
		text += ", reversed"
	}
	return strings.TrimSpace(text) + ", received " + shownTime(p.Evidence.ReceivedAt)
}

func queryWords(p events.Payment) string {
	q := p.Evidence.Query
	switch {
	case q == nil:
		return ""
	case q.NotFound:
		return "that it does not know the order"
	}
	return strings.TrimSpace(statusWords(q.Status) + " " + q.Amount.String())
}

type reviewResolveCmd struct {
	reviewChoice
	As  string `required:"" enum:"settled,failed,reversed,expired,dismissed" placeholder:"OUTCOME" help:"What became of the order: settled, failed, reversed or expired; dismissed closes the review and tells nothing."`
	Why string `required:"" placeholder:"TEXT" help:"Why; downstream and the books see it."`
	Yes bool   `short:"y" help:"Do it without asking; needed where no terminal is there to ask."`
	printing
}

// Help stands below the usage.
func (reviewResolveCmd) Help() string {
	return `Examples:
    settlehook review resolve m1001/A1/review/amount_mismatch-1a2b3c4d --as settled --why 'partial payment, agreed with the shop'
    settlehook review resolve --merchant m1001 A2 --as dismissed --why 'test order' --yes

A person overrides a contradiction, never the gateway about money: settled takes a success of its
order query, and the amount is the query's. What downstream was told before is never told otherwise.
Who you are is what NATS knows you as.`
}

// Run resolves one.
func (c *reviewResolveCmd) Run(io streams) error {
	if err := checkWhy(c.Why); err != nil {
		return err
	}
	if !c.Yes && !isTerminal(io.in) {
		return usageError{errors.New("there is no terminal to ask on: add --yes to resolve the review")}
	}
	ctx, d, err := openDesk(config.OperatorNeeds{Installation: true, Merchants: c.As != cases.Dismissed})
	if err != nil {
		return err
	}
	defer d.close()
	reviews, err := d.reviews(ctx)
	if err != nil {
		return err
	}
	r, err := c.find(ctx, reviews)
	if err != nil {
		return err
	}
	m, asker := asTold(r), reconcile.Gateway(cases.Unasked{})
	if c.As != cases.Dismissed {
		var release func()
		if m, asker, release, err = c.gateway(d, m.ID); err != nil {
			return err
		}
		defer release()
	}
	who, err := d.who(ctx)
	if err != nil {
		return err
	}
	decision := cases.Decision{As: c.As, By: who, Why: c.Why}
	if !c.Yes {
		would, shown, err := reviews.Preview(ctx, r, m, asker, c.As)
		if err != nil {
			return err
		}
		decision.Shown = shown
		say(io, "%s: %s, by %s", r.Event.ID, would, who)
		if !confirmed(io, "Go on?") {
			say(io, "nothing was told")
			return errRefused
		}
	}
	res, err := reviews.Resolve(ctx, r, m, asker, decision)
	if err != nil {
		return err
	}
	return c.printResolved(io, r, res, who)
}

// resolvedLine is what a resolution did as JSON.
type resolvedLine struct {
	ID        string `json:"id"`
	As        string `json:"as"`
	By        string `json:"by"`
	Why       string `json:"why"`
	Resulting string `json:"resultingEvent,omitempty"`
	Emitted   bool   `json:"emitted"` // by this resolution; else it had been told
	Amount    string `json:"amount,omitempty"`
	Currency  string `json:"currency,omitempty"`
}

func (c *reviewResolveCmd) printResolved(io streams, r stream.Review, res reconcile.Resolved, who string) error {
	line := resolvedLine{ID: r.Event.ID, As: c.As, By: who, Why: c.Why, Emitted: res.Emitted}
	if res.Event != nil {
		p := res.Event.Data.Common()
		line.Resulting, line.Amount, line.Currency = res.Event.ID, p.Amount.String(), p.Currency
	}
	if c.Output == listJSON {
		return jsonLine(io.out, line)
	}
	var out result
	out.add("resolved", line.ID)
	out.add("as", line.As)
	out.add("by", line.By)
	out.add("why", line.Why)
	if line.Resulting != "" {
		what := "told before"
		if line.Emitted {
			what = "told now"
		}
		out.add(what, strings.TrimSpace(line.Resulting+" "+line.Amount+" "+line.Currency))
	}
	return out.print(io.out, "text")
}

// statusWords is a status of the gateway in words.
func statusWords(status int) string { return callback.Status(status).String() }
