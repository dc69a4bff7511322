package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/govalues/decimal"
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
	// History is every state the order was in, the present one last.
	History []State `json:"history"`
	// Mischief is how often each mischief happened to the order.
	Mischief map[Mischief]int `json:"mischief,omitempty"`
	// Note says why an order's course ended early.
	Note string `json:"note,omitempty"`
}

// State is one state of an order's life.
type State struct {
	At    time.Time `json:"at"`
	State string    `json:"state"`
	// Paid and Fee are as the order has them, in major currency units.
	Paid decimal.Decimal `json:"paid"`
	Fee  decimal.Decimal `json:"fee"`
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
	// Mischief is what was wrong with the push.
	Mischief []Mischief `json:"mischief,omitempty"`
}

// Must reports whether a receiver must take the push: false for what nobody
// signed, and for what was not sent at all.
func (p Push) Must() bool {
	for _, m := range p.Mischief {
		if m == PushForged || m == PushCollision || m == PushMissing || m == PushNone {
			return false
		}
	}
	return true
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
	history  []State
	mischief map[Mischief]int
	// lag is how many queries still see the order as it was before, until lagEnds.
	lag     int
	lagEnds time.Time
	before  Order
	// told is closed once a push about the order was answered.
	told chan struct{}
}

// record keeps a push.
func (e *entry) record(p Push) {
	if len(e.pushes) == 0 {
		close(e.told)
	}
	e.pushes = append(e.pushes, p)
}

// become puts the order into its next state.
func (e *entry) become(o Order) {
	e.order = o
	e.history = append(e.history, State{At: o.ChangedAt, State: o.State(), Paid: o.Paid, Fee: o.Fee})
}

func (e *entry) snapshot() Record {
	return Record{
		Order: e.order, State: e.order.State(), Queries: e.queries,
		Accepted: e.accepted, Pushes: append([]Push{}, e.pushes...), Note: e.note,
		History: slices.Clone(e.history), Mischief: maps.Clone(e.mischief),
	}
}

// books holds every order. Entries are only touched under its lock, and only
// for moments: no I/O and no hook runs inside.
type books struct {
	mu      sync.Mutex
	entries map[key]*entry // nil while the order is being announced
	sorted  []key          // in order of creation
	tokens  map[string]key // of the cashier page
	payers  map[key]bool   // orders that a simulated payer will pay
	limit   int
	// balances are the merchants', by id: the opening one, the effects of all orders,
	// and all movements.
	balances  map[string]Balance
	movements map[string][]Movement // by merchant
}

func newBooks(limit int) *books {
	return &books{
		entries: map[key]*entry{}, tokens: map[string]key{}, payers: map[key]bool{}, limit: limit,
		balances: map[string]Balance{}, movements: map[string][]Movement{},
	}
}

// reserve takes an order id, and the money of a payout, before the order
// exists, so that OnCreate runs once for it without a lock held.
func (b *books) reserve(k key, effect Balance) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, taken := b.entries[k]; taken {
		return fmt.Errorf("order %s of merchant %s: %w", k.orderID, k.merchant, ErrDuplicateOrder)
	}
	if len(b.entries) >= b.limit {
		return ErrBooksFull
	}
	moved, err := b.balances[k.merchant].move(Balance{}, effect)
	switch {
	case err != nil:
		return err
	case moved.Usable.IsNeg() && effect.Usable.IsNeg():
		return ErrBalance
	}
	b.entries[k], b.balances[k.merchant] = nil, moved
	return nil
}

// release gives a reserved order's id and money back.
func (b *books) release(k key, effect Balance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, k)
	// What was added a moment ago can be taken away.
	if moved, err := b.balances[k.merchant].move(effect, Balance{}); err == nil {
		b.balances[k.merchant] = moved
	}
}

// open makes a reserved order visible.
func (b *books) open(k key, order Order, steps []Step, token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[k] = &entry{course: course{left: slices.Clone(steps)}, told: make(chan struct{})}
	b.entries[k].become(order)
	b.sorted = append(b.sorted, k)
	b.tokens[token] = k
	delete(b.payers, k)
}

// byToken finds the order of a cashier page.
func (b *books) byToken(token string) (key, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.tokens[token]
	return k, ok
}

// told returns what is closed once a push about the order was answered.
func (b *books) told(k key) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries[k].told
}

func (b *books) balance(merchant string) Balance {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.balances[merchant]
}

// expect notes that a simulated payer will pay an order that is still to be
// created.
func (b *books) expect(k key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payers[k] = true
}

func (b *books) expected(k key) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.payers[k]
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
		records = append(records, b.entries[k].snapshot())
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
