package events_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/pkg/events"
)

const installation = "prod-eu.1"

var confirmed = time.Date(2026, 5, 1, 19, 4, 5, 678_000_000, time.UTC)

// payment is a settled collection with everything known.
func payment() events.Payment {
	return events.Payment{
		Reason: "amounts_agree", Via: events.ViaCallback, Match: events.ThreeWay,
		Flow: events.FlowCollect, Merchant: "m1001", Account: "8801",
		OrderID: "A.17", PlatOrderID: "236130395249311744",
		Amount: amount("1000"), Fee: amount("12.5"), Net: amount("987.5"), SubmittedAmount: amount("1000.00"),
		Currency: "INR", BookingDate: "2026-05-02", LiveMode: true,
		UTR: "310310600223", Remark: `J&K "Bank" <script>alert(1)</script> ` + "\u2028é",
		Evidence: events.Evidence{
			Fingerprint: "1|false|1000", ReceivedAt: confirmed.Add(-time.Second), ConfirmedAt: confirmed,
			StreamSequence: 4711,
			Callback:       &events.CallbackEvidence{Status: 1, Amount: amount("1000"), Fee: amount("12.5"), PlatOrderID: "236130395249311744", Remark: "ok"},
			Query:          &events.QueryEvidence{Status: 1, Amount: amount("1000"), Fee: amount("12.5"), PlatOrderID: "236130395249311744", UTR: "310310600223"},
		},
	}
}

// samples holds data of every type, and the least a type can say.
func samples() map[string]events.Data {
	collect := payment()

	failed := collect
	failed.Reason, failed.Net, failed.Amount = "query_failed", events.Amount{}, amount("0")
	failed.Evidence.Query = &events.QueryEvidence{Status: 2}

	reversed := collect
	reversed.Reason, reversed.Supersedes = "by_query", events.ID("m1001", "A.17", events.OutcomeSettled)

	expired := failed
	expired.Reason, expired.Via, expired.LiveMode = "never_paid", events.ViaSweep, false
	expired.Evidence = events.Evidence{ConfirmedAt: confirmed, Query: &events.QueryEvidence{}}

	tail := events.CaseTail(collect.Order(), "amount_differs", "1000", "900")
	review := failed
	review.Reason = "amount_differs"
	review.Evidence.Query = &events.QueryEvidence{NotFound: true}

	return map[string]events.Data{
		"settled":  events.Settled{Payment: collect},
		"failed":   events.Failed{Payment: failed},
		"reversed": events.Reversed{Payment: reversed},
		"expired":  events.Expired{Payment: expired},
		"review":   events.Review{Payment: review, Case: tail},
		"resolved": events.Resolved{
			Payment: review, Case: tail, By: "asha", Why: "paid short, agreed with the payer",
			ResultingEvent: events.ID("m1001", "A.17", events.OutcomeSettled),
		},
		"settled-least": events.Settled{Payment: events.Payment{
			Reason: "agrees", Via: events.ViaSweep, Match: events.TwoWay, Flow: events.FlowPay,
			Merchant: "m", Account: "m", OrderID: "1", Amount: amount("0.0001"), Currency: "JPY", BookingDate: "2026-01-01",
		}},
	}
}

func submitted() events.SubmittedOrder {
	return events.SubmittedOrder{
		Flow: events.FlowPay, Merchant: "m1001", OrderID: "A.17", Amount: amount("1000"), Currency: "INR",
	}
}

func amount(s string) events.Amount { return events.MustParseAmount(s) }

// must builds an event from data that has to be valid.
func must(t testing.TB, data events.Data) events.Event {
	t.Helper()
	e, err := events.New(installation, confirmed, data)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return e
}

const idChars = "abcXYZ019!\"#$%'()*+,-./:;<=>?@[\\]^_`{|}~"

