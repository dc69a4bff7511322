package e2e

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// opened waits until the worker has stored every merchant's opening balance, moves
// money that no order is behind, and returns the first date of their books.
func (w *world) opened() map[string]string {
	w.t.Helper()
	w.await("the opening balances are stored", func() bool { return w.count(stream.Balances) == uint64(len(w.gateways)) })
	dates := map[string]string{}
	for id, g := range w.gateways {
		dates[id] = events.BookingDate(time.Now(), w.merchant(id).Location)
		withdrawn := sandbox.Movement{Merchant: id, Kind: sandbox.Withdrawal, Amount: decimal.MustParse("1234.50"), Reference: "W-1"}
		if _, err := g.Move(withdrawn); err != nil {
			w.t.Fatal(err)
		}
	}
	return dates
}

// statementComesOut exports what was booked and holds it against the gateway's
// bill, as finance does: the balance has to come out, and nothing differs but what
// a person was asked about.
func (w *world) statementComesOut(id, from string, l ledger) {
	w.t.Helper()
	to := w.closeDay(id)
	folder := w.t.TempDir()
	bill, movements, lines := filepath.Join(folder, "bill.csv"), filepath.Join(folder, "movements.csv"), filepath.Join(folder, "lines.csv")
	w.bill(id, bill, movements)
	s := w.statement("--merchant", id, "--from", from, "--to", to, "--bill", bill, "--movements", movements, "--sandbox", "-o", "json")
	if e := s.Equation; !e.Closes() || e.Events == 0 || len(e.Movements) != 1 {
		w.t.Errorf("%s: the balance does not come out: %+v", id, e)
	}
	for _, d := range s.Differences {
		asked := slices.ContainsFunc(l.of(id, d.OrderID), func(e events.Event) bool { return e.Outcome() == events.OutcomeReview })
		switch {
		case d.Class == finance.CarriedOver, d.Class == finance.StillOpen:
		case d.Class == finance.MissingWithUs, d.Class == finance.MissingAtGateway, d.Class == finance.FeeDiffers, !asked:
			w.t.Errorf("%s: %+v", id, d)
		}
	}
	w.operate("export", "--merchant", id, "--from", from, "--to", to, "--out", lines)
	if got, want := added(w, lines), rational(s.Equation.Credits.Minus(s.Equation.Debits)); got.Cmp(want) != 0 {
		w.t.Errorf("%s: the export adds up to %s, the statement to %s", id, got.FloatString(4), want.FloatString(4))
	}
	w.t.Logf("%s: %d orders, %d events, differences %v, unexplained %s", id, s.Orders, s.Equation.Events, s.Counts, s.Equation.Unexplained)
}

// closeDay stores the balance of the midnight that will be, and returns today.
func (w *world) closeDay(id string) (today string) {
	w.t.Helper()
	b, err := w.gateways[id].Balance(id)
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := events.NewSigned(b.All)
	if err != nil {
		w.t.Fatal(err)
	}
	m, now := w.merchant(id), time.Now()
	today = events.BookingDate(now, m.Location)
	e, err := events.NewBalance(installation, events.BalanceSnapshot{
		Merchant: id, Account: m.Account, Currency: m.Currency, Date: finance.Day(today).Next(), All: all, Usable: all, AskedAt: now, AnsweredAt: now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.js.Publish(w.t.Context(), e.NATSSubject(), body); err != nil {
		w.t.Fatal(err)
	}
	return today
}

// save writes a file of the gateway's.
func (w *world) save(path string, write func(io.Writer) error) {
	w.t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = write(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// bill writes the gateway's bill, and what moved without an order.
func (w *world) bill(id, bill, movements string) {
	w.t.Helper()
	g := w.gateways[id]
	lines, err := g.Bill(id, time.Time{}, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	moved, err := g.Movements(id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.save(bill, func(to io.Writer) error { return sandbox.WriteBill(to, lines) })
	w.save(movements, func(to io.Writer) error { return sandbox.WriteMovements(to, moved) })
}

// statement runs the command; that somebody has to look is no failure.
func (w *world) statement(args ...string) (s finance.Statement) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(binaries, "settlehook"), append([]string{"statement"}, args...)...)
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var exit *exec.ExitError
	out, err := cmd.Output()
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		w.t.Fatalf("settlehook statement: %v\n%s", err, out)
	}
	return s
}

// added adds the nets of an export up, with its own arithmetic.
func added(w *world, path string) *big.Rat {
	w.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	at := func(name string) int { return slices.Index(rows[0], name) }
	sum := new(big.Rat)
	for _, row := range rows[1:] {
		net, known := new(big.Rat).SetString(row[at("net")])
		switch {
		case row[at("direction")] == "credit" && known:
			sum.Add(sum, net)
		case row[at("direction")] == "debit" && known:
			sum.Sub(sum, net)
		case row[at("direction")] != "none":
			w.t.Errorf("no net: %v", row)
		}
	}
	return sum
}

func rational(s finance.Sum) *big.Rat {
	r, _ := new(big.Rat).SetString(s.String())
	return r
}
