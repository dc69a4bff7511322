package sandbox

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/statement"
	"github.com/settlehook/settlehook/pkg/events"
)

// billed is a sandbox with a clock that the test sets.
func billed(t *testing.T) (s *Server, at func(text string)) {
	t.Helper()
	var now time.Time
	at = func(text string) {
		var err error
		if now, err = time.Parse(time.RFC3339Nano, text); err != nil {
			t.Fatal(err)
		}
	}
	at("2026-11-01T00:00:00Z")
	s = newSandbox(t, func(c *Config) { c.Now = func() time.Time { return now } })
	return s, at
}

// TestBill: a line for each change that moved money or ended, with its own time and
// its own effect.
func TestBill(t *testing.T) {
	s, at := billed(t)
	make := func(id string, flow Flow) {
		create(t, s, NewOrder{Merchant: "m1001", Flow: flow, OrderID: id, PlatOrderID: "P" + id, Amount: dec("1000")})
	}
	make("a", Collect)
	make("b", Pay)
	make("c", Collect)
	make("open", Pay)
	create(t, s, NewOrder{Merchant: "m2", Flow: Collect, OrderID: "a", Amount: dec("5000")})
	at("2026-11-01T23:59:59.999Z")
	apply(t, s, "c", Fail)
	at("2026-11-02T00:00:00Z")
	apply(t, s, "b", Settle)
	if _, err := s.Apply("m1001", "a", Change{Action: Settle, Paid: dec("900.50")}); err != nil {
		t.Fatal(err)
	}
	at("2026-11-03T05:30:00.5+05:30")
	apply(t, s, "c", Settle)
	apply(t, s, "b", Reverse)
	at("2026-11-04T00:00:00Z")
	apply(t, s, "a", Reverse)

	utr := func(id string) string { return s.numbers.utr(key{"m1001", id}) }
	lines := []string{
		"2026-11-01T23:59:59.999Z,collect,c,Pc,failed,0.00,0.00,INR,,0.00",
		"2026-11-02T00:00:00Z,collect,a,Pa,success,900.50,18.01,INR," + utr("a") + ",882.49",
		"2026-11-02T00:00:00Z,pay,b,Pb,success,1000.00,20.00,INR," + utr("b") + ",-1020.00",
		"2026-11-03T00:00:00.5Z,pay,b,Pb,reversed,1000.00,20.00,INR," + utr("b") + ",1020.00",
		"2026-11-03T00:00:00.5Z,collect,c,Pc,success,1000.00,20.00,INR," + utr("c") + ",980.00",
		"2026-11-04T00:00:00Z,collect,a,Pa,reversed,900.50,18.01,INR," + utr("a") + ",-882.49",
	}
	const header = "time,type,merchant_order,platform_order,status,amount,fee,currency,utr,balance_change"
	for query, want := range map[string][]string{
		"":                                    lines,
		"&from=2026-11-02":                    lines[1:],
		"&to=2026-11-01":                      lines[:1],
		"&from=2026-11-02&to=2026-11-03":      lines[1:5],
		"&to=2026-11-04T00:00:00Z":            lines[:5],
		"&from=2026-11-02T05:30:00.5%2B05:30": lines[3:],
		"&from=2026-11-05":                    nil,
	} {
		status, answer := admin(s, "GET", "/bill?merchant=m1001"+query, "")
		if diff := cmp.Diff(append([]string{header}, want...), strings.Split(answer, "\n")); status != http.StatusOK || diff != "" {
			t.Errorf("%q: %d\n%s", query, status, diff)
		}
	}
}

