package story

import (
	"fmt"
	"strings"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// words are parts of a detail; those that are empty are left out.
func words(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, ", ")
}

// labelled is a value that some have, with its name.
func labelled(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}

func registrationWords(r stream.Registration) string {
	if r.Event == nil {
		return "can't be read: " + r.Fault.Error()
	}
	return r.Event.Data.Amount.String() + " " + r.Event.Data.Currency
}

// lingered is how far apart receipt and storing may be without a word: what is
// stored later was put back by a person.
const lingered = 5 * time.Second

func callbackWords(c stream.StoredCallback) string {
	put := ""
	switch {
	case c.First != c.Sequence:
		put = fmt.Sprintf("put back, first it was %d", c.First)
	case c.At.Sub(c.ReceivedAt) > lingered:
		put = "put back, received at " + moment(c.ReceivedAt)
	}
	fee := ""
	if c.Callback.FeeKnown {
		fee = "fee " + c.Callback.Fee.String()
	}
	return words(saidWords(int(c.Callback.Status), c.Callback.Reverse, c.Callback.Amount.String()), fee,
		labelled("key", c.KeyID), labelled("written as", strings.Join(c.Dialects, " ")), labelled("from", c.Source), put, labelled("remark", c.Callback.Remark))
}

// saidWords is a state of the gateway with its amount.
func saidWords(status int, reversed bool, amount string) string {
	state := callback.Status(status).String()
	if reversed {
		state += " reversed"
	}
	return strings.TrimSpace(state + " " + amount)
}

func queryWords(q *events.QueryEvidence) string {
	switch {
	case q == nil:
		return ""
	case q.NotFound:
		return "the gateway does not know the order"
	}
	return words("the gateway says "+saidWords(q.Status, false, q.Amount.String()), labelled("fee", q.Fee.String()))
}

// lookWords: what came of a look, and why.
func lookWords(l stream.Look) string {
	verdict := map[string]string{"retry": "looked again later", "ignore": "nothing new", "none": "not decided"}[l.Verdict]
	if verdict == "" {
		verdict = l.Verdict
	}
	if l.Reason != "" {
		verdict += " (" + string(l.Reason) + ")"
	}
	via := ""
	if l.Via == events.ViaSweep {
		via = "by the sweep, " + l.Tier
	}
	return words(verdict, queryWords(l.Query), via, l.Error)
}

func eventWords(e events.Event) string {
	p := e.Data.Common()
	switch d := e.Data.(type) {
	case events.Review:
		return words(p.Reason+": "+cases.Meaning(p.Reason), callbackSaid(p), queryWords(p.Evidence.Query), labelled("submitted", p.SubmittedAmount.String()))
	case events.Resolved:
		return words("by "+d.By+": "+d.Why, labelled("told", d.ResultingEvent))
	}
	return words(amountWords(p), labelled("fee", p.Fee.String()), netWords(p), labelled("reason", p.Reason), string(p.Match), viaWords(p.Via),
		queryWords(p.Evidence.Query), labelled("utr", p.UTR), labelled("supersedes", lastPart(p.Supersedes)), labelled("remark", p.Remark))
}

// toldWords is an outcome in short.
func toldWords(e events.Event) string {
	p := e.Data.Common()
	return words(strings.TrimSpace(string(e.Outcome())+" "+amountWords(p)), netWords(p), labelled("reason", p.Reason), viaWords(p.Via))
}

func amountWords(p events.Payment) string {
	if !p.Amount.Known() {
		return ""
	}
	return p.Amount.String() + " " + p.Currency
}

// netWords is by how much the balance changed; where it did not, nothing.
func netWords(p events.Payment) string {
	if !p.Net.Known() || p.Direction == events.None {
		return ""
	}
	return "net " + p.Net.String() + " " + string(p.Direction)
}

// lastPart of an event id is the outcome: the order is known here.
func lastPart(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func viaWords(via events.Via) string {
	switch via {
	case events.ViaSweep:
		return "found by the sweep"
	case events.ViaOperator:
		return "by a person"
	}
	return ""
}

func callbackSaid(p events.Payment) string {
	c := p.Evidence.Callback
	if c == nil {
		return ""
	}
	return "the callback says " + saidWords(c.Status, c.Reverse, c.Amount.String())
}

func parkedWords(p stream.ParkedCallback) string {
	return words(fmt.Sprintf("%s after %d deliveries", p.Reason, p.Deliveries), p.Detail)
}

func refusedWords(q stream.Quarantined) string {
	return words(q.Reason, q.Detail, labelled("from", q.Source))
}
