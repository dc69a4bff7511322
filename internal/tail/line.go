package tail

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// Kinds of entries.
const (
	kindCallback   = "callback"
	kindEvent      = "event"
	kindParked     = "parked"
	kindRefused    = "refused"
	kindUnreadable = "unreadable"
)

// entry is what is said of a message. As JSON it is that of what is no event.
type entry struct {
	Kind     string    `json:"kind"`
	At       time.Time `json:"at"` // stored
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`
	Subject  string    `json:"subject"`
	Merchant string    `json:"merchant,omitempty"`
	Flow     string    `json:"flow,omitempty"`
	OrderID  string    `json:"orderId,omitempty"`
	Amount   string    `json:"amount,omitempty"` // of a callback, as it says
	Status   string    `json:"status,omitempty"`
	Reversed bool      `json:"reversed,omitempty"`
	Reason   string    `json:"reason,omitempty"` // parked or refused for
	Error    string    `json:"error,omitempty"`  // why it is unreadable

	mark, what, detail string // for a person
	event              json.RawMessage
}

// Line is what a message says, for a person.
type Line struct {
	Mark, What              string // of what kind it is: "✓", "settled"
	Merchant, Flow, OrderID string
	Detail                  string
}

// Describe says what a message of a followed stream is; one that can't be read is
// "unreadable".
func Describe(streamName string, m jetstream.Msg) Line {
	e := describe(message{Msg: m, source: &source{stream: streamName}})
	if e.Kind == kindUnreadable {
		return Line{Mark: "?", What: kindUnreadable, Merchant: e.Merchant, Flow: e.Flow, OrderID: e.OrderID, Detail: e.Subject + ": " + e.Error}
	}
	return Line{e.mark, e.what, e.Merchant, e.Flow, e.OrderID, e.detail}
}

// describe says what a message is.
func describe(m message) entry {
	e := entry{At: m.at.UTC(), Stream: m.source.stream, Sequence: m.sequence, Subject: m.Subject()}
	var err error
	switch e.Stream {
	case stream.Callbacks:
		err = e.callback(m)
	case stream.Payments:
		err = e.payment(m)
	case stream.Parked:
		e.mark, e.what, e.Kind = "‖", "parked", kindParked
		e.shelved(m)
	case stream.Quarantine:
		e.mark, e.what, e.Kind = "⊘", "refused", kindRefused
		e.shelved(m)
	}
	if err != nil {
		e.Kind, e.Error, e.detail = kindUnreadable, err.Error(), err.Error()
	}
	return e
}

// names reads flow and merchant, the tokens of a subject from one on.
func (e *entry) names(first int) {
	if tokens := strings.Split(e.Subject, "."); len(tokens) > first+1 {
		e.Flow, e.Merchant = tokens[first], tokens[first+1]
	}
}

// callback: something arrived.
func (e *entry) callback(m message) error {
	e.names(2)
	params, err := sign.Parse(m.Headers().Get(stream.HeaderContentType), m.Data())
	if err != nil {
		return err
	}
	cb, err := callback.FromParams(params)
	if err != nil {
		return err
	}
	e.mark, e.what, e.Kind = "→", "callback", kindCallback
	e.OrderID, e.Amount, e.Status, e.Reversed = cb.OrderID, cb.Amount.String(), cb.Status.String(), cb.Reverse
	e.detail = e.Amount + " " + e.Status
	if e.Reversed {
		e.detail += ", reversed"
	}
	return nil
}

// shelved: something was given up on, or refused. Nothing vouches for the order
// that the body of a refused one speaks of, and a body need not speak of any.
func (e *entry) shelved(m message) {
	e.names(2)
	if e.Kind == kindRefused {
		e.names(3)
	}
	e.Reason = m.Headers().Get(stream.HeaderReason)
	e.detail = e.Reason
	e.OrderID = stream.SpeaksOf(m.Headers().Get(stream.HeaderContentType), m.Data())
}

// marks of the outcomes: what a person looks for.
var marks = map[events.Outcome]string{
	events.OutcomeSettled: "✓", events.OutcomeFailed: "✗", events.OutcomeReversed: "↺",
	events.OutcomeExpired: "∅", events.OutcomeReview: "!", events.OutcomeResolved: "·",
}

// payment: something left.
func (e *entry) payment(m message) error {
	event, err := events.Decode(m.Data())
	var unknown *events.UnknownTypeError
	if errors.As(err, &unknown) { // of a newer settlehook: to a program it is an event as any other
		e.event = m.Data()
	}
	if err != nil {
		return err
	}
	l := EventLine(event)
	e.Kind, e.mark, e.what, e.detail = kindEvent, l.Mark, l.What, l.Detail
	e.Merchant, e.Flow, e.OrderID, e.event = l.Merchant, l.Flow, l.OrderID, m.Data()
	return nil
}

// EventLine says what an event is.
func EventLine(e events.Event) Line {
	p := e.Data.Common()
	var text strings.Builder
	if p.Amount.Known() {
		fmt.Fprintf(&text, " %s %s", p.Amount, p.Currency)
	}
	if p.Direction != events.None {
		text.WriteString(" " + string(p.Direction))
	}
	if p.Net.Known() {
		fmt.Fprintf(&text, " (net %s)", p.Net)
	}
	switch d := e.Data.(type) {
	case events.Review:
		text.WriteString(" needs a person: " + p.Reason + said(p))
	case events.Resolved:
		text.WriteString(" review closed by " + d.By)
	}
	if p.Via == events.ViaSweep {
		text.WriteString(", found by the sweep")
	}
	if p.Supersedes != "" {
		text.WriteString(", supersedes " + p.Supersedes[strings.LastIndexByte(p.Supersedes, '/')+1:])
	}
	return Line{marks[e.Outcome()], string(e.Outcome()), p.Merchant, string(p.Flow), p.OrderID, strings.TrimLeft(text.String(), " ,")}
}

// said lists the amounts that a review is about.
func said(p events.Payment) string {
	text := ""
	if c := p.Evidence.Callback; c != nil && c.Amount.Known() {
		text += ", callback " + c.Amount.String()
	}
	if q := p.Evidence.Query; q != nil && q.Amount.Known() {
		text += ", query " + q.Amount.String()
	}
	if p.SubmittedAmount.Known() {
		text += ", submitted " + p.SubmittedAmount.String()
	}
	return text
}
