package statement_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/statement"
	"github.com/settlehook/settlehook/pkg/events"
)

const gatewayMapping = `
delimiter: ";"
columns: {time: Finished, flow: Kind, order: Merchant No, status: State, amount: Paid, fee: Commission, change: Balance}
flow: {collect: [payin], pay: [payout], ignore: [withdrawal]}
status: {paid: [OK, "1"], failed: [KO], reversed: [refunded], open: [waiting], ignore: [cancelled]}
time: {layout: "2006-01-02 15:04:05", zone: Asia/Kolkata}
`

func mapping(t testing.TB, text string) statement.Mapping {
	t.Helper()
	m, err := statement.ReadMapping(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// described is a bill's lines in short.
func described(b statement.Bill) []string {
	var all []string
	for _, s := range b.Lines {
		change := "-"
		if s.Change != nil {
			change = s.Change.String()
		}
		all = append(all, fmt.Sprintf("%s %s %s %s %s %s %s", s.At.UTC().Format(time.RFC3339), s.Flow, s.OrderID, s.State, s.Amount, s.Fee, change))
	}
	return all
}

func TestReadBill(t *testing.T) {
	// As Excel saves it: a mark before UTF-8, CRLF, and columns that nobody asked for.
	const bill = "\xEF\xBB\xBFNo;Merchant No;Kind;State;Finished;Paid;Commission;Balance\r\n" +
		"2;A2;payout;1;2026-11-05 00:10:00;500.50;;-500.5\r\n" +
		"1; A1 ;payin;OK;2026-11-05 00:00:30;1000;20.00;980.00\r\n" +
		"3;-;withdrawal;?;then;x;y;z\r\n" +
		"4;A4;payin;cancelled;2026-11-05 00:20:00;;;\r\n" +
		"5;A1;payin;refunded;2026-11-06 01:00:00;1000;20;\r\n"
	got, err := statement.ReadBill("bill.csv", strings.NewReader(bill), mapping(t, gatewayMapping), "INR")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2026-11-04T18:30:30Z collect A1 paid 1000 20.00 980",
		"2026-11-04T18:40:00Z pay A2 paid 500.50  -500.5",
		"2026-11-05T19:30:00Z collect A1 reversed 1000 20 -",
	}
	if lines := described(got); strings.Join(lines, "\n") != strings.Join(want, "\n") || got.Ignored != 2 {
		t.Errorf("%d left out, and\n%s", got.Ignored, strings.Join(lines, "\n"))
	}
}

// TestBillsAreNotGuessed: what a mapping does not name is refused, with the line.
func TestBillsAreNotGuessed(t *testing.T) {
	const head = "time,type,merchant_order,status,amount,fee,currency,balance_change\n"
	for name, tt := range map[string]struct {
		bill string
		line int
		says string
	}{
		"empty":              {"", 1, "no head"},
		"a missing column":   {"time,type\n", 1, `no column "merchant_order"`},
		"a column twice":     {strings.Replace(head, "fee", "amount", 1), 1, "two columns"},
		"another flow":       {head + "2026-11-05T00:00:00Z,refund,A1,success,1,0,INR,\n", 2, `type is "refund"`},
		"another status":     {head + "2026-11-05T00:00:00Z,pay,A1,done,1,0,INR,\n", 2, `status is "done"`},
		"another currency":   {head + "2026-11-05T00:00:00Z,pay,A1,success,1,0,BRL,\n", 2, "BRL"},
		"no order":           {head + "2026-11-05T00:00:00Z,pay,,success,1,0,INR,\n", 2, "merchant_order is empty"},
		"another time":       {head + "05/11/2026,pay,A1,success,1,0,INR,\n", 2, "time is"},
		"a separator":        {head + "2026-11-05T00:00:00Z,pay,A1,success,\"1,000\",0,INR,\n", 2, "amount"},
		"a negative fee":     {head + "2026-11-05T00:00:00Z,pay,A1,success,1,-1,INR,\n", 2, "fee"},
		"a change in words":  {head + "2026-11-05T00:00:00Z,pay,A1,success,1,0,INR,one\n", 2, "balance_change"},
		"too few cells":      {head + "2026-11-05T00:00:00Z,pay\n", 2, "wrong number of fields"},
		"a quote in between": {head + "2026-11-05T00:00:00Z,pay,A\"1,success,1,0,INR,\n", 2, "bare"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := statement.ReadBill("bill.csv", strings.NewReader(tt.bill), statement.SandboxMapping(), "INR")
			var fault *statement.FileError
			if !errors.As(err, &fault) || fault.Line != tt.line || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), "bill.csv, line ") {
				t.Errorf("%v, %v", b, err)
			}
		})
	}
}

