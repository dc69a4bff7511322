package story

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// MaxOrderID bounds an order id in bytes (gateway page, verification rule 4).
const MaxOrderID = 64

// Kind is what happened.
type Kind string

// The kinds of entries beside the outcomes of events (settled, failed, reversed,
// expired, review, resolved).
const (
	Submitted Kind = "submitted" // an order service registered the order
	Repeated  Kind = "repeated"  // it tried to create it once more
	Withdrawn Kind = "withdrawn" // it took the registration back
	Callback  Kind = "callback"  // a push was received and verified
	Again     Kind = "again"     // a push that says what one before it said
	Refused   Kind = "refused"   // a push that was not verified
	Looked    Kind = "looked"    // a look that made no event
	Parked    Kind = "parked"    // given up on
)

// Entry is one thing that happened.
type Entry struct {
	At       time.Time   `json:"at"` // when it was stored, by the NATS servers' clock
	Kind     Kind        `json:"kind"`
	Flow     events.Flow `json:"flow,omitempty"`
	Detail   string      `json:"detail"`
	Stream   string      `json:"stream"`
	Sequence uint64      `json:"sequence"` // in Stream
	// Event is what downstream was told, in PAYMENTS.
	Event *events.Event `json:"event,omitempty"`
	// Look is the look that made no event, in TRAIL.
	Look *stream.Look `json:"look,omitempty"`
}

// Story is what became of an order.
type Story struct {
	Merchant string   `json:"merchant"`
	OrderID  string   `json:"orderId"`
	State    State    `json:"state"`
	Summary  string   `json:"summary"`        // where it stands, in a line
	Next     []string `json:"next,omitempty"` // what a person can do
	Entries  []Entry  `json:"entries"`        // oldest first
}

// Tell tells the stories of an order id, by merchant. It is empty where nothing is
// known.
func Tell(h stream.History) []Story {
	by := map[string]*material{}
	of := func(merchant string) *material {
		if by[merchant] == nil {
			by[merchant] = &material{}
		}
		return by[merchant]
	}
	for _, r := range h.Registrations {
		of(r.Order.Merchant).registered(r)
	}
	for _, c := range h.Callbacks {
		of(c.Order.Merchant).heard(c)
	}
	for _, l := range h.Looks {
		of(l.Merchant).looked(l)
	}
	for _, e := range h.Events {
		of(e.Event.Data.Common().Merchant).told(e)
	}
	for _, p := range h.Parked {
		of(p.Merchant).parked(p)
	}
	omitted := maps.Clone(h.Omitted)
	for _, q := range h.Quarantined {
		of(q.Merchant).refused(q, omitted[q.Merchant])
		delete(omitted, q.Merchant) // the oldest says it
	}
	stories := make([]Story, 0, len(by))
	for merchant, m := range by {
		stories = append(stories, m.story(merchant, h.OrderID))
	}
	slices.SortFunc(stories, func(a, b Story) int { return cmp.Compare(a.Merchant, b.Merchant) })
	return stories
}

// kindOfRegistration names the messages of ORDERS by their type.
var kindOfRegistration = map[string]Kind{
	events.TypeSubmitted: Submitted, events.TypeRepeated: Repeated, events.TypeWithdrawn: Withdrawn,
}

// material is what is known of one merchant's order.
type material struct {
	entries []Entry
	state   standing
	said    map[string]bool // fingerprints of callbacks, by flow
}

func (m *material) add(e Entry) { m.entries = append(m.entries, e) }

func (m *material) registered(r stream.Registration) {
	kind := kindOfRegistration[r.Type]
	m.state.registered(kind, r.Order.Flow)
	m.add(Entry{At: r.At, Kind: kind, Flow: r.Order.Flow, Detail: registrationWords(r), Stream: stream.Orders, Sequence: r.Sequence})
}

func (m *material) heard(c stream.StoredCallback) {
	kind, name := Callback, string(c.Order.Flow)+"/"+c.Callback.Fingerprint()
	if m.said[name] {
		kind = Again
	}
	if m.said == nil {
		m.said = map[string]bool{}
	}
	m.said[name] = true
	m.state.heard(c)
	m.add(Entry{At: c.At, Kind: kind, Flow: c.Order.Flow, Detail: callbackWords(c), Stream: stream.Callbacks, Sequence: c.Sequence})
}

func (m *material) looked(l stream.StoredLook) {
	m.state.looked(l)
	m.add(Entry{At: l.Stored.At, Kind: Looked, Flow: l.Flow, Detail: lookWords(l.Look), Stream: stream.Trail, Sequence: l.Sequence, Look: &l.Look})
}

func (m *material) told(e stream.StoredEvent) {
	m.state.told(e)
	m.add(Entry{
		At: e.At, Kind: Kind(e.Event.Outcome()), Flow: e.Event.Data.Common().Flow, Detail: eventWords(e.Event),
		Stream: stream.Payments, Sequence: e.Sequence, Event: &e.Event,
	})
}

func (m *material) parked(p stream.ParkedCallback) {
	m.state.parked = append(m.state.parked, p)
	m.add(Entry{At: p.At, Kind: Parked, Flow: known(p.Flow), Detail: parkedWords(p), Stream: stream.Parked, Sequence: p.Sequence})
}

// refused takes in a refused push, before which there were so many that are not here.
func (m *material) refused(q stream.Quarantined, omitted int) {
	m.state.refused = append(m.state.refused, q)
	detail := refusedWords(q)
	if omitted > 0 {
		detail += fmt.Sprintf("; %d refused pushes before this one are not shown", omitted)
	}
	m.add(Entry{At: q.At, Kind: Refused, Flow: known(q.Flow), Detail: detail, Stream: stream.Quarantine, Sequence: q.Sequence})
}

// known is a flow of a subject, unless the receiver did not know it.
func known(flow string) events.Flow {
	f, err := events.ParseFlow(flow)
	if err != nil {
		return ""
	}
	return f
}

func (m *material) story(merchant, orderID string) Story {
	slices.SortStableFunc(m.entries, func(a, b Entry) int { return a.At.Compare(b.At) })
	s := Story{Merchant: merchant, OrderID: orderID, Entries: m.entries}
	s.State, s.Summary, s.Next = m.state.summary(merchant, orderID)
	return s
}
