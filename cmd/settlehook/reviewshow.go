package main

import (
	"fmt"
	"strings"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

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
	f, err := c.open(ctx, d, c.Ask)
	if err != nil {
		return err
	}
	defer f.Release()
	b, err := f.reviews.Look(ctx, f.review, f.Merchant, f.Gateway)
	if err != nil {
		return err
	}
	if c.Output == listJSON {
		err = jsonLine(io.out, detailOf(f.review, b))
	} else {
		err = printReview(io, f.review, b)
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

// statusWords is a status of the gateway in words.
func statusWords(status int) string { return callback.Status(status).String() }