// TestMovements: they change the balance, and stand in their file alone.
func TestMovements(t *testing.T) {
	s, at := billed(t)
	for _, tt := range []struct{ at, body, answer string }{
		{
			"2026-11-02T10:00:00Z", `{"merchant":"m1001","kind":"withdrawal","amount":"5000","reference":"W, 17"}`,
			`{"at":"2026-11-02T10:00:00Z","merchant":"m1001","kind":"withdrawal","direction":"debit","amount":"5000.00","reference":"W, 17","currency":"INR"}`,
		},
		{
			"2026-11-03T05:30:00+05:30", `{"merchant":"m1001","kind":"topup","direction":"credit","amount":100.5}`,
			`{"at":"2026-11-03T00:00:00Z","merchant":"m1001","kind":"topup","direction":"credit","amount":"100.50","reference":"","currency":"INR"}`,
		},
		{
			"2026-11-03T00:00:00Z", `{"merchant":"m1001","kind":"adjustment","direction":"debit","amount":"200000000"}`,
			`{"at":"2026-11-03T00:00:00Z","merchant":"m1001","kind":"adjustment","direction":"debit","amount":"200000000.00","reference":"","currency":"INR"}`,
		},
		{
			"2026-11-03T00:00:00Z", `{"merchant":"m2","kind":"adjustment","direction":"credit","amount":"7"}`,
			`{"at":"2026-11-03T00:00:00Z","merchant":"m2","kind":"adjustment","direction":"credit","amount":"7","reference":"","currency":"IDR"}`,
		},
	} {
		at(tt.at)
		if status, answer := admin(s, "POST", "/movements", tt.body); status != http.StatusCreated || answer != tt.answer {
			t.Errorf("%d %s\nwant %s", status, answer, tt.answer)
		}
	}
	want := "at,kind,direction,amount,currency,reference\n" +
		"2026-11-02T10:00:00Z,withdrawal,debit,5000.00,INR,\"W, 17\"\n" +
		"2026-11-03T00:00:00Z,topup,credit,100.50,INR,\n" +
		"2026-11-03T00:00:00Z,adjustment,debit,200000000.00,INR,"
	if status, answer := admin(s, "GET", "/movements?merchant=m1001", ""); status != http.StatusOK || answer != want {
		t.Errorf("%d %s\nwant %s", status, answer, want)
	}
	b, err := s.Balance("m1001")
	if err != nil || b.All.String() != "-100004899.50" || b.Usable.String() != "-100004899.50" {
		t.Errorf("%+v, %v", b, err)
	}
	if _, answer := admin(s, "GET", "/bill?merchant=m1001", ""); strings.Contains(answer, "\n") {
		t.Errorf("the bill tells of movements: %s", answer)
	}
}

func TestMovementRefusals(t *testing.T) {
	s, _ := billed(t)
	create(t, s, NewOrder{Merchant: "m1001", Flow: Pay, OrderID: "held", Amount: dec("1000")})
	move := func(fields string) string { return `{"merchant":"m1001",` + fields + `}` }
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		say                      string
	}{
		{"no body", "POST", "/movements", "", 400, "the body is missing"},
		{"unknown merchant", "POST", "/movements", `{"merchant":"m9","kind":"topup","amount":"1"}`, 400, "unknown merchant"},
		{"unknown kind", "POST", "/movements", move(`"kind":"gift","direction":"credit","amount":"1"`), 400, "unknown kind"},
		{"unknown direction", "POST", "/movements", move(`"kind":"adjustment","direction":"up","amount":"1"`), 400, "credit or debit"},
		{"an adjustment of no direction", "POST", "/movements", move(`"kind":"adjustment","amount":"1"`), 400, "credit or debit"},
		{"the wrong way", "POST", "/movements", move(`"kind":"withdrawal","direction":"credit","amount":"1"`), 400, "a withdrawal is a debit"},
		{"nothing", "POST", "/movements", move(`"kind":"topup","amount":"0"`), 400, "more than zero"},
		{"no amount", "POST", "/movements", move(`"kind":"topup"`), 400, "more than zero"},
		{"less than nothing", "POST", "/movements", move(`"kind":"topup","amount":"-1"`), 400, "amounts must look like"},
		{"a third digit", "POST", "/movements", move(`"kind":"topup","amount":"1.001"`), 400, "at most 2 fraction digits"},
		{"a line break", "POST", "/movements", move(`"kind":"topup","amount":"1","reference":"a\nb"`), 400, "the reference must be"},
		{"a long reference", "POST", "/movements", move(`"kind":"topup","amount":"1","reference":"` + strings.Repeat("x", 65) + `"`), 400, "the reference must be"},
		{"more than is usable", "POST", "/movements", move(`"kind":"withdrawal","amount":"99998980.01"`), 409, "insufficient balance"},
		{"all that is usable", "POST", "/movements", move(`"kind":"withdrawal","amount":"99998980"`), 201, `"99998980.00"`},
		{"movements of nobody", "GET", "/movements", "", 400, "unknown merchant"},
		{"a bill of nobody", "GET", "/bill?merchant=m9", "", 400, "unknown merchant"},
		{"a bill from nowhere", "GET", "/bill?merchant=m1001&from=yesterday", "", 400, `from is \"yesterday\"`},
		{"a bill to nowhere", "GET", "/bill?merchant=m1001&to=2026-02-30", "", 400, `to is \"2026-02-30\"`},
		{"help", "GET", "/", "", 200, "POST /movements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := admin(s, tt.method, tt.path, tt.body)
			if status != tt.status || !strings.Contains(answer, tt.say) {
				t.Fatalf("%d %s; want %d saying %q", status, answer, tt.status, tt.say)
			}
		})
	}
	if all, err := s.Movements("m1001"); err != nil || len(all) != 1 {
		t.Errorf("noted: %v, %v", all, err)
	}
}

