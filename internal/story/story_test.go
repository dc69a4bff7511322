package story_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/story"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

var order = events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1"}

// record makes a history, a second after another.
type record struct {
	stream.History
	next uint64
}

func (r *record) stored() stream.Stored {
	r.next++
	return stream.Stored{Sequence: r.next, At: reconciletest.Start.Add(time.Duration(r.next) * time.Second)}
}

func (r *record) submitted() {
	e := reconciletest.Submission(order, "1000")
	r.Registrations = append(r.Registrations, stream.Registration{Stored: r.stored(), Order: order, Type: e.Type, Event: &e})
}

func (r *record) withdrawn() {
	e := reconciletest.Withdrawal(order, "1000")
	r.Registrations = append(r.Registrations, stream.Registration{Stored: r.stored(), Order: order, Type: e.Type, Event: &e})
}

// otherFlow submits the same id as a payout.
func (r *record) otherFlow() {
	paid := order
	paid.Flow = events.FlowPay
	r.Registrations = append(r.Registrations, stream.Registration{Stored: r.stored(), Order: paid, Type: events.TypeSubmitted, Event: &events.OrderEvent{}})
}

func (r *record) pushed(status callback.Status) {
	at := r.stored()
	r.Callbacks = append(r.Callbacks, stream.StoredCallback{
		Stored: at, First: at.Sequence, ReceivedAt: at.At, Order: order, KeyID: "k1",
		Callback: callback.Callback{OrderID: "A1", Status: status, Amount: decimal.MustParse("1000")},
	})
}

func (r *record) looked(verdict, reason string, q *events.QueryEvidence) {
	look := stream.Look{
		Flow: order.Flow, Merchant: order.Merchant, OrderID: order.OrderID, Via: events.ViaCallback,
		Verdict: verdict, Reason: reconcile.Reason(reason), Query: q,
	}
	r.Looks = append(r.Looks, stream.StoredLook{Stored: r.stored(), Look: look})
}

func (r *record) told(e events.Event) {
	r.Events = append(r.Events, stream.StoredEvent{Stored: r.stored(), Event: e})
}

func (r *record) parked() {
	at := r.stored()
	r.Parked = append(r.Parked, stream.ParkedCallback{
		Sequence: at.Sequence, At: at.At, Flow: "collect", Merchant: "m1", Reason: "expired", Deliveries: 20, Detail: "order query unavailable",
	})
}

func (r *record) refused() {
	at := r.stored()
	r.Quarantined = append(r.Quarantined, stream.Quarantined{
		Sequence: at.Sequence, At: at.At,
		Refused: stream.Refused{Class: stream.ClassSignature, Flow: "collect", Merchant: "m1", Reason: "bad-signature", Source: "192.0.2.1"},
	})
}

func submittedStill() *events.QueryEvidence { return &events.QueryEvidence{Status: 0} }

// The state of an order and what a person can do are read off what is stored.
func TestState(t *testing.T) {
	review := reconciletest.Review(order, "lagging", "1")
	settled := reconciletest.Outcome(order, events.OutcomeSettled, "1000")
	for name, c := range map[string]struct {
		of      func(*record)
		state   story.State
		summary string // is in it; $ is its end
		next    string // all of it
	}{
		"submitted":             {func(r *record) { r.submitted() }, story.StateSubmitted, "no push was taken", ""},
		"withdrawn":             {func(r *record) { r.submitted(); r.withdrawn() }, story.StateWithdrawn, "refused to create", ""},
		"withdrawn in one flow": {func(r *record) { r.submitted(); r.withdrawn(); r.otherFlow() }, story.StateSubmitted, "no push was taken", ""},
		"in work": {
			func(r *record) {
				r.submitted()
				r.pushed(callback.Success)
				r.looked("retry", "lagging", submittedStill())
			},
			story.StateInWork, "looked again later (lagging), the gateway says submitted", "",
		},
		"settled": {
			func(r *record) { r.submitted(); r.pushed(callback.Success); r.told(settled) },
			"settled", "settled 1000.00 INR", "",
		},
		"settled, and pushed since": {
			func(r *record) { r.pushed(callback.Success); r.told(settled); r.pushed(callback.Failed) },
			"settled", "is not decided yet", "",
		},
		"settled, pushed and looked at since": {
			func(r *record) {
				r.pushed(callback.Success)
				r.told(settled)
				r.pushed(callback.Success)
				r.looked("ignore", "duplicate", nil)
			},
			"settled", "reason confirmed$", "",
		},
		"settled, pushed since, and looked at in vain": {
			func(r *record) {
				r.told(settled)
				r.pushed(callback.Failed)
				r.looked("retry", "contradiction", submittedStill())
			},
			"settled", "is not decided yet", "",
		},
		"settled, and the next push is a case": {
			func(r *record) { r.told(settled); r.pushed(callback.Failed); r.told(review) },
			"settled", "; and a person is asked about it$", "settlehook review show " + review.ID,
		},
		"reversed": {
			func(r *record) { r.told(settled); r.told(reconciletest.Outcome(order, events.OutcomeReversed, "1000")) },
			"reversed", "reversed 1000.00 INR", "",
		},
		"in review": {
			func(r *record) { r.pushed(callback.Success); r.told(review) },
			story.StateReview, "a person is asked", "settlehook review show " + review.ID,
		},
		"settled with an open review": {
			func(r *record) { r.told(settled); r.told(review) },
			"settled", "and a person is asked about it", "settlehook review show " + review.ID,
		},
		"resolved": {
			func(r *record) { r.told(review); r.told(settled); r.told(reconciletest.Resolved(review)) },
			"settled", "settled", "",
		},
		"parked": {
			func(r *record) { r.pushed(callback.Success); r.parked() },
			story.StateParked, "given up on", "settlehook parked ls --merchant m1 --order A1",
		},
		"parked and put back": {
			func(r *record) { r.parked(); r.pushed(callback.Success) },
			story.StateInWork, "nothing is decided yet", "settlehook parked ls --merchant m1 --order A1",
		},
		"refused": {
			func(r *record) { r.refused() },
			story.StateRefused, "nothing vouches", "settlehook quarantine ls --merchant m1 --order A1",
		},
		"refused, then taken": {
			func(r *record) { r.refused(); r.pushed(callback.Success); r.told(settled) },
			"settled", "settled", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &record{History: stream.History{OrderID: "A1"}}
			c.of(r)
			stories := story.Tell(r.History)
			if len(stories) != 1 {
				t.Fatalf("%d stories, want 1: %+v", len(stories), stories)
			}
			s := stories[0]
			if s.Merchant != "m1" || s.OrderID != "A1" || s.State != c.state || !strings.Contains(s.Summary+"$", c.summary) {
				t.Errorf("%s/%s: %s, %q; want %s with %q", s.Merchant, s.OrderID, s.State, s.Summary, c.state, c.summary)
			}
			if next := strings.Join(s.Next, "\n"); next != c.next {
				t.Errorf("next %q, want %q", next, c.next)
			}
		})
	}
}

