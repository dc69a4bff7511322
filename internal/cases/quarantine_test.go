package cases_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

var receivedAt = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// merchants is a merchants file with m1001, whose key is key; more goes to the
// merchant.
func merchants(t testing.TB, key, more string) *config.Merchants {
	t.Helper()
	set, err := config.ParseMerchants("merchants.yaml", fmt.Appendf(nil,
		"merchants:\n  - {id: m1001, currency: INR, region: none, gateway: \"http://127.0.0.1:1\", rate: 10, keys: [{id: k1, secret: %s}]%s}\n", key, more), nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// refused is a callback of m1001 as the receiver refuses it for its signature.
func refused(body string) stream.Refused {
	return stream.Refused{
		Class: stream.ClassSignature, Flow: "collect", Merchant: "m1001", Reason: "bad-signature", Detail: "no key fits",
		Path: "/callbacks/collect/m1001", Body: []byte(body), ContentType: "application/json", ReceivedAt: receivedAt, Source: "192.0.2.1",
	}
}

func (s *site) keep(all ...stream.Refused) {
	s.t.Helper()
	log := stream.NewQuarantineLog(s.js)
	for _, r := range all {
		if err := log.Keep(s.within(), r); err != nil {
			s.t.Fatal(err)
		}
	}
}

// strangers are the same callback at an address that was not configured.
func stranger(path, body string) stream.Refused {
	r := refused(body)
	r.Class, r.Flow, r.Merchant, r.Reason, r.Path = stream.ClassUnknown, stream.Unknown, stream.Unknown, "unknown-merchant", path
	return r
}

// TestRedriveQuarantine: once the key is mended every callback comes through, as
// the receiver would have stored it and in the order of arrival, and junk stays.
func TestRedriveQuarantine(t *testing.T) {
	s := newSite(t)
	var want []string
	for i := range 20 {
		id := fmt.Sprintf("A%d", i)
		s.keep(refused(body(t, id, 1, "right")), refused(body(t, "junk", 1, "guessed")), stranger("/callbacks/collect/m7", "?"))
		want = append(want, id)
	}
	s.keep(stranger("/callbacks/pay/m1001", body(t, "B1", 1, "right")))
	malformed := refused(body(t, "C1", 1, "right")[:40])
	malformed.Class, malformed.Reason = stream.ClassMalformed, "bad-json"
	s.keep(malformed)
	want = append(want, "B1")

	store := s.quarantineStore()
	before := cases.NewQuarantine(store, cases.NewJudge(merchants(t, "wrong", "")))
	done, err := before.All(s.within(), cases.QuarantineQuery{}, before.Redrive, cases.Watch{})
	if err != nil || len(s.held(stream.Callbacks)) != 0 {
		t.Fatalf("with the wrong key: %v, %v", done, err)
	}
	expectTally(t, done, map[cases.Verdict]int{cases.Stays: 62})

	mended := cases.NewQuarantine(store, cases.NewJudge(merchants(t, "right", "")))
	plan, err := mended.All(s.within(), cases.QuarantineQuery{}, mended.Plan, cases.Watch{})
	if err != nil || len(s.held(stream.Callbacks)) != 0 {
		t.Fatalf("planned: %v, %v", plan, err)
	}
	expectTally(t, plan, map[cases.Verdict]int{cases.Redrivable: 21, cases.Stays: 41})
	done, err = mended.All(s.within(), cases.QuarantineQuery{}, mended.Redrive, cases.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	expectTally(t, done, map[cases.Verdict]int{cases.Redriven: 21, cases.Stays: 41})
	for k, n := range map[cases.TallyKey]int{
		{Merchant: "m1001", Reason: "bad-signature", Verdict: cases.Stays, Why: "bad-signature"}:              20,
		{Merchant: stream.Unknown, Reason: "unknown-merchant", Verdict: cases.Stays, Why: "unknown-merchant"}: 20,
		{Merchant: "m1001", Reason: "bad-json", Verdict: cases.Stays, Why: "bad-json"}:                        1,
		{Merchant: "m1001", Reason: "unknown-merchant", Verdict: cases.Redriven}:                              1,
		{Merchant: "m1001", Reason: "bad-signature", Verdict: cases.Redriven}:                                 20,
	} {
		if done[k] != n {
			t.Errorf("%+v: %d, want %d", k, done[k], n)
		}
	}
	if got := s.orders(); !slices.Equal(got, want) {
		t.Errorf("in CALLBACKS: %v", got)
	}
	if n := len(s.held(stream.Quarantine)); n != 41 {
		t.Errorf("%d left in QUARANTINE", n)
	}
	s.expectAsReceived()
}

// expectAsReceived holds what was redriven to what the receiver's own way gives.
func (s *site) expectAsReceived() {
	s.t.Helper()
	set := merchants(s.t, "right", "")
	m, _ := set.Get("m1001")
	text := body(s.t, "A0", 1, "right")
	signed, err := callback.Verify("application/json", []byte(text), m.Keyring, m.Policy)
	if err != nil {
		s.t.Fatal(err)
	}
	other := newSite(s.t)
	if _, err := stream.NewCallbackLog(other.js).Store(other.within(), stream.Accepted{
		Flow: events.FlowCollect, Merchant: "m1001", Callback: signed.Callback, Body: []byte(text), ContentType: "application/json",
		ReceivedAt: receivedAt, KeyID: signed.Verified.KeyID, Dialects: signed.Verified.Dialects, Source: "192.0.2.1",
	}); err != nil {
		s.t.Fatal(err)
	}
	want, got := other.held(stream.Callbacks)[0], s.held(stream.Callbacks)[0]
	if got.Subject != want.Subject || string(got.Data) != string(want.Data) || fmt.Sprint(got.Header) != fmt.Sprint(want.Header) {
		s.t.Errorf("redriven:\n%s %v\nreceived:\n%s %v", got.Subject, got.Header, want.Subject, want.Header)
	}
}

// TestJudge: a refused callback is held to all that the receiver holds to.
func TestJudge(t *testing.T) {
	good := body(t, "A1", 1, "right")
	change := func(f func(*stream.Refused)) stream.Refused {
		r := refused(good)
		f(&r)
		return r
	}
	for name, tt := range map[string]struct {
		r    stream.Refused
		more string // of the merchant
		want string
	}{
		"genuine":                {refused(good), "", ""},
		"another key":            {refused(body(t, "A1", 1, "guessed")), "", "bad-signature"},
		"cut":                    {refused(good[:len(good)-1]), "", "bad-json"},
		"not a callback":         {refused(`{"sign":"00000000000000000000000000000000"}`), "", "missing-field"},
		"media type":             {change(func(r *stream.Refused) { r.ContentType = "text/html" }), "", "unsupported-media-type"},
		"merchant gone":          {change(func(r *stream.Refused) { r.Merchant = "m9" }), "", "unknown-merchant"},
		"by its path":            {stranger("/callbacks/pay/m1001", good), "", ""},
		"path of nobody":         {stranger("/callbacks/pay/m9", good), "", "unknown-merchant"},
		"path of no flow":        {stranger("/callbacks/refund/m1001", good), "", "unknown-flow"},
		"no path":                {stranger("", good), "", "unknown-flow"},
		"path with more":         {stranger("/callbacks/pay/m1001/", good), "", "unknown-flow"},
		"escaped path":           {stranger("/callbacks/pay/%6d1001", good), "", "unknown-merchant"},
		"source allowed":         {refused(good), ", allowFrom: [192.0.2.0/24]", ""},
		"source not allowed":     {refused(good), ", allowFrom: [198.51.100.0/24]", "source-not-allowed"},
		"source unknown":         {change(func(r *stream.Refused) { r.Source = "unknown" }), ", allowFrom: [192.0.2.0/24]", "source-not-allowed"},
		"source from all places": {change(func(r *stream.Refused) { r.Source = "unknown" }), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, why := cases.NewJudge(merchants(t, "right", tt.more)).Verify(stream.Quarantined{Refused: tt.r})
			if why != tt.want {
				t.Fatalf("got %q, want %q", why, tt.want)
			}
			if why == "" && (a.Callback.OrderID != "A1" || a.Merchant != "m1001" || a.KeyID != "k1" || !a.ReceivedAt.Equal(receivedAt)) {
				t.Errorf("accepted as %+v", a)
			}
		})
	}
}

// TestJudgeDialects: a dialect that is opened now counts.
func TestJudgeDialects(t *testing.T) {
	numeric := strings.Replace(body(t, "A1", 1, "right"), `"reverse":false`, `"reverse":0`, 1)
	r := refused(numeric)
	r.Class, r.Reason = stream.ClassMalformed, "wrong-type"
	if _, why := cases.NewJudge(merchants(t, "right", "")).Verify(stream.Quarantined{Refused: r}); why != "wrong-type" {
		t.Errorf("closed: %q", why)
	}
	if _, why := cases.NewJudge(merchants(t, "right", ", dialects: [reverse-numeric]")).Verify(stream.Quarantined{Refused: r}); why == "wrong-type" {
		t.Errorf("opened: %q", why)
	}
}

// faultyQuarantine breaks calls of a step of the real store.
type faultyQuarantine struct {
	*stream.QuarantineStore
	step string
	how  fault
	left *int
}

func (f faultyQuarantine) Accept(ctx context.Context, a stream.Accepted) (stream.Receipt, error) {
	left := new(int)
	if f.step == "accept" {
		left = f.left
	}
	return breaks(f.how, left, func() (stream.Receipt, error) { return f.QuarantineStore.Accept(ctx, a) })
}

func (f faultyQuarantine) Delete(ctx context.Context, sequence uint64) error {
	left := new(int)
	if f.step == "delete" {
		left = f.left
	}
	_, err := breaks(f.how, left, func() (struct{}, error) { return struct{}{}, f.QuarantineStore.Delete(ctx, sequence) })
	return err
}

// TestRedriveQuarantineFaults: broken at each step, in each way, and done again,
// each callback is in CALLBACKS once, and each order's are in their order.
func TestRedriveQuarantineFaults(t *testing.T) {
	for _, step := range []string{"accept", "delete"} {
		for name, how := range map[string]fault{"unapplied": unapplied, "applied": applied} {
			t.Run(step+" "+name, func(t *testing.T) {
				s := newSite(t)
				s.keep(refused(body(t, "A1", 2, "right")), refused(body(t, "A2", 1, "right")), refused(body(t, "A1", 1, "right")))
				left := 1
				judge := cases.NewJudge(merchants(t, "right", ""))
				broken := cases.NewQuarantine(faultyQuarantine{s.quarantineStore(), step, how, &left}, judge)
				done, err := broken.All(s.within(), cases.QuarantineQuery{}, broken.Redrive, cases.Watch{})
				if err != nil || left != 0 || done.Count(cases.Failed) == 0 {
					t.Fatalf("nothing was tested: %v, %v", done, err)
				}
				again := cases.NewQuarantine(s.quarantineStore(), judge)
				if done, err = again.All(s.within(), cases.QuarantineQuery{}, again.Redrive, cases.Watch{}); err != nil || done.Count(cases.Failed) != 0 {
					t.Fatalf("again: %v, %v", done, err)
				}
				var first []string // of order A1
				for _, m := range s.held(stream.Callbacks) {
					if strings.Contains(string(m.Data), `"orderId":"A1"`) {
						first = append(first, string(m.Data))
					}
				}
				if len(s.orders()) != 3 || len(s.held(stream.Quarantine)) != 0 || len(first) != 2 || !strings.Contains(first[0], `"status":2`) {
					t.Errorf("in CALLBACKS %v, in QUARANTINE %d, A1 %v", s.orders(), len(s.held(stream.Quarantine)), first)
				}
			})
		}
	}
}

func TestRedriveQuarantineFull(t *testing.T) {
	s := newSite(t)
	s.keep(refused(body(t, "A1", 1, "right")), refused(body(t, "A2", 1, "right")))
	s.fill()
	q := cases.NewQuarantine(s.quarantineStore(), cases.NewJudge(merchants(t, "right", "")))
	done, err := q.All(s.within(), cases.QuarantineQuery{}, q.Redrive, cases.Watch{})
	if !errors.Is(err, stream.ErrFull) || done.Count(cases.Failed) != 1 || len(s.held(stream.Quarantine)) != 2 {
		t.Errorf("%v, %v", done, err)
	}
}

func TestQuarantineQuery(t *testing.T) {
	s := newSite(t)
	s.keep(refused(body(t, "A1", 1, "x")), refused(body(t, "A2", 1, "x")), stranger("/?", "?"))
	q := cases.NewQuarantine(s.quarantineStore(), cases.Judge{})
	for name, tt := range map[string]struct {
		q    cases.QuarantineQuery
		want []uint64
	}{
		"all":    {cases.QuarantineQuery{}, []uint64{1, 2, 3}},
		"order":  {cases.QuarantineQuery{OrderID: "A2"}, []uint64{2}},
		"reason": {cases.QuarantineQuery{Reason: "unknown-merchant"}, []uint64{3}},
		"class":  {cases.QuarantineQuery{QuarantineFilter: stream.QuarantineFilter{Class: stream.ClassSignature}}, []uint64{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []uint64
			err := q.List(s.within(), tt.q, func(m stream.Quarantined) error { got = append(got, m.Sequence); return nil })
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}
