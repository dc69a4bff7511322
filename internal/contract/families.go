package contract

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// What settlehook does on a channel, in AsyncAPI's words. Order services publish
// on those that it receives, and read them, too.
const (
	sends    = "send"
	receives = "receive"
)

// family is the subjects of one kind of message.
type family struct {
	name    string // of its channel and its message
	stream  string
	action  string
	subject string // with the parameters in braces
	title   string
	summary string
	event   string // type of the event; empty: a callback's body as received
	sample  string // file of an event
}

func families() []family {
	all := slices.Concat(paymentFamilies(), orderFamilies())
	all = append(all, family{
		name: "balanceSnapshot", stream: stream.Balances, action: sends,
		subject: address(func(t tokens) string { return events.BalanceSubject(t.merchant) }),
		title:   "Balance at midnight",
		summary: "What the gateway said a merchant's balance is, at the midnight that begins a day.",
		event:   events.TypeBalance, sample: "balance.json",
	}, family{
		name: "parkedCallback", stream: stream.Parked, action: sends,
		subject: address(func(t tokens) string { return events.ParkedSubject(t.flow, t.merchant) }),
		title:   "A callback that was given up on",
		summary: "No worker could bring it to an end; no event says what became of its order. A person mends the cause and puts it back.",
	})
	for _, class := range []struct{ name, summary string }{
		{events.QuarantineSignature, "No key of the merchant gives its signature."},
		{events.QuarantineMalformed, "It is no callback; only its beginning is kept."},
		{events.QuarantineUnknown, "It came to a merchant or flow that is not configured; only its beginning is kept."},
	} {
		all = append(all, family{
			name: "quarantine" + capital(class.name), stream: stream.Quarantine, action: sends,
			subject: address(func(t tokens) string { return events.QuarantineSubject(class.name, t.flow, t.merchant) }),
			title:   "A refused callback: " + class.name, summary: class.summary,
		})
	}
	return all
}

// summaries of the payment events.
var paymentSummaries = map[events.Outcome]string{
	events.OutcomeSettled:  "The money moved. Book it once, by the event's id.",
	events.OutcomeFailed:   "The money did not move. A collection may still settle later.",
	events.OutcomeReversed: "Settled money moved back: a booking of its own.",
	events.OutcomeExpired:  "A collection that nobody paid while the sweep watched it.",
	events.OutcomeReview:   "What the parties say does not agree: a person is asked to look.",
	events.OutcomeResolved: "A review is closed.",
}

func paymentFamilies() []family {
	var all []family
	for _, o := range events.Outcomes() {
		all = append(all, family{
			name: "payment" + capital(string(o)), stream: stream.Payments, action: sends,
			subject: address(func(t tokens) string {
				switch o {
				case events.OutcomeReview:
					return events.ReviewSubject(t.order(), t.tail)
				case events.OutcomeResolved:
					return events.ResolvedSubject(t.order(), t.tail)
				default:
					return events.Subject(o, t.order())
				}
			}),
			title: "Payment " + string(o), summary: paymentSummaries[o],
			event: events.Type(o), sample: string(o) + ".json",
		})
	}
	return all
}

func orderFamilies() []family {
	var all []family
	for _, f := range []struct {
		name, event, summary string
		subject              func(events.Order) string
	}{
		{"submitted", events.TypeSubmitted, "Before the order is created at the gateway.", events.SubmittedSubject},
		{"repeated", events.TypeRepeated, "Before a further attempt to create it.", events.RepeatedSubject},
		{"withdrawn", events.TypeWithdrawn, "After the gateway definitely refused it.", events.WithdrawnSubject},
	} {
		all = append(all, family{
			name: "order" + capital(f.name), stream: stream.Orders, action: receives,
			subject: address(func(t tokens) string { return f.subject(t.order()) }),
			title:   "Order " + f.name, summary: f.summary,
			event: f.event, sample: "order-" + f.name + ".json",
		})
	}
	return all
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// tokens stand for what varies in a subject.
type tokens struct{ flow, merchant, orderID, tail string }

func (t tokens) order() events.Order {
	return events.Order{Flow: events.Flow(t.flow), Merchant: t.merchant, OrderID: t.orderID}
}

// address is a subject as pkg/events builds it, with parameters for tokens.
func address(build func(tokens) string) string {
	// Letters alone, which are not escaped, and none of which a subject has.
	s := build(tokens{"FLOW", "MERCHANT", "ORDER", "CASE"})
	return strings.NewReplacer("FLOW", "{flow}", "MERCHANT", "{merchant}", "ORDER", "{order}", "CASE", "{case}").Replace(s)
}

// operation names what settlehook does with a family.
func (f family) operation() string { return f.action + capital(f.name) }

func (f family) channel() channel {
	described := object{}
	for _, name := range []string{"flow", "merchant", "order", "case"} {
		if !strings.Contains(f.subject, "{"+name+"}") {
			continue
		}
		component := name
		if f.event == "" {
			component += "OrUnknown"
		}
		described[name] = ref("components", "parameters", component)
	}
	return channel{
		Address: f.subject, Title: f.title, Description: f.summary, Parameters: described,
		Messages: object{f.name: ref("components", "messages", f.name)}, JetStream: declared(f.stream),
	}
}

// declared is what does not differ between installations of a stream.
func declared(name string) object {
	for _, c := range stream.Declare(config.Topology{}) {
		if c.Name == name {
			o := object{"stream": name, "subjects": c.Subjects}
			if c.DiscardNewPerSubject {
				o["maxMsgsPerSubject"] = c.MaxMsgsPerSubject
			}
			return o
		}
	}
	return nil
}

func (f family) message(samples fs.FS) (message, error) {
	m := message{Name: f.name, Title: f.title, Summary: f.summary, Headers: f.headers()}
	if f.event == "" {
		m.ContentType = "application/octet-stream"
		m.Payload = ref("components", "schemas", "callbackBody")
		m.Examples = f.callbackExamples()
		return m, nil
	}
	raw, err := fs.ReadFile(samples, f.sample)
	if err != nil {
		return message{}, err
	}
	payload, err := decode(raw)
	if err != nil {
		return message{}, err
	}
	m.Name, m.ContentType, m.Payload = f.event, events.ContentType, ref("components", "schemas", envelopeName(f.event))
	m.Examples = []example{{Name: f.name, Headers: f.eventHeaders(), Payload: payload}}
	return m, nil
}