// The timeline has everything once, in the order of the servers' clock.
func TestTimeline(t *testing.T) {
	review := reconciletest.Review(order, "lagging", "1")
	r := &record{History: stream.History{OrderID: "A1"}}
	r.submitted()
	r.refused()
	r.pushed(callback.Success)
	r.pushed(callback.Success)
	r.looked("retry", "lagging", submittedStill())
	r.looked("none", "", nil)
	r.parked()
	r.told(review)
	r.told(reconciletest.Outcome(order, events.OutcomeSettled, "1000"))
	r.told(reconciletest.Resolved(review))

	var got []string
	for _, e := range story.Tell(r.History)[0].Entries {
		got = append(got, string(e.Kind)+" | "+e.Detail)
	}
	want := []string{
		"submitted | 1000.00 INR",
		"refused | bad-signature, from 192.0.2.1",
		"callback | success 1000, key k1",
		"again | success 1000, key k1",
		"looked | looked again later (lagging), the gateway says submitted",
		"looked | not decided",
		"parked | expired after 20 deliveries, order query unavailable",
		"review | lagging: the gateway pushed a final state, and its order query kept saying submitted",
		"settled | 1000.00 INR, reason confirmed, two-way",
		"resolved | by test: it is clear now",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// An id may be several merchants': each has its story.
func TestAStoryForEachMerchant(t *testing.T) {
	r := &record{History: stream.History{OrderID: "A1"}}
	other := order
	other.Merchant = "m2"
	r.told(reconciletest.Outcome(other, events.OutcomeFailed, "5"))
	r.told(reconciletest.Outcome(order, events.OutcomeSettled, "1000"))
	stories := story.Tell(r.History)
	if len(stories) != 2 || stories[0].Merchant != "m1" || stories[0].State != "settled" || stories[1].Merchant != "m2" || stories[1].State != "failed" {
		t.Errorf("the stories are %+v", stories)
	}
	if stories := story.Tell(stream.History{OrderID: "A1"}); len(stories) != 0 {
		t.Errorf("of nothing: %+v", stories)
	}
}

// What was put back says so, and a registration that can't be read says why.
func TestWordsOfTheUnusual(t *testing.T) {
	r := &record{History: stream.History{OrderID: "A'1"}}
	r.Registrations = append(r.Registrations, stream.Registration{Stored: r.stored(), Order: order, Type: events.TypeSubmitted, Fault: errors.New("no JSON")})
	r.pushed(callback.Failed)
	r.pushed(callback.Failed)
	r.Callbacks[0].First = 1
	r.Callbacks[0].Dialects = []string{"form", "drop-zero"}
	r.Callbacks[1].Callback.Reverse = true
	r.Callbacks[1].ReceivedAt = r.Callbacks[1].At.Add(-time.Hour)
	r.parked()
	s := story.Tell(r.History)[0]
	for i, want := range []string{
		"can't be read: no JSON",
		"failed 1000, key k1, written as form drop-zero, put back, first it was 1",
		"failed reversed 1000, key k1, put back, received at " + reconciletest.Start.Add(3*time.Second-time.Hour).Format("2006-01-02 15:04:05"),
	} {
		if got := s.Entries[i].Detail; got != want {
			t.Errorf("entry %d is %q, want %q", i, got, want)
		}
	}
	if want := `settlehook parked ls --merchant m1 --order 'A'\''1'`; len(s.Next) != 1 || s.Next[0] != want {
		t.Errorf("next %q, want %q", s.Next, want)
	}
}

// What was left out of a flood of refused pushes is said.
func TestOmitted(t *testing.T) {
	r := &record{}
	r.refused()
	r.refused()
	r.Omitted = map[string]int{"m1": 7}
	entries := story.Tell(r.History)[0].Entries
	if first, second := entries[0].Detail, entries[1].Detail; !strings.HasSuffix(first, "; 7 refused pushes before this one are not shown") || strings.Contains(second, "not shown") {
		t.Errorf("%q, %q", first, second)
	}
}
