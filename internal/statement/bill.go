package statement

import (
	"errors"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// Bill is what a gateway's bill says, in the order of time.
type Bill struct {
	Lines   []finance.Said
	Ignored int // lines that the mapping leaves out
}

// ReadBill reads a bill in a currency by a mapping. Fails with *FileError.
func ReadBill(name string, r io.Reader, m Mapping, currency string) (Bill, error) {
	delimiter, _ := utf8.DecodeRuneInString(m.Delimiter)
	t, err := openTable(name, r, delimiter, m.wanted())
	if err != nil {
		return Bill{}, err
	}
	var b Bill
	for {
		err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Bill{}, err
		}
		said, ignored, err := m.line(t, currency)
		if err != nil {
			return Bill{}, err
		}
		if ignored {
			b.Ignored++
			continue
		}
		b.Lines = append(b.Lines, said)
	}
	slices.SortStableFunc(b.Lines, func(x, y finance.Said) int { return x.At.Compare(y.At) })
	return b, nil
}

func (m Mapping) line(t *tableReader, currency string) (said finance.Said, ignored bool, err error) {
	c := m.Columns
	flow, known := m.flow(t.cell(c.Flow))
	if !known {
		return said, false, t.fault("%s is %q, which the mapping's flow does not name", c.Flow, t.cell(c.Flow))
	}
	state, known := m.state(t.cell(c.Status))
	switch {
	case flow == "":
		return said, true, nil
	case !known:
		return said, false, t.fault("%s is %q, which the mapping's status does not name", c.Status, t.cell(c.Status))
	case state == "":
		return said, true, nil
	case c.Currency != "" && t.cell(c.Currency) != currency:
		return said, false, t.fault("%s is %q, and the merchant's is %s", c.Currency, t.cell(c.Currency), currency)
	case t.cell(c.Order) == "":
		return said, false, t.fault("%s is empty", c.Order)
	}
	said = finance.Said{Flow: flow, OrderID: t.cell(c.Order), State: state}
	if said.At, err = time.ParseInLocation(m.Time.Layout, t.cell(c.Time), m.zone); err != nil {
		return said, false, t.fault("%s is %q, not written as %q", c.Time, t.cell(c.Time), m.Time.Layout)
	}
	if said.Amount, err = amount(t, c.Amount); err != nil {
		return said, false, err
	}
	if said.Fee, err = amount(t, c.Fee); err != nil {
		return said, false, err
	}
	if text := t.cell(c.Change); text != "" {
		change, err := finance.ParseSum(text)
		if err != nil {
			return said, false, t.fault("%s: %w", c.Change, err)
		}
		said.Change = &change
	}
	return said, false, nil
}

// amount is unknown where the cell is empty.
func amount(t *tableReader, column string) (events.Amount, error) {
	text := t.cell(column)
	if text == "" {
		return events.Amount{}, nil
	}
	a, err := events.ParseAmount(text)
	if err != nil {
		return a, t.fault("%s: %w", column, err)
	}
	return a, nil
}