func genOrder() *rapid.Generator[events.Order] {
	return rapid.Custom(func(t *rapid.T) events.Order {
		return events.Order{
			Flow:     rapid.SampledFrom([]events.Flow{events.FlowCollect, events.FlowPay}).Draw(t, "flow"),
			Merchant: rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`).Draw(t, "merchant"),
			OrderID:  genID().Draw(t, "order"),
		}
	})
}

func genID() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune(idChars)), 1, 64, 64)
}

func genAmount() *rapid.Generator[events.Amount] {
	return rapid.Custom(func(t *rapid.T) events.Amount {
		return amount(rapid.StringMatching(`(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?`).Draw(t, "digits"))
	})
}

// maybe draws, or leaves the zero value: unknown.
func maybe[T any](t *rapid.T, g *rapid.Generator[T], label string) (v T) {
	if rapid.Bool().Draw(t, label+" known") {
		v = g.Draw(t, label)
	}
	return v
}

func genTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		zone := time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "zone")*3600)
		return time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).In(zone)
	})
}

func genEvidence() *rapid.Generator[events.Evidence] {
	return rapid.Custom(func(t *rapid.T) events.Evidence {
		ev := events.Evidence{
			Fingerprint: maybe(t, rapid.StringN(1, 64, 128), "fingerprint"),
			ReceivedAt:  maybe(t, genTime(), "received"), ConfirmedAt: maybe(t, genTime(), "confirmed"),
			StreamSequence: rapid.Uint64().Draw(t, "sequence"),
		}
		if rapid.Bool().Draw(t, "callback") {
			ev.Callback = &events.CallbackEvidence{
				Status: rapid.IntRange(0, 2).Draw(t, "status"), Reverse: rapid.Bool().Draw(t, "reverse"),
				Amount: maybe(t, genAmount(), "cAmount"), Fee: maybe(t, genAmount(), "cFee"),
				PlatOrderID: maybe(t, genID(), "cPlat"), Remark: rapid.String().Draw(t, "cRemark"),
			}
		}
		switch rapid.IntRange(0, 2).Draw(t, "query") {
		case 1:
			ev.Query = &events.QueryEvidence{NotFound: true}
		case 2:
			ev.Query = &events.QueryEvidence{
				Status: rapid.IntRange(0, 2).Draw(t, "qStatus"),
				Amount: maybe(t, genAmount(), "qAmount"), Fee: maybe(t, genAmount(), "qFee"),
				PlatOrderID: maybe(t, genID(), "qPlat"), UTR: rapid.String().Draw(t, "qUTR"),
			}
		}
		return ev
	})
}

// genData draws valid data of any type.
func genData() *rapid.Generator[events.Data] {
	return rapid.Custom(func(t *rapid.T) events.Data {
		ord := genOrder().Draw(t, "order")
		outcome := rapid.SampledFrom(events.Outcomes()).Draw(t, "outcome")
		reason := rapid.StringMatching(`[a-z][a-z0-9_]{0,47}`).Draw(t, "reason")
		p := events.Payment{
			Reason: reason,
			Via:    rapid.SampledFrom([]events.Via{events.ViaCallback, events.ViaSweep, events.ViaOperator}).Draw(t, "via"),
			Match:  rapid.SampledFrom([]events.Match{events.TwoWay, events.ThreeWay}).Draw(t, "match"),
			Flow:   ord.Flow, Merchant: ord.Merchant, OrderID: ord.OrderID,
			Account: genID().Draw(t, "account"), PlatOrderID: maybe(t, genID(), "plat"),
			Amount: genAmount().Filter(func(a events.Amount) bool { return a.Sign() > 0 }).Draw(t, "amount"),
			Fee:    maybe(t, genAmount(), "fee"), SubmittedAmount: maybe(t, genAmount(), "submitted"),
			Currency:    rapid.SampledFrom([]string{"INR", "IDR", "NGN", "BRL", "JPY", "KWD", "CLF"}).Draw(t, "currency"),
			BookingDate: events.BookingDate(genTime().Draw(t, "day"), time.UTC), LiveMode: rapid.Bool().Draw(t, "live"),
			UTR: rapid.String().Draw(t, "utr"), Remark: rapid.StringN(0, 300, -1).Draw(t, "remark"),
			Evidence: genEvidence().Draw(t, "evidence"),
		}
		if rapid.Bool().Draw(t, "superseding") {
			p.Supersedes = events.ID(ord.Merchant, ord.OrderID, rapid.SampledFrom(events.Outcomes()[:4]).Draw(t, "superseded"))
		}
		payFee := rapid.SampledFrom([]events.PayFee{events.PayFeeUnknown, events.PayFeeAdded, events.PayFeeIncluded}).Draw(t, "payFee")
		p.Direction, p.Net = events.Net(outcome, p.Flow, payFee, p.Amount, p.Fee)
		tail := events.CaseTail(ord, reason, rapid.String().Draw(t, "part"))
		return typed(outcome, p, tail)
	})
}

func typed(o events.Outcome, p events.Payment, tail string) events.Data {
	switch o {
	case events.OutcomeSettled:
		return events.Settled{Payment: p}
	case events.OutcomeFailed:
		return events.Failed{Payment: p}
	case events.OutcomeReversed:
		return events.Reversed{Payment: p}
	case events.OutcomeExpired:
		return events.Expired{Payment: p}
	case events.OutcomeReview:
		return events.Review{Payment: p, Case: tail}
	default:
		return events.Resolved{Payment: p, Case: tail, By: "asha", Why: strings.Repeat("é", events.MaxWhyRunes)}
	}
}
