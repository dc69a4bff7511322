package cases_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

func TestParseReviewID(t *testing.T) {
	for id, want := range map[string]cases.ReviewID{
		"m1001/A1/review/lagging-1a2b3c4d":     {Merchant: "m1001", OrderID: "A1", Case: "lagging-1a2b3c4d"},
		"m1001/A%2F1/review/lagging-1a2b3c4d":  {Merchant: "m1001", OrderID: "A/1", Case: "lagging-1a2b3c4d"},
		"m1001/A%2E1/review/by_query-00000000": {Merchant: "m1001", OrderID: "A.1", Case: "by_query-00000000"},
	} {
		got, err := cases.ParseReviewID(id)
		if err != nil || got != want || got.String() != id {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	for _, id := range []string{
		"", "m1001", "m1001/A1/settled", "m1001/A1/resolved/lagging-1a2b3c4d", "m1001/A1/review/lagging", "m1001/A1/review/x/lagging-1a2b3c4d",
		"m1001/A*/review/lagging-1a2b3c4d", "m1001//review/lagging-1a2b3c4d", "m.1/A1/review/lagging-1a2b3c4d", "m1001/A1/review/*-1a2b3c4d", "m1001/A1/review/lagging-1A2B3C4D",
	} {
		if got, err := cases.ParseReviewID(id); !errors.Is(err, cases.ErrID) {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
}

// says is a gateway that says one thing, and counts how often it is asked.
type says struct {
	reconcile.Answer
	err   error
	asked int
}

func (s *says) Query(context.Context, string) (reconcile.Answer, error) {
	s.asked++
	return s.Answer, s.err
}

func paid(amount string) *says {
	return &says{Answer: reconcile.Answer{
		Found: true, PlatOrderID: reconciletest.PlatOrderID, Status: callback.Success, Amount: events.MustParseAmount(amount), Fee: events.MustParseAmount("1"),
	}}
}

type reviewed struct {
	*cases.Reviews
	ledger *stream.Ledger
	site   *site
}

// newReviews is an installation with an open review of order A17.
func newReviews(t *testing.T, installation string) (reviewed, stream.Review) {
	t.Helper()
	s := newSite(t)
	ledger, err := stream.OpenLedger(s.within(), s.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	orders, err := stream.OpenOrders(s.within(), s.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	log, err := stream.OpenReviewLog(s.within(), s.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	r := reviewed{cases.NewReviews(log, ledger, orders, installation, reconciletest.NewWorld().Clock.Now), ledger, s}
	r.tell(reconciletest.Review(order, "amount_mismatch", "1"))
	review, err := r.OneOpen(s.within(), reconciletest.MerchantID, reconciletest.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	return r, review
}

var order = reconciletest.Order(events.FlowCollect, reconciletest.OrderID)

func (r reviewed) tell(e events.Event) {
	r.site.t.Helper()
	last, err := r.ledger.Last(r.site.within(), e.Data.Common().Merchant, e.Data.Common().OrderID)
	if err != nil {
		r.site.t.Fatal(err)
	}
	expected := uint64(0)
	if last != nil {
		expected = last.Sequence
	}
	if _, err := r.ledger.Append(r.site.within(), e, expected); err != nil {
		r.site.t.Fatal(err)
	}
}

// can are the ways that a look finds possible.
func can(b cases.Background, how cases.Can) []string {
	var found []string
	for _, o := range b.Options {
		if o.Can == how {
			found = append(found, o.As)
		}
	}
	return found
}

// TestResolveEndToEnd: a review is resolved through the real ledger, once, and
// by whom stands in it.
func TestResolveEndToEnd(t *testing.T) {
	r, review := newReviews(t, reconciletest.Installation)
	m, g := reconciletest.Merchant(), paid("900")
	ctx := r.site.within()

	look, err := r.Look(ctx, review, m, cases.Unasked{})
	if err != nil || look.Answer != nil || look.Silence != nil || look.Last != nil {
		t.Fatalf("looked: %+v, %v", look, err)
	}
	if got := can(look, cases.CanUnasked); !slices.Equal(got, []string{"settled", "failed", "expired"}) {
		t.Errorf("hang on the gateway: %v", got)
	}
	if got := can(look, cases.CanNo); !slices.Equal(got, []string{"reversed"}) {
		t.Errorf("refused: %v", got)
	}
	look, err = r.Look(ctx, review, m, g)
	if err != nil || look.Answer == nil || g.asked != 1 {
		t.Fatalf("asked %d times: %+v, %v", g.asked, look, err)
	}
	if got := can(look, cases.CanYes); !slices.Equal(got, []string{"settled", "dismissed"}) {
		t.Errorf("possible: %v", got)
	}
	would, _, err := r.Preview(ctx, review, m, g, "settled")
	if err != nil || !strings.Contains(would, "tells settled over 900.00 INR") {
		t.Errorf("would %q, %v", would, err)
	}
	if n := len(r.site.held(stream.Payments)); n != 1 {
		t.Fatalf("looking told %d events", n-1)
	}

	// What the gateway says when it is resolved counts, not what it said before.
	g.Amount = events.MustParseAmount("901")
	res, err := r.Resolve(ctx, review, m, g, cases.Decision{As: "settled", By: "alice@finance", Why: "agreed with the shop"})
	if err != nil || !res.Emitted || res.Event.Data.Common().Amount.String() != "901.00" {
		t.Fatalf("resolved: %+v, %v", res, err)
	}
	found, err := r.Find(ctx, cases.ReviewID{Merchant: reconciletest.MerchantID, OrderID: reconciletest.OrderID, Case: review.Case()})
	if err != nil || found.State() != stream.ReviewResolved {
		t.Fatalf("found %+v, %v", found, err)
	}
	closed := found.Resolution.Data.(events.Resolved)
	if closed.By != "alice@finance" || closed.Why != "agreed with the shop" || closed.Via != events.ViaOperator ||
		closed.ResultingEvent != events.ID(order.Merchant, order.OrderID, events.OutcomeSettled) {
		t.Errorf("closed by %+v", closed)
	}
	if _, err := r.Resolve(ctx, review, m, g, cases.Decision{As: "failed", By: "bob", Why: "no"}); !errors.Is(err, reconcile.ErrNotOpen) {
		t.Errorf("resolved again: %v", err)
	}
	if _, err := r.OneOpen(ctx, order.Merchant, order.OrderID); err == nil || !strings.Contains(err.Error(), "has no open review") {
		t.Errorf("still open: %v", err)
	}
	if look, err = r.Look(ctx, found, m, cases.Unasked{}); err != nil || len(look.Options) != 0 || look.Last == nil {
		t.Errorf("looked at a closed one: %+v, %v", look, err)
	}
}

// TestAnswerChanged: what a person has not seen is not told.
func TestAnswerChanged(t *testing.T) {
	r, review := newReviews(t, reconciletest.Installation)
	m, g := reconciletest.Merchant(), paid("900")
	_, shown, err := r.Preview(r.site.within(), review, m, g, "settled")
	if err != nil || shown == nil {
		t.Fatalf("shown %+v, %v", shown, err)
	}
	decision := cases.Decision{As: "settled", By: "alice", Why: "agreed", Shown: shown}
	g.Amount = events.MustParseAmount("901")
	var refused *reconcile.RefusedError
	if _, err := r.Resolve(r.site.within(), review, m, g, decision); !errors.As(err, &refused) || refused.Reason != "query_changed" {
		t.Errorf("got %v", err)
	}
	if n := len(r.site.held(stream.Payments)); n != 1 {
		t.Errorf("told %d events", n-1)
	}
	g.Amount = events.MustParseAmount("900.00") // the same by value
	if _, err := r.Resolve(r.site.within(), review, m, g, decision); err != nil {
		t.Error(err)
	}
}

// TestDismiss needs no gateway.
func TestDismiss(t *testing.T) {
	r, review := newReviews(t, reconciletest.Installation)
	res, err := r.Resolve(r.site.within(), review, reconciletest.Merchant(), cases.Unasked{}, cases.Decision{As: cases.Dismissed, By: "alice", Why: "a test"})
	if err != nil || res.Emitted || res.Event != nil {
		t.Fatalf("%+v, %v", res, err)
	}
	if n := len(r.site.held(stream.Payments)); n != 2 {
		t.Errorf("%d events, want review and resolution", n)
	}
}

// TestResolveRefuses: nothing is told.
func TestResolveRefuses(t *testing.T) {
	down := &says{err: &reconcile.Unavailable{Cause: "transport", Err: errors.New("connection refused")}}
	for name, tt := range map[string]struct {
		installation string
		gateway      reconcile.Gateway
		as           string
		want         string
	}{
		"the gateway says otherwise": {reconciletest.Installation, paid("1000"), "failed", "says success"},
		"the gateway is down":        {reconciletest.Installation, down, "settled", "the gateway did not answer, and nothing was told"},
		"nothing to reverse":         {reconciletest.Installation, paid("1000"), "reversed", "nothing was settled"},
		"another installation":       {"other", paid("1000"), "settled", "of installation"},
		"no installation":            {"", paid("1000"), "dismissed", "of installation"},
	} {
		t.Run(name, func(t *testing.T) {
			r, review := newReviews(t, tt.installation)
			_, err := r.Resolve(r.site.within(), review, reconciletest.Merchant(), tt.gateway, cases.Decision{As: tt.as, By: "alice", Why: "why not"})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
			if n := len(r.site.held(stream.Payments)); n != 1 {
				t.Errorf("told %d events", n-1)
			}
		})
	}
}

// TestSilence: what is known is shown although the gateway does not answer.
func TestSilence(t *testing.T) {
	r, review := newReviews(t, reconciletest.Installation)
	r.tell(reconciletest.Outcome(order, events.OutcomeSettled, "1000"))
	down := &says{err: &reconcile.Unavailable{Cause: "transport", Err: errors.New("connection refused")}}
	look, err := r.Look(r.site.within(), review, reconciletest.Merchant(), down)
	if err != nil || look.Silence == nil || down.asked != 1 || look.Last == nil {
		t.Fatalf("%+v, %v", look, err)
	}
	if got := can(look, cases.CanYes); !slices.Equal(got, []string{"settled", "dismissed"}) {
		t.Errorf("possible: %v", got)
	}
}

func TestOneOpenOfMany(t *testing.T) {
	r, _ := newReviews(t, reconciletest.Installation)
	r.tell(reconciletest.Review(order, "lagging", "2"))
	_, err := r.OneOpen(r.site.within(), order.Merchant, order.OrderID)
	if err == nil || !strings.Contains(err.Error(), "has 2 open reviews, name one: m1001/A17/review/amount_mismatch-") {
		t.Errorf("got %v", err)
	}
}

// TestMeanings: every reason that a decision gives a review has words.
func TestMeanings(t *testing.T) {
	for _, reason := range []reconcile.Reason{
		reconcile.ReasonLagging, reconcile.ReasonUnreadable, reconcile.ReasonNotFound, reconcile.ReasonContradiction,
		reconcile.ReasonReverseUnconfirmed, reconcile.ReasonReverseUnsettled, reconcile.ReasonUnregistered, reconcile.ReasonAmountMismatch,
		reconcile.ReasonNoAmount, reconcile.ReasonSubmission, reconcile.ReasonOtherOrder, reconcile.ReasonPlatOrder, reconcile.ReasonFlowConflict,
		reconcile.ReasonReentered, reconcile.ReasonChanged, reconcile.ReasonPaidAfterFailed, reconcile.ReasonDuplicatePayment,
		reconcile.ReasonUnanswered, reconcile.ReasonOpen, reconcile.ReasonByQuery,
	} {
		if cases.Meaning(string(reason)) == cases.Meaning("new_one") {
			t.Errorf("%s has no words", reason)
		}
	}
}