// TestBillAddsUp: of a gateway that does every mischief, the opening balance, the
// bill and the movements make the balance, as finance's statement reads them.
func TestBillAddsUp(t *testing.T) {
	simulate(t, &receiver{}, func(t *testing.T, s *Server) {
		records := live(t, s, 600)
		for _, m := range []Movement{
			{Merchant: "m1001", Kind: Withdrawal, Amount: dec("12345.67"), Reference: "=W"},
			{Merchant: "m2", Kind: TopUp, Amount: dec("99")},
			{Merchant: "m1001", Kind: Adjustment, Direction: events.Credit, Amount: dec("0.01")},
			{Merchant: "m2", Kind: Adjustment, Direction: events.Debit, Amount: dec("1")},
		} {
			if _, err := s.Move(m); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range []struct{ id, currency string }{{"m1001", "INR"}, {"m2", "IDR"}} {
			bill, movements := readBack(t, s, m.id, m.currency)
			sum := finance.SumOfDecimal(defaultBalance)
			ends := map[string]finance.Said{}
			for i, l := range bill.Lines {
				if l.Change == nil || i > 0 && l.At.Before(bill.Lines[i-1].At) {
					t.Fatalf("%s: line %d: %+v", m.id, i, l)
				}
				sum, ends[l.OrderID] = sum.Plus(*l.Change), l
			}
			for _, move := range movements {
				sum = sum.Plus(move.Change)
			}
			b, err := s.Balance(m.id)
			if err != nil || !sum.Equal(finance.SumOfDecimal(b.All)) || len(bill.Lines) < 250 || len(movements) != 2 || bill.Ignored != 0 {
				t.Errorf("%s: %d lines and %d movements add up to %s; the balance is %s, %v", m.id, len(bill.Lines), len(movements), sum, b.All, err)
			}
			wantEnds(t, m.id, records, ends)
		}
	}, func(c *Config) { c.Mischief, c.TimeScale, c.Merchants[1].PayFee = Hostile(), 60, events.PayFeeIncluded })
}

// wantEnds holds the last line of each order to its state in the books.
func wantEnds(t *testing.T, merchant string, records []Record, ends map[string]finance.Said) {
	t.Helper()
	states := map[string]finance.State{"settled": finance.Paid, "short-paid": finance.Paid, "over-paid": finance.Paid, "failed": finance.Failed, "reversed": finance.Reversed}
	for _, r := range records {
		l, there := ends[r.OrderID]
		if r.Merchant != merchant || !there && r.State == "submitted" {
			continue
		}
		if l.State != states[r.State] || l.Amount.String() != r.Paid.String() || l.Fee.String() != r.Fee.String() || !l.At.Equal(r.ChangedAt) || string(l.Flow) != string(r.Flow) {
			t.Errorf("%s: the bill ends with %+v, the books with %+v", r.OrderID, l, r.Order)
		}
	}
}

// readBack writes a merchant's files and reads them as settlehook statement does.
func readBack(t *testing.T, s *Server, id, currency string) (statement.Bill, []finance.Movement) {
	t.Helper()
	lines, err := s.Bill(id, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	moved, err := s.Movements(id)
	if err != nil {
		t.Fatal(err)
	}
	var billFile, movementFile bytes.Buffer
	if err := WriteBill(&billFile, lines); err != nil {
		t.Fatal(err)
	}
	if err := WriteMovements(&movementFile, moved); err != nil {
		t.Fatal(err)
	}
	bill, err := statement.ReadBill("bill", &billFile, statement.SandboxMapping(), currency)
	if err != nil {
		t.Fatal(err)
	}
	movements, err := statement.ReadMovements("movements", &movementFile, currency, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return bill, movements
}
