package sandbox

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Record is one order's line in the books: what it is, and everything that was
// done about it.
type Record struct {
	Order
	// State is the order's state in a word: submitted, settled, short-paid,
	// over-paid, failed or reversed.
	State string `json:"state"`
	// Queries is how often /order/query was answered about the order.
	Queries int `json:"queries"`
	// Accepted says that the receiver took a push of the order's last state.
	Accepted bool   `json:"accepted"`
	Pushes   []Push `json:"pushes"`
	// Note says why an order's course ended early.
	Note string `json:"note,omitempty"`
}

// Push is one attempt to tell the merchant about a state, and its answer.
type Push struct {
	// Series counts the order's changes of state from 1; every change starts one
	// series of pushes. 0 is a push by hand.
	Series int `json:"series"`
	// Attempt counts from 1 within the series.
	Attempt int `json:"attempt"`
	// Offset is when the push was due, in the gateway's time after the change.
	Offset Duration `json:"offset"`
	// At is when it was sent, by the clock.
	At      time.Time `json:"at"`
	Status  Status    `json:"status"`
	Reverse bool      `json:"reverse"`
	// Amount is the amount the order showed, as text.
	Amount string `json:"amount"`
	// HTTPStatus and Answer are what the receiver answered, Answer as its first
	// bytes in Go's quoting; Error stands instead when there was no answer.
	HTTPStatus int    `json:"httpStatus,omitempty"`
	Answer     string `json:"answer,omitempty"`
	Error      string `json:"error,omitempty"`
	// Accepted is true for HTTP 200 with exactly the 7 bytes "success".
	Accepted bool `json:"accepted"`
}

// Duration is a time.Duration that stands in JSON as text such as "1m45s".
type Duration time.Duration

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return invalid("%q is not a duration such as 30s or 2m", text)
	}
	*d = Duration(parsed)
	return nil
}

// key is what makes an order unique: ids are the merchant's, over both flows.
type key struct{ merchant, orderID string }

// entry is an order in the books with what is still to come.
type entry struct {
	order    Order
	course   course
	pushes   []Push
	queries  int
	series   int // of the last change
	accepted bool
	note     string
}

func (e *entry) record() Record {
	return Record{
		Order: e.order, State: e.order.State(), Queries: e.queries,
		Accepted: e.accepted, Pushes: append([]Push{}, e.pushes...), Note: e.note,
	}
}

// books holds every order. Entries are only touched under its lock, and only
// for moments: no I/O and no hook runs inside.
type books struct {
	mu      sync.Mutex
	entries map[key]*entry // nil while the order is being announced
	sorted  []key          // in order of creation
	limit   int
}

func newBooks(limit int) *books { return &books{entries: map[key]*entry{}, limit: limit} }

// reserve takes an order id before the order exists, so that OnCreate runs
// once for it without a lock held.
func (b *books) reserve(k key) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, taken := b.entries[k]; taken {
		return fmt.Errorf("order %s of merchant %s: %w", k.orderID, k.merchant, ErrDuplicateOrder)
	}
	if len(b.entries) >= b.limit {
		return ErrBooksFull
	}
	b.entries[k] = nil
	return nil
}

func (b *books) release(k key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, k)
}

// open makes a reserved order visible.
func (b *books) open(k key, order Order, steps []Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[k] = &entry{order: order, course: course{left: slices.Clone(steps)}}
	b.sorted = append(b.sorted, k)
}

// edit runs f on an order's entry. Fails with ErrUnknownOrder or f's error.
func (b *books) edit(k key, f func(*entry) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[k]
	if e == nil {
		return fmt.Errorf("order %s of merchant %s: %w", k.orderID, k.merchant, ErrUnknownOrder)
	}
	return f(e)
}

// all returns every record in order of creation.
func (b *books) all() []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	records := make([]Record, 0, len(b.sorted))
	for _, k := range b.sorted {
		records = append(records, b.entries[k].record())
	}
	return records
}

// owners returns the merchants that have an order with this id.
func (b *books) owners(orderID string, merchants []string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(merchants), func(m string) bool {
		return b.entries[key{m, orderID}] == nil
	})
}
