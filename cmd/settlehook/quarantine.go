package main

import (
	"encoding/base64"
	"time"
	"unicode/utf8"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// quarantineCmd deals with callbacks that the receiver refused.
type quarantineCmd struct {
	Ls      quarantineLsCmd      `cmd:"" help:"List refused callbacks."`
	Show    quarantineShowCmd    `cmd:"" help:"Show one with all its evidence."`
	Redrive quarantineRedriveCmd `cmd:"" help:"Verify refused callbacks again, and accept those that pass now."`
}

// Help stands below the usage.
func (quarantineCmd) Help() string {
	return `What the receiver refuses is kept here: by class signature (no key of the merchant fits),
malformed, or unknown (merchant or flow). Once the key or the merchant is mended, what is genuine
passes; junk does not, and stays.

    settlehook quarantine redrive --merchant m1001         # counts what would pass
    settlehook quarantine redrive --merchant m1001 --yes   # does it

NATS_URL and, to redrive, MERCHANTS_FILE are environment variables (docs/configuration.md).`
}

// quarantineFilter are the flags that choose refused callbacks.
type quarantineFilter struct {
	Merchant merchantName `placeholder:"ID" help:"Of this merchant; _unknown for those of none that is configured."`
	Flow     flowName     `predictor:"flow" placeholder:"FLOW" help:"Of this flow: collect or pay."`
	Class    className    `placeholder:"CLASS" help:"Of this class: signature, malformed or unknown."`
	Reason   string       `placeholder:"NAME" help:"Refused for this reason, such as bad-signature."`
	Order    string       `placeholder:"ID" help:"Speaking of this order; nothing vouches for it."`
	period
}

// className is a class of the command line.
type className string

// UnmarshalText reads a class.
func (c *className) UnmarshalText(text []byte) error {
	class, err := stream.ParseClass(string(text))
	*c = className(class)
	return err
}

func (f quarantineFilter) query() cases.QuarantineQuery {
	return cases.QuarantineQuery{
		QuarantineFilter: stream.QuarantineFilter{
			Class: stream.Class(f.Class), Flow: string(f.Flow), Merchant: string(f.Merchant), Window: f.window(),
		},
		Reason: f.Reason, OrderID: f.Order,
	}
}

func (f quarantineFilter) given() bool {
	return f.Merchant != "" || f.Flow != "" || f.Class != "" || f.Reason != "" || f.Order != "" || f.period.given()
}

type quarantineLsCmd struct {
	quarantineFilter
	limit
	printing
}

// Help stands below the usage.
func (quarantineLsCmd) Help() string {
	return `Examples:
    settlehook quarantine ls --class signature --since 1h
    settlehook quarantine ls --merchant m1001 -o json --limit 0`
}

// quarantineLine is a refused callback as JSON.
type quarantineLine struct {
	Sequence   uint64       `json:"sequence"` // in QUARANTINE
	At         time.Time    `json:"at"`
	Class      stream.Class `json:"class"`
	Merchant   string       `json:"merchant"`
	Flow       string       `json:"flow"`
	OrderID    string       `json:"orderId,omitempty"` // nothing vouches for it
	Reason     string       `json:"reason"`
	Error      string       `json:"error,omitempty"`
	Path       string       `json:"path,omitempty"`
	Source     string       `json:"source,omitempty"`
	ReceivedAt time.Time    `json:"receivedAt"`
	Size       int          `json:"size"` // of the body as kept, in bytes
}

func lineOfQuarantined(q stream.Quarantined) quarantineLine {
	return quarantineLine{
		Sequence: q.Sequence, At: q.At, Class: q.Class, Merchant: q.Merchant, Flow: q.Flow, OrderID: q.OrderID(),
		Reason: q.Reason, Error: q.Detail, Path: q.Path, Source: q.Source, ReceivedAt: q.ReceivedAt.UTC(), Size: len(q.Body),
	}
}

// Run lists.
func (c *quarantineLsCmd) Run(io streams) error {
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	quarantine, err := d.Quarantine(ctx, cases.Judge{})
	if err != nil {
		return err
	}
	out, listed := newTable(io.out, "SEQUENCE", "RECEIVED", "CLASS", "MERCHANT", "FLOW", "ORDER", "REASON", "SOURCE"), 0
	err = quarantine.List(ctx, c.query(), func(q stream.Quarantined) error {
		if err := c.reached(io, listed); err != nil {
			return err
		}
		listed++
		l := lineOfQuarantined(q)
		if c.Output == listJSON {
			return jsonLine(io.out, l)
		}
		return out.row(number(l.Sequence), shownTime(l.ReceivedAt), string(l.Class), l.Merchant, l.Flow, l.OrderID, l.Reason, l.Source)
	})
	if err != nil {
		return err
	}
	return out.flush()
}

type quarantineShowCmd struct {
	Sequence uint64 `arg:"" help:"Sequence in QUARANTINE, as 'quarantine ls' prints it."`
	printing
}

// Help stands below the usage.
func (quarantineShowCmd) Help() string {
	return `Example:
    settlehook quarantine show 7

With MERCHANTS_FILE set it also says whether the callback would be accepted now.`
}

// quarantineDetail is a refused callback with all of it as JSON.
type quarantineDetail struct {
	quarantineLine
	Now     string              `json:"now,omitempty"` // accepted, or the reason
	Headers map[string][]string `json:"headers"`
	shownBody
}

// shownBody is a body in JSON: as text where it is text.
type shownBody struct {
	Body       string `json:"body,omitempty"`
	BodyBase64 string `json:"bodyBase64,omitempty"`
}

func bodyOf(body []byte) shownBody {
	if utf8.Valid(body) {
		return shownBody{Body: string(body)}
	}
	return shownBody{BodyBase64: base64.StdEncoding.EncodeToString(body)}
}

// accepted is what a refused callback would be now.
const accepted = "accepted"

// Run shows one.
func (c *quarantineShowCmd) Run(io streams) error {
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	quarantine, err := d.Quarantine(ctx, cases.Judge{})
	if err != nil {
		return err
	}
	q, err := quarantine.Get(ctx, c.Sequence)
	if err != nil {
		return gone(err)
	}
	detail := quarantineDetail{quarantineLine: lineOfQuarantined(q), Headers: q.Headers(), shownBody: bodyOf(q.Body)}
	if d.Cfg.Merchants.Path != "" {
		merchants, err := d.merchants()
		if err != nil {
			return err
		}
		if _, detail.Now = cases.NewJudge(merchants).Verify(q); detail.Now == "" {
			detail.Now = accepted
		}
	}
	if c.Output == listJSON {
		return jsonLine(io.out, detail)
	}
	var r result
	r.add("sequence", number(q.Sequence))
	r.add("received", shownTime(q.ReceivedAt))
	r.add("class", string(q.Class))
	r.add("merchant", q.Merchant)
	r.add("flow", q.Flow)
	r.add("order", detail.OrderID)
	r.add("reason", q.Reason)
	r.add("error", q.Detail)
	r.add("path", q.Path)
	r.add("source", q.Source)
	r.add("content type", q.ContentType)
	r.add("today", detail.Now)
	r.add("body", string(q.Body))
	return r.print(io.out, "text")
}

type quarantineRedriveCmd struct {
	Sequences []uint64 `arg:"" optional:"" name:"sequence" help:"Sequences in QUARANTINE, as 'quarantine ls' prints them."`
	quarantineFilter
	bulkFlags
}

// Help stands below the usage.
func (quarantineRedriveCmd) Help() string {
	return `Each body is verified as the receiver does, with the keys and dialects of MERCHANTS_FILE as it is
now. What passes is stored as the receiver would have, in the order of arrival; what does not stays,
counted by its reason.

Sequences are redriven at once. What is chosen by filters is only counted, unless --yes is given.

    settlehook quarantine redrive --merchant m1001 --class signature         # counts
    settlehook quarantine redrive --merchant m1001 --class signature --yes   # does it
    settlehook quarantine redrive 7 8

Doing it twice does no harm.`
}

// Run redrives.
func (c *quarantineRedriveCmd) Run(io streams) error {
	if err := c.checkChoice(c.Sequences, c.given()); err != nil {
		return err
	}
	ctx, d, err := openDesk(config.OperatorNeeds{Merchants: true})
	if err != nil {
		return err
	}
	defer d.close()
	merchants, err := d.merchants()
	if err != nil {
		return err
	}
	quarantine, err := d.Quarantine(ctx, cases.NewJudge(merchants))
	if err != nil {
		return err
	}
	following := &follower{io: io, strict: len(c.Sequences) > 0}
	var t cases.Tally
	if len(c.Sequences) > 0 {
		t, err = quarantine.Some(ctx, c.Sequences, quarantine.Redrive, following.watch())
		following.end()
		return c.finish(io, t, err, false, cases.Failed, cases.Refused, cases.Stays)
	}
	act := quarantine.Redrive
	if !c.Yes {
		act = quarantine.Plan
	}
	t, err = quarantine.All(ctx, c.query(), act, following.watch())
	following.end()
	return c.finish(io, t, err, !c.Yes, cases.Failed, cases.Refused)
}
