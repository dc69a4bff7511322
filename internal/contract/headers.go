package contract

import (
	"maps"
	"slices"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// header is one NATS header of a message.
type header struct {
	name     string
	required bool
	schema   object
}

// text is a schema of texts.
func text(description string) object { return about(description, object{"type": "string"}) }

// texts is a schema of texts of which one keyword says more.
func texts(description, keyword, value string) object {
	s := text(description)
	s[keyword] = value
	return s
}

func matching(description, pattern string) object { return texts(description, "pattern", pattern) }

// Names of headers that come in several kinds of messages.
const (
	headerReason   = "Settlehook-Reason"
	headerError    = "Settlehook-Error"
	headerReceived = "Settlehook-Received-At"
)

// digits is a count or a sequence.
const digits = "^[0-9]+$"

var (
	cloudEvent = header{"Content-Type", true, texts("CloudEvents 1.0, structured mode.", "const", events.ContentType)}

	// Who registers orders sends the guard; docs/events.md says how.
	guard = []header{
		{"Nats-Expected-Last-Subject-Sequence", true, matching("The sequence of the message that the publisher takes for the order's last: 0, or that of submitted.", digits)},
		{"Nats-Expected-Last-Subject-Sequence-Subject", true, matching("All that was said about the order: orders.v1.*.*.<merchant>.<order>.", `^orders\.v1\.\*\.\*\.[^.*]+\.[^.*]+$`)},
	}

	traced = []header{
		{"traceparent", false, text("W3C Trace Context, where tracing is on.")},
		{"tracestate", false, text("W3C Trace Context, where tracing is on.")},
	}

	// What the receiver notes of every callback.
	contentType = header{"Content-Type", false, text("As the sender said.")}
	source      = header{"Settlehook-Source", false, text("The sender's address.")}
	receivedAt  = texts("When the receiver took it in, UTC.", "format", "date-time")

	refused = []header{
		contentType, source,
		{headerReceived, true, receivedAt},
		{headerReason, true, matching("Why it was refused, as in metrics and answers: docs/operations.md.", "^[a-z][a-z0-9-]*$")},
		{headerError, false, text("The reason in words, in a line.")},
		{"Settlehook-Path", false, text("The path as it was asked for, shortened.")},
	}

	// What came with the callback is absent where the message was not the
	// receiver's.
	parked = []header{
		contentType, source,
		{headerReceived, false, receivedAt},
		{headerReason, true, matching("The cause of parking: docs/operations.md.", "^[a-z][a-z0-9_]*$")},
		{headerError, false, text("The error, in a line.")},
		{"Settlehook-Subject", true, matching("Its subject in CALLBACKS.", `^callbacks\.v1\.`)},
		{"Settlehook-Sequence", true, matching("Its first sequence in CALLBACKS, however often it was put back.", digits)},
		{"Settlehook-Deliveries", true, matching("How often it was delivered to workers.", digits)},
		{"Settlehook-Key-Id", false, text("Which key of the merchant gave its signature.")},
		{"Settlehook-Dialects", false, text("What was odd about its signature, separated by commas.")},
	}

	attempt = header{"Settlehook-Attempt", false, text("A random token, by which a call of pkg/orders tells its own message from another's.")}
)

// carried are the headers of a family's messages. Those of the NATS server that
// settlehook's own publishers send are no part of the contract.
func (f family) carried() []header {
	switch f.stream {
	case stream.Payments:
		return slices.Concat([]header{cloudEvent}, traced)
	case stream.Balances:
		return []header{cloudEvent}
	case stream.Orders:
		return slices.Concat([]header{cloudEvent, attempt}, guard)
	case stream.Parked:
		return slices.Concat(parked, traced)
	default:
		return refused
	}
}

func (f family) headers() object {
	properties, required := object{}, []string{}
	for _, h := range f.carried() {
		properties[h.name] = h.schema
		if h.required {
			required = append(required, h.name)
		}
	}
	slices.Sort(required)
	return object{"type": "object", "properties": properties, "required": required}
}

// eventHeaders are those of an event's example.
func (f family) eventHeaders() object {
	h := object{"Content-Type": events.ContentType}
	if f.stream == stream.Orders {
		h["Nats-Expected-Last-Subject-Sequence"] = "4711"
		if f.event == events.TypeSubmitted {
			h["Nats-Expected-Last-Subject-Sequence"] = "0"
		}
		h["Nats-Expected-Last-Subject-Sequence-Subject"] = events.OrderGuardFilter("m1001", "A.17")
		h["Settlehook-Attempt"] = "TR4IOZKPQ5WNKMFNQXCAUVVC7Q"
	}
	return h
}

// A callback as the gateway pushes it, signed with the key "secret".
const pushed = `{"platOrderId":"236130395249311744","orderId":"A1","amount":1000.00,"status":1,"reverse":false,"remark":"","fee":12.50,"sign":"e6c17a5f2c7587641371b7b041f8ced0"}`

// callbackExamples are of the families whose payload is a body.
func (f family) callbackExamples() []example {
	h := object{
		headerReceived: "2026-11-22T20:21:28.608Z", "Content-Type": "application/json", "Settlehook-Source": "192.0.2.1",
	}
	if f.stream == stream.Parked {
		maps.Copy(h, object{
			headerReason: "expired", headerError: "order API: connection refused", "Settlehook-Key-Id": "2026-11",
			"Settlehook-Subject": events.CallbackSubject("collect", "m1001", "A1"), "Settlehook-Sequence": "4711", "Settlehook-Deliveries": "9",
		})
		return []example{{Name: f.name, Headers: h, Payload: pushed}}
	}
	maps.Copy(h, refusals[f.name].headers)
	return []example{{Name: f.name, Headers: h, Payload: refusals[f.name].body}}
}

// refusals are the examples of what the receiver refuses.
var refusals = map[string]struct {
	headers object
	body    string
}{
	"quarantineSignature": {object{
		headerReason: "bad-signature", headerError: `bad-signature: no configured key gives this signature; tried "2026-11"`,
		"Settlehook-Path": "/callbacks/collect/m1001",
	}, pushed},
	"quarantineMalformed": {object{
		headerReason: "not-an-object", headerError: "not-an-object: a JSON body must be an object", "Settlehook-Path": "/callbacks/collect/m1001",
	}, "<html>"},
	"quarantineUnknown": {object{
		headerReason: "unknown-merchant", headerError: "not found", "Settlehook-Path": "/callbacks/collect/nobody",
	}, pushed},
}
