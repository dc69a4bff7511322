package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/pkg/sign"
)

// only lets one mischief happen, always, to n orders that settle, and are
// reversed if the mischief is about a change. It returns what was received, by
// order.
func only(t *testing.T, m Mischief, n int, changes ...Change) map[string][]received {
	t.Helper()
	v := &receiver{answer: strict}
	byOrder := map[string][]received{}
	simulate(t, v, func(t *testing.T, s *Server) {
		for i := range n {
			id := fmt.Sprintf("o%d", i)
			create(t, s, NewOrder{Merchant: "m1001", Flow: Collect, OrderID: id, Amount: dec("1000.50")})
			for _, c := range append([]Change{{Action: Settle}}, changes...) {
				if _, err := s.Apply("m1001", id, c); err != nil {
					t.Fatal(err)
				}
				idle(t, s)
			}
			if got := record(t, s, id).Mischief[m]; got == 0 {
				t.Errorf("%s did not happen to %s", m, id)
			}
		}
		for _, got := range v.all() {
			byOrder[orderIDOf(t, got)] = append(byOrder[orderIDOf(t, got)], got)
		}
	}, func(c *Config) { c.Mischief = Rates{m: 1} })
	return byOrder
}

func paramsOf(t *testing.T, got received) sign.Params {
	t.Helper()
	params, err := sign.Parse(got.contentType, []byte(got.body))
	if err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
	return params
}

func orderIDOf(t *testing.T, got received) string {
	t.Helper()
	return text(paramsOf(t, got), "orderId")
}

// dialectsOf is what the receiver notes about a push, which must be signed well.
func dialectsOf(t *testing.T, got received) []sign.Dialect {
	t.Helper()
	ring, err := sign.NewKeyring("new", merchants()[0].Keys...)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := ring.VerifyCallback(paramsOf(t, got), sign.Policy{})
	if err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
	return verified.Dialects
}