func TestMappings(t *testing.T) {
	const whole = "columns: {time: t, flow: f, order: o, status: s, amount: a, fee: e}\nflow: {collect: [c]}\nstatus: {paid: [p]}\n"
	mapping(t, whole)
	for name, text := range map[string]string{
		"empty":             "",
		"no column":         strings.Replace(whole, "order: o, ", "", 1),
		"no flow":           strings.Replace(whole, "flow: {collect: [c]}", "", 1),
		"no paid":           strings.Replace(whole, "status: {paid: [p]}", "status: {failed: [p]}", 1),
		"a text twice":      strings.Replace(whole, "[p]}", "[p], failed: [p]}", 1),
		"a long delimiter":  whole + "delimiter: '||'\n",
		"an unknown zone":   whole + "time: {zone: Mars/Olympus}\n",
		"an unknown field":  whole + "colums: {}\n",
		"no YAML":           "columns: [",
		"an unknown status": strings.Replace(whole, "paid: [p]", "paid: [p], perhaps: [x]", 1),
	} {
		if m, err := statement.ReadMapping(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %v", name, m)
		}
	}
}

func FuzzReadBill(f *testing.F) {
	f.Add("time,type,merchant_order,status,amount,fee,currency,balance_change\n2026-11-05T00:00:00Z,pay,A1,success,1.50,0,INR,-1.5\n")
	f.Add("\xEF\xBB\xBFtime,type\n\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := statement.ReadBill("bill.csv", strings.NewReader(text), statement.SandboxMapping(), "INR")
		for _, s := range b.Lines {
			if err != nil || s.OrderID == "" || s.At.IsZero() || s.State == "" || s.Flow == "" {
				t.Errorf("%+v, %v", s, err)
			}
		}
	})
}

func TestReadMovements(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	const head = "at,kind,direction,amount,currency,reference\n"
	all, err := statement.ReadMovements("m.csv", strings.NewReader(head+
		"2026-11-05,withdrawal,debit,250.50,INR,W-1\n2026-11-05T20:00:00Z,topup,credit,100,INR,\n"), "INR", kolkata)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	if m := all[0]; m.Date != "2026-11-05" || !m.At.IsZero() || m.Kind != "withdrawal" || m.Change.String() != "-250.5" || m.Reference != "W-1" {
		t.Errorf("%+v", m)
	}
	if m := all[1]; m.Date != "2026-11-06" || m.At.IsZero() || m.Change.String() != "100" {
		t.Errorf("%+v", m)
	}
	for name, line := range map[string]string{
		"a date in words": "5 Nov,topup,credit,1,INR,", "no kind": "2026-11-05,,credit,1,INR,", "no direction": "2026-11-05,topup,,1,INR,",
		"no amount": "2026-11-05,topup,credit,,INR,", "a minus": "2026-11-05,topup,credit,-1,INR,", "another currency": "2026-11-05,topup,credit,1,BRL,",
	} {
		var fault *statement.FileError
		if all, err := statement.ReadMovements("m.csv", strings.NewReader(head+line+"\n"), "INR", kolkata); !errors.As(err, &fault) || fault.Line != 2 {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
}

func TestSandboxMapping(t *testing.T) {
	const bill = "time,type,merchant_order,platform_order,status,amount,fee,currency,utr,balance_change\n" +
		"2026-11-05T00:00:00Z,pay,A1,P1,success,10.00,0.20,INR,,-10.20\n"
	b, err := statement.ReadBill("bill.csv", strings.NewReader(bill), statement.SandboxMapping(), "INR")
	if err != nil || len(b.Lines) != 1 || b.Lines[0].Flow != events.FlowPay || b.Lines[0].State != finance.Paid {
		t.Errorf("%+v, %v", b, err)
	}
}
