package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ContentType is the media type of an event in CloudEvents' structured mode,
// which is the only mode settlehook writes.
const ContentType = "application/cloudevents+json"

const (
	specVersion     = "1.0"
	dataContentType = "application/json"
	sourcePrefix    = "urn:settlehook:"
)

// Event is a payment event in its CloudEvents 1.0 envelope. [New] builds one,
// [Decode] reads one; both leave only valid events.
type Event struct {
	ID         string    // the same for the same outcome of the same order: see [ID]
	Source     string    // urn:settlehook:<installation>:<merchant>
	Type       string    // settlehook.payment.<outcome>.v1
	Subject    string    // the merchant's order id (for the NATS subject see [Event.NATSSubject])
	Time       time.Time // of confirmation, UTC, to the millisecond
	DataSchema string    // names the JSON Schema of the data: see [Schema]
	Data       Data
}

// New puts data in its envelope. It fills in what follows from the rest
// (outcome, direction, the id a resolution resolves), pads amounts to the digits
// of the currency, cuts remarks to [MaxRemarkRunes], truncates times to
// milliseconds in UTC, and copies the evidence. What then breaks the contract is an
// *[InvalidError].
//
// The installation is INSTALLATION of the configuration, [A-Za-z0-9._-]{1,64};
// at is the time of confirmation.
func New(installation string, at time.Time, data Data) (Event, error) {
	if data == nil {
		return Event{}, invalid("data", "is missing")
	}
	data = complete(data)
	p := data.Common()
	e := Event{
		ID:         dataID(data),
		Source:     source(installation, p.Merchant),
		Type:       Type(data.outcome()),
		Subject:    p.OrderID,
		Time:       wireTime(at),
		DataSchema: SchemaURI(Type(data.outcome())),
		Data:       data,
	}
	if err := e.check(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// Type returns the CloudEvents type of an outcome, settlehook.payment.<outcome>.v1.
func Type(o Outcome) string { return "settlehook.payment." + string(o) + ".v1" }

// Outcome returns what the event says about the order.
func (e Event) Outcome() Outcome { return e.Data.outcome() }

// NATSSubject returns the subject the event is published on.
func (e Event) NATSSubject() string {
	order := e.Data.Common().Order()
	switch o := e.Data.outcome(); o {
	case OutcomeReview:
		return ReviewSubject(order, e.Data.tail())
	case OutcomeResolved:
		return ResolvedSubject(order, e.Data.tail())
	default:
		return Subject(o, order)
	}
}

// Installation returns the installation named by the source.
func (e Event) Installation() string { return installationOf(e.Source) }

// envelope is the JSON of an event, in the order in which it is written.
type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	DataSchema      string          `json:"dataschema,omitempty"`
	Data            json.RawMessage `json:"data"`
}

// MarshalJSON writes the event in structured mode. Equal events give equal
// bytes. An event that breaks the contract is an *[InvalidError]: what leaves
// can always be decoded.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Data == nil {
		return nil, invalid("data", "is missing")
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("encode event data: %w", err)
	}
	return json.Marshal(envelope{
		SpecVersion: specVersion, ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject,
		Time: e.Time, DataContentType: dataContentType, DataSchema: e.DataSchema, Data: data,
	})
}

// UnmarshalJSON reads an event as [Decode] does.
func (e *Event) UnmarshalJSON(b []byte) error {
	decoded, err := Decode(b)
	if err != nil {
		return err
	}
	*e = decoded
	return nil
}

// check holds an event to the contract.
func (e Event) check() error {
	if err := checkData(e.Data); err != nil {
		return under("data", err)
	}
	p := e.Data.Common()
	return checkEnvelope(envelope{
		ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Time: e.Time,
	}, envelope{
		ID: dataID(e.Data), Type: Type(e.Data.outcome()), Subject: p.OrderID,
	}, p.Merchant)
}

// checkEnvelope holds the attributes of an envelope to those its data asks for.
func checkEnvelope(got, want envelope, merchant string) error {
	switch {
	case got.ID != want.ID:
		return invalid("id", fmt.Sprintf("is %q, but the data is of %q", clip(got.ID), want.ID))
	case got.Type != want.Type:
		return invalid("type", fmt.Sprintf("is %q, but the data is of %q", clip(got.Type), want.Type))
	case got.Subject != want.Subject:
		return invalid("subject", fmt.Sprintf("is %q, but the data is of %q", clip(got.Subject), want.Subject))
	case !validInstallation(installationOf(got.Source)) || got.Source != source(installationOf(got.Source), merchant):
		return invalid("source", fmt.Sprintf("want urn:settlehook:<installation>:%s, "+
			"the installation of 1 to 64 letters, digits, dots, dashes and underscores", merchant))
	case got.Time.IsZero():
		return invalid("time", "is missing")
	case !validYear(got.Time):
		return invalid("time", yearRule)
	default:
		return nil
	}
}

func source(installation, merchant string) string {
	return sourcePrefix + installation + ":" + merchant
}

func installationOf(src string) string {
	rest, _ := strings.CutPrefix(src, sourcePrefix)
	installation, _, _ := strings.Cut(rest, ":")
	return installation
}

// dataID returns the id that data must have.
func dataID(d Data) string {
	p := d.Common()
	switch o := d.outcome(); o {
	case OutcomeReview:
		return ReviewID(p.Merchant, p.OrderID, d.tail())
	case OutcomeResolved:
		return ResolvedID(p.Merchant, p.OrderID, d.tail())
	default:
		return ID(p.Merchant, p.OrderID, o)
	}
}
