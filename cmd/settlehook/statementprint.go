package main

import (
	"fmt"
	"strings"

	"github.com/settlehook/settlehook/internal/finance"
)

// print prints a statement, and fails where somebody has to look.
func (c *statementCmd) print(io streams, s finance.Statement) error {
	if c.Output == listJSON {
		if err := jsonLine(io.out, s); err != nil {
			return err
		}
	} else if err := printStatement(io, s); err != nil {
		return err
	}
	if !s.Clean() {
		return errRefused
	}
	return nil
}

func printStatement(io streams, s finance.Statement) error {
	var head result
	head.add("merchant", s.Merchant)
	head.add("period", fmt.Sprintf("%s to %s, days in %s", s.Period.From, s.Period.To, s.Timezone))
	if s.Closed {
		head.add("", "closed: as it was when it was closed")
	} else {
		head.add("", "not closed: it may still change")
	}
	if !s.LiveMode {
		head.add("", "of the sandbox: no real money")
	}
	head.add("orders", fmt.Sprint(s.Orders))
	if s.Unanswered > 0 {
		head.add("", fmt.Sprintf("the gateway did not answer about %d of them: ask again later, with the same answers' file", s.Unanswered))
	}
	if s.OtherMode > 0 {
		head.add("", fmt.Sprintf("%d events of the other mode are left out (--sandbox)", s.OtherMode))
	}
	if err := head.print(io.out, "text"); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(io.out); err != nil {
		return err
	}
	if err := printEquation(io, s); err != nil {
		return err
	}
	if len(s.Differences) == 0 {
		_, err := fmt.Fprintln(io.out, "\nno differences")
		return err
	}
	if _, err := fmt.Fprintln(io.out); err != nil {
		return err
	}
	return printDifferences(io, s.Differences)
}

func printEquation(io streams, s finance.Statement) error {
	e := s.Equation
	var rows [][2]string
	add := func(name string, sum finance.Sum) { rows = append(rows, [2]string{name, sum.In(s.Currency)}) }
	snapshot := func(name, day string, b *finance.Snapshot) {
		if b == nil {
			rows = append(rows, [2]string{name + ": nobody asked at the midnight of " + day, "unknown"})
			return
		}
		add(name+", asked at "+b.At.UTC().Format("2006-01-02 15:04:05")+" UTC", b.Balance)
	}
	snapshot("opening balance", s.Period.From, e.Opening)
	add(fmt.Sprintf("+ credits (of %d events)", e.Events), e.Credits)
	add("- debits", e.Debits)
	for _, m := range e.Movements {
		add(strings.TrimSpace(fmt.Sprintf("+ %s of %s %s", m.Kind, m.Date, m.Reference)), m.Change)
	}
	for _, c := range finance.Classes() {
		if sum, there := e.Differences[c]; there {
			add("+ differences: "+string(c), sum)
		}
	}
	if e.Opening != nil && e.Final != nil {
		add("+ unexplained", e.Unexplained)
	}
	snapshot("= closing balance", s.Period.Next(), e.Final)
	names, sums := 0, 0
	for _, r := range rows {
		names, sums = max(names, len(r[0])), max(sums, len(r[1]))
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(io.out, "%-*s  %*s %s\n", names, r[0], sums, r[1], s.Currency); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(io.out, verdict(s))
	return err
}

// verdict says in a line whether the balance comes out.
func verdict(s finance.Statement) string {
	e := s.Equation
	switch {
	case e.Closes():
		return "The balance comes out."
	case e.WithoutNet > 0:
		return fmt.Sprintf("The balance can't come out: the net of %d events is unknown; the merchants file's payFee says how payouts are charged.", e.WithoutNet)
	case e.Opening == nil || e.Final == nil:
		return "The balance can't come out without both balances: workers in the sweep role ask at midnight."
	case len(s.Suspects) > 0:
		return fmt.Sprintf("The balance does not come out. One of these would explain it alone: %s.", named(s.Suspects))
	default:
		return "The balance does not come out: a movement without an order may be missing (--movements)."
	}
}

func named(all []finance.Difference) string {
	var list []string
	for _, d := range all {
		list = append(list, fmt.Sprintf("%s %s (%s)", d.Flow, d.OrderID, d.Why))
	}
	return strings.Join(list, ", ")
}

func printDifferences(io streams, all []finance.Difference) error {
	side := func(s finance.Side) string { return strings.TrimSpace(s.State + " " + s.Amount.String()) }
	out := newTable(io.out, "CLASS", "FLOW", "ORDER", "SUBMITTED", "LEDGER", "GATEWAY", "EFFECT", "WHY")
	for _, d := range all {
		if err := out.row(string(d.Class), string(d.Flow), d.OrderID, d.Submitted.String(), side(d.Ledger), side(d.Gateway), d.Effect.String(), d.Why); err != nil {
			return err
		}
	}
	return out.flush()
}
