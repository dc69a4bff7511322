package sandbox

import (
	"encoding/csv"
	"io"
	"net/http"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
)

// MovementKind is why money moved without an order.
type MovementKind string

// The kinds of movements.
const (
	Withdrawal MovementKind = "withdrawal" // paid out to the merchant itself; debit
	TopUp      MovementKind = "topup"      // paid in by the merchant; credit
	Adjustment MovementKind = "adjustment" // either
)

// maxReference is the longest reference of a movement, in characters.
const maxReference = 64

// Movement is money that moved without an order. It changes the balance, and no
// endpoint of the gateway's API tells of it.
type Movement struct {
	Merchant string // settlehook's id
	Kind     MovementKind
	// Direction is credit or debit; of a withdrawal and a top-up it may be left out.
	Direction events.Direction
	Amount    decimal.Decimal // in major currency units, more than zero
	Reference string          // the operator's words; may be left out
	// At is when it was made, by the clock, and Currency the merchant's: Move fills
	// them in.
	At       time.Time
	Currency string
}

// Move changes a merchant's balance without an order, and returns what was noted.
// An adjustment may leave less than nothing, as an operator's own may. Fails with
// errors wrapping ErrInvalid, or ErrBalance for a withdrawal of more than is usable.
func (s *Server) Move(m Movement) (Movement, error) {
	m, err := s.checked(m)
	if err != nil {
		return Movement{}, err
	}
	return s.books.note(m, s.now)
}

// checked fills in what follows from the rest.
func (s *Server) checked(m Movement) (Movement, error) {
	merchant := s.merchants[m.Merchant]
	if merchant == nil {
		return m, invalid("unknown merchant %q", m.Merchant)
	}
	m.Currency = merchant.Currency
	want, known := map[MovementKind]events.Direction{Withdrawal: events.Debit, TopUp: events.Credit, Adjustment: m.Direction}[m.Kind]
	if m.Direction == "" {
		m.Direction = want
	}
	switch {
	case !known:
		return m, invalid("unknown kind %q; use withdrawal, topup or adjustment", m.Kind)
	case m.Direction != events.Credit && m.Direction != events.Debit:
		return m, invalid("direction %q must be credit or debit", m.Direction)
	case m.Direction != want:
		return m, invalid("a %s is a %s", m.Kind, want)
	case !utf8.ValidString(m.Reference) || utf8.RuneCountInString(m.Reference) > maxReference ||
		slices.ContainsFunc([]rune(m.Reference), unicode.IsControl):
		return m, invalid("the reference must be at most %d characters of text", maxReference)
	}
	var err error
	m.Amount, err = money(m.Amount, m.Currency)
	return m, err
}

// effect is what the movement adds to the balance.
func (m Movement) effect() Balance {
	if m.Direction == events.Debit {
		return Balance{m.Amount.Neg(), m.Amount.Neg()}
	}
	return Balance{m.Amount, m.Amount}
}

// note keeps a movement, at the time that it is when its turn has come.
func (b *books) note(m Movement, now func() time.Time) (Movement, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	moved, err := b.balances[m.Merchant].move(Balance{}, m.effect())
	switch {
	case err != nil:
		return Movement{}, err
	case m.Kind == Withdrawal && moved.Usable.IsNeg():
		return Movement{}, ErrBalance
	case len(b.movements[m.Merchant]) >= b.limit:
		return Movement{}, ErrBooksFull
	}
	m.At = now()
	b.balances[m.Merchant] = moved
	b.movements[m.Merchant] = append(b.movements[m.Merchant], m)
	return m, nil
}

// Movements returns a merchant's movements in their order. Fails with an error
// wrapping ErrInvalid for an unknown merchant.
func (s *Server) Movements(merchant string) ([]Movement, error) {
	if s.merchants[merchant] == nil {
		return nil, invalid("unknown merchant %q", merchant)
	}
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	return slices.Clone(s.books.movements[merchant]), nil
}

var movementHeader = []string{"at", "kind", "direction", "amount", "currency", "reference"}

// WriteMovements writes movements as CSV.
func WriteMovements(w io.Writer, movements []Movement) error {
	rows := csv.NewWriter(w)
	_ = rows.Write(movementHeader)
	for _, m := range movements {
		_ = rows.Write([]string{timeText(m.At), string(m.Kind), string(m.Direction), m.Amount.String(), m.Currency, m.Reference})
	}
	rows.Flush() // keeps the first error
	return rows.Error()
}

// timeText is a moment in the gateway's files.
func timeText(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// moveRequest is the body of POST /movements.
type moveRequest struct {
	Merchant  string           `json:"merchant"`
	Kind      MovementKind     `json:"kind"`
	Direction events.Direction `json:"direction"`
	Amount    amount           `json:"amount"`
	Reference string           `json:"reference"`
}

// moveAnswer is a movement that was made.
type moveAnswer struct {
	At time.Time `json:"at"`
	moveRequest
	Currency string `json:"currency"`
}

func (s *Server) handleMove(w http.ResponseWriter, r *http.Request) {
	var req moveRequest
	if err := readJSON(w, r, &req); err != nil {
		writeError(w, err)
		return
	}
	m, err := s.Move(Movement{
		Merchant: req.Merchant, Kind: req.Kind, Direction: req.Direction, Amount: req.Amount.Decimal, Reference: req.Reference,
	})
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, moveAnswer{
		At: m.At.UTC(), Currency: m.Currency,
		moveRequest: moveRequest{m.Merchant, m.Kind, m.Direction, amount{m.Amount}, m.Reference},
	})
}

func (s *Server) handleMovements(w http.ResponseWriter, r *http.Request) {
	movements, err := s.Movements(r.URL.Query().Get("merchant"))
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", typeCSV)
	_ = WriteMovements(w, movements) // fails only where the reader has gone
}
