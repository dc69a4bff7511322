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

// head begins every line: what, whose, which order.
func head(mark, what, merchant, flow, order string) string {
	return fmt.Sprintf("%s %-10s %-8s %-7s %-26s", mark, what, merchant, flow, order)
}

// callbackLine: something arrived.
func callbackLine(m jetstream.Msg) (string, error) {
	params, err := sign.Parse(m.Headers().Get(stream.HeaderContentType), m.Data())
	if err != nil {
		return "", err
	}
	cb, err := callback.FromParams(params)
	if err != nil {
		return "", err
	}
	tokens := strings.Split(m.Subject(), ".")
	said := cb.Status.String()
	if cb.Reverse {
		said += ", reversed"
	}
	return head("→", "callback", tokens[3], tokens[2], cb.OrderID) + fmt.Sprintf(" %s %s", cb.Amount, said), nil
}

// marks of the outcomes: what a person looks for.
var marks = map[events.Outcome]string{
	events.OutcomeSettled: "✓", events.OutcomeFailed: "✗", events.OutcomeReversed: "↺",
	events.OutcomeExpired: "∅", events.OutcomeReview: "!", events.OutcomeResolved: "·",
}

// eventLine: something left.
func eventLine(m jetstream.Msg) (string, error) {
	e, err := events.Decode(m.Data())
	if err != nil {
		return "", err
	}
	p := e.Data.Common()
	text := head(marks[e.Outcome()], string(e.Outcome()), p.Merchant, string(p.Flow), p.OrderID)
	if p.Amount.Known() {
		text += fmt.Sprintf(" %s %s", p.Amount, p.Currency)
	}
	if p.Direction != events.None {
		text += " " + string(p.Direction)
	}
	if p.Net.Known() {
		text += fmt.Sprintf(" (net %s)", p.Net)
	}
	switch d := e.Data.(type) {
	case events.Review:
		text += " needs a person: " + p.Reason + said(p)
	case events.Resolved:
		text += " review closed by " + d.By
	}
	if p.Via == events.ViaSweep {
		text += ", found by the sweep"
	}
	if p.Supersedes != "" {
		text += ", supersedes " + p.Supersedes[strings.LastIndexByte(p.Supersedes, '/')+1:]
	}
	return text, nil
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

// parkedLine: something was given up on.
func parkedLine(m jetstream.Msg) (string, error) {
	tokens := strings.Split(m.Subject(), ".")
	return head("‖", "parked", tokens[3], tokens[2], "") + " " + m.Headers().Get(stream.HeaderReason), nil
}

// quarantineLine: something was refused.
func quarantineLine(m jetstream.Msg) (string, error) {
	tokens := strings.Split(m.Subject(), ".")
	return head("⊘", "refused", tokens[4], tokens[3], "") + " " + m.Headers().Get(stream.HeaderReason), nil
}