// Each mischief does what it says, seen from the receiver.
func TestPushMischief(t *testing.T) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of simulated time
	one := func(t *testing.T, m Mischief, changes ...Change) []received {
		t.Helper()
		return only(t, m, 1, changes...)["o0"]
	}
	reverse := Change{Action: Reverse}
	for m, check := range map[Mischief]func(t *testing.T){
		PushMissing: func(t *testing.T) {
			if got := one(t, PushMissing); len(got) != 1 || got[0].at.Sub(begin) != DefaultPushOffsets()[7] {
				t.Errorf("%+v", got)
			}
		},
		PushNone: func(t *testing.T) {
			if got := one(t, PushNone); len(got) != 0 {
				t.Errorf("%+v", got)
			}
		},
		PushDelayed: func(t *testing.T) {
			if got := one(t, PushDelayed); len(got) != 1 || got[0].at.Sub(begin) < 5*time.Second || got[0].at.Sub(begin) > time.Minute {
				t.Errorf("%+v", got)
			}
		},
		PushTwin: func(t *testing.T) {
			if got := one(t, PushTwin); len(got) != 2 || got[0] != got[1] {
				t.Errorf("%+v", got)
			}
		},
		PushDuplicate: func(t *testing.T) {
			got := one(t, PushDuplicate)
			if len(got) != 2 || got[0].body != got[1].body || got[1].at.Sub(got[0].at) < 3*time.Second {
				t.Errorf("%+v", got)
			}
		},
		PushStale: func(t *testing.T) {
			got := one(t, PushStale, reverse)
			if len(got) != 3 || !strings.Contains(got[1].body, `"reverse":true`) || !strings.Contains(got[2].body, `"status":1`) || !got[2].at.After(got[1].at) {
				t.Errorf("%+v", got)
			}
		},
		PushWrongAmount: func(t *testing.T) {
			got := one(t, PushWrongAmount)
			if len(got) != 2 || !strings.Contains(got[0].body, `"amount":11000.50,`) || !strings.Contains(got[1].body, `"amount":1000.50,`) {
				t.Errorf("%+v", got)
			}
		},
		PushForm: func(t *testing.T) {
			if got := one(t, PushForm); got[0].contentType != typeForm || !strings.Contains(got[0].body, "amount=1000.50&") {
				t.Errorf("%+v", got)
			}
		},
		PushBOM: func(t *testing.T) {
			if got := one(t, PushBOM); !strings.HasPrefix(got[0].body, "\xef\xbb\xbf{") {
				t.Errorf("%+v", got)
			}
		},
		PushUppercase: func(t *testing.T) {
			if got := dialectsOf(t, one(t, PushUppercase)[0]); !slices.Equal(got, []sign.Dialect{sign.DialectUppercaseHex}) {
				t.Error(got)
			}
		},
		PushEmptyKept: func(t *testing.T) {
			if got := dialectsOf(t, one(t, PushEmptyKept)[0]); !slices.Equal(got, []sign.Dialect{sign.DialectEmptyKept}) {
				t.Error(got)
			}
		},
		PushExtra: func(t *testing.T) {
			if got := paramsOf(t, one(t, PushExtra)[0]); text(got, "utr") == "" || !slices.ContainsFunc(got, func(p sign.Param) bool { return p.Name == "payTime" }) {
				t.Error(got)
			}
		},
		PushNumbers: func(t *testing.T) {
			seen := map[sign.Dialect]bool{}
			for _, got := range only(t, PushNumbers, 40) {
				for _, d := range dialectsOf(t, got[0]) {
					seen[d] = true
				}
			}
			// 1000.50 and its fee have the same text with one decimal as minimal.
			if !seen[sign.DialectQuotedNumber] || !seen[sign.DialectNumberMinimal] {
				t.Error(seen)
			}
		},
	} {
		t.Run(string(m), check)
	}
	t.Run("unmarked reversal", func(t *testing.T) {
		got := one(t, PushForm, Change{Action: Reverse, Unmarked: true})
		if len(got) != 2 || !strings.Contains(got[1].body, "reverse=false&") || !strings.Contains(got[1].body, "status=2") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("silent reversal", func(t *testing.T) {
		if got := one(t, PushForm, Change{Action: Reverse, Silent: true}); len(got) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// A second payment is an order of its own, which nobody submitted.
func TestPayAgain(t *testing.T) {
	simulate(t, &receiver{}, func(t *testing.T, s *Server) {
		first := create(t, s, NewOrder{OrderID: "o1"})
		apply(t, s, "o1", Settle)
		apply(t, s, "o1", PayAgain)
		idle(t, s)
		again := record(t, s, "o1_1")
		if again.Duplicates != "o1" || again.State != "settled" || !again.Paid.Equal(first.Submitted) || again.PlatOrderID == first.PlatOrderID || !again.Accepted {
			t.Errorf("%+v", again)
		}
		if r := record(t, s, "o1"); r.State != "settled" || len(r.History) != 2 {
			t.Errorf("%+v", r)
		}
	})
}

// The answers of a gateway that writes numbers its own way.
func TestQueryNumbers(t *testing.T) {
	s := newSandbox(t, func(c *Config) { c.Mischief = Rates{QueryNumbers: 1} })
	create(t, s, NewOrder{OrderID: "o1"})
	apply(t, s, "o1", Settle)
	seen := map[string]bool{}
	for range 40 {
		_, body := call(s, "/order/query", map[string]string{"merchant": "8801", "orderId": "o1"})
		for _, mark := range []string{`"amount":"1000.00"`, `"amount":100000E-2`, `"channel":"upi"`} {
			seen[mark] = seen[mark] || strings.Contains(body, mark)
		}
	}
	if len(seen) != 3 || !seen[`"amount":"1000.00"`] || !seen[`"amount":100000E-2`] || !seen[`"channel":"upi"`] {
		t.Error(seen)
	}
}
