package statement

import (
	"errors"
	"io"
	"time"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// movementColumns are the columns of a file of movements. at is a day of the
// merchant's, YYYY-MM-DD, or a time as RFC 3339; direction is credit or debit.
var movementColumns = []string{"at", "kind", "direction", "amount", "currency", "reference"}

// ReadMovements reads a file of movements without an order, in a currency and the
// merchant's zone. Fails with *FileError.
func ReadMovements(name string, r io.Reader, currency string, zone *time.Location) ([]finance.Movement, error) {
	t, err := openTable(name, r, ',', movementColumns)
	if err != nil {
		return nil, err
	}
	var all []finance.Movement
	for {
		err := t.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		m, err := movement(t, currency, zone)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
}

func movement(t *tableReader, currency string, zone *time.Location) (m finance.Movement, err error) {
	m.Kind, m.Reference = t.cell("kind"), t.cell("reference")
	at := t.cell("at")
	if day, err := time.Parse(time.DateOnly, at); err == nil {
		m.Date = day.Format(time.DateOnly)
	} else if m.At, err = time.Parse(time.RFC3339, at); err == nil {
		m.Date = events.BookingDate(m.At, zone)
	} else {
		return m, t.fault("at is %q; write a day as 2026-11-05 or a time as 2026-11-05T12:00:00Z", at)
	}
	a, err := amount(t, "amount")
	switch {
	case err != nil:
		return m, err
	case !a.Known():
		return m, t.fault("amount is empty")
	case m.Kind == "":
		return m, t.fault("kind is empty; write withdrawal, topup or adjustment, for example")
	case t.cell("currency") != currency:
		return m, t.fault("currency is %q, and the merchant's is %s", t.cell("currency"), currency)
	}
	switch t.cell("direction") {
	case string(events.Credit):
		m.Change = finance.SumOf(a)
	case string(events.Debit):
		m.Change = finance.Sum{}.Minus(finance.SumOf(a))
	default:
		return m, t.fault("direction is %q; write credit or debit", t.cell("direction"))
	}
	return m, nil
}
