package tail

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// Line is what a message says, for a person.
type Line struct {
	Mark, What              string // of what kind it is: "✓", "settled"
	Merchant, Flow, OrderID string
	Detail                  string
}

// String is the line as it is printed.
func (l Line) String() string {
	text := fmt.Sprintf("%s %-10s %-8s %-7s %-26s", l.Mark, l.What, l.Merchant, l.Flow, l.OrderID)
	if l.Detail != "" {
		text += " " + l.Detail
	}
	return text
}

// Describe says what a message of a stream is.
func Describe(streamName string, m jetstream.Msg) (Line, error) {
	describe, known := describers[streamName]
	if !known {
		return Line{}, fmt.Errorf("nothing describes the stream %s", streamName)
	}
	return describe(m)
}

// callbackLine: something arrived.
func callbackLine(m jetstream.Msg) (Line, error) {
	params, err := sign.Parse(m.Headers().Get(stream.HeaderContentType), m.Data())
	if err != nil {
		return Line{}, err
	}
	cb, err := callback.FromParams(params)
	if err != nil {
		return Line{}, err
	}
	tokens := strings.Split(m.Subject(), ".")
	said := cb.Status.String()
	if cb.Reverse {
		said += ", reversed"
	}
	return Line{"→", "callback", tokens[3], tokens[2], cb.OrderID, cb.Amount.String() + " " + said}, nil
}

// marks of the outcomes: what a person looks for.
var marks = map[events.Outcome]string{
	events.OutcomeSettled: "✓", events.OutcomeFailed: "✗", events.OutcomeReversed: "↺",
	events.OutcomeExpired: "∅", events.OutcomeReview: "!", events.OutcomeResolved: "·",
}

// eventLine: something left.
func eventLine(m jetstream.Msg) (Line, error) {
	e, err := events.Decode(m.Data())
	if err != nil {
		return Line{}, err
	}
	return EventLine(e), nil
}

// EventLine says what an event is.
func EventLine(e events.Event) Line {
	p := e.Data.Common()
	var said []string
	if p.Amount.Known() {
		said = append(said, p.Amount.String()+" "+p.Currency)
	}
	if p.Direction != events.None {
		said = append(said, string(p.Direction))
	}
	if p.Net.Known() {
		said = append(said, "(net "+p.Net.String()+")")
	}
	switch d := e.Data.(type) {
	case events.Review:
		said = append(said, "needs a person: "+p.Reason+amountsSaid(p))
	case events.Resolved:
		said = append(said, "review closed by "+d.By)
	}
	more := []string{strings.Join(said, " ")}
	if p.Via == events.ViaSweep {
		more = append(more, "found by the sweep")
	}
	if p.Supersedes != "" {
		more = append(more, "supersedes "+p.Supersedes[strings.LastIndexByte(p.Supersedes, '/')+1:])
	}
	detail := strings.TrimPrefix(strings.Join(more, ", "), ", ")
	return Line{marks[e.Outcome()], string(e.Outcome()), p.Merchant, string(p.Flow), p.OrderID, detail}
}

// amountsSaid lists the amounts that a review is about.
func amountsSaid(p events.Payment) string {
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

// parkedLine: something was given up on.
func parkedLine(m jetstream.Msg) (Line, error) {
	tokens := strings.Split(m.Subject(), ".")
	return Line{"‖", "parked", tokens[3], tokens[2], "", m.Headers().Get(stream.HeaderReason)}, nil
}

// quarantineLine: something was refused.
func quarantineLine(m jetstream.Msg) (Line, error) {
	tokens := strings.Split(m.Subject(), ".")
	return Line{"⊘", "refused", tokens[4], tokens[3], "", m.Headers().Get(stream.HeaderReason)}, nil
}
