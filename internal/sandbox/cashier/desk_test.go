package cashier_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/sandbox/cashier"
)

// fakeDesk has orders by token, and takes at most two fraction digits.
type fakeDesk struct {
	mu    sync.Mutex
	bills map[string]cashier.Bill
	calls []string // pay and fail, with what came of them
	fault error    // what every call fails with
	// slip runs between the page's look at an order and its payment.
	slip func()
}

const token = "tok-1"

// openBill is an order that waits for its payment.
func openBill() cashier.Bill {
	return cashier.Bill{
		Account: "8801", OrderID: "A-1001", Currency: "INR", Amount: dec("1000.00"), Paid: dec("0.00"),
		State: cashier.StateOpen, ReturnURL: "https://shop.example/thanks?cart=7&lang=en",
	}
}

// newDesk has one order, changed by edits, behind token.
func newDesk(edits ...func(*cashier.Bill)) *fakeDesk {
	b := openBill()
	for _, edit := range edits {
		edit(&b)
	}
	return &fakeDesk{bills: map[string]cashier.Bill{token: b}}
}

func closedAs(state, paid string) func(*cashier.Bill) {
	return func(b *cashier.Bill) { b.State, b.Paid = state, dec(paid) }
}

func returningTo(url string) func(*cashier.Bill) {
	return func(b *cashier.Bill) { b.ReturnURL = url }
}

func (d *fakeDesk) Bill(token string) (cashier.Bill, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, ok := d.bills[token]
	switch {
	case d.fault != nil:
		return b, d.fault
	case !ok:
		return b, cashier.ErrUnknown
	}
	return b, nil
}

func (d *fakeDesk) Pay(token string, amount decimal.Decimal) (cashier.Bill, error) {
	return d.act(token, "pay "+amount.String(), func(b *cashier.Bill) error {
		if amount.Trim(2).Scale() > 2 {
			return fmt.Errorf("%w: at most 2 digits behind the point", cashier.ErrAmount)
		}
		b.Paid = amount.Pad(2)
		switch amount.Cmp(b.Amount) {
		case -1:
			b.State = "short-paid"
		case 0:
			b.State = "settled"
		case 1:
			b.State = "over-paid"
		}
		return nil
	})
}

func (d *fakeDesk) Fail(token string) (cashier.Bill, error) {
	return d.act(token, "fail", func(b *cashier.Bill) error {
		b.State = "failed"
		return nil
	})
}

func (d *fakeDesk) act(token, call string, change func(*cashier.Bill) error) (cashier.Bill, error) {
	if d.slip != nil {
		d.slip()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b, ok := d.bills[token]
	err := d.fault
	switch {
	case err != nil:
	case !ok:
		err = cashier.ErrUnknown
	case b.State != cashier.StateOpen:
		err = cashier.ErrClosed
	default:
		err = change(&b)
	}
	if err != nil {
		d.calls = append(d.calls, call+": "+err.Error())
		return cashier.Bill{}, err
	}
	d.bills[token] = b
	d.calls = append(d.calls, call)
	return b, nil
}

func (d *fakeDesk) close(state, paid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.bills[token]
	closedAs(state, paid)(&b)
	d.bills[token] = b
}

func (d *fakeDesk) called() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.calls...)
}

func dec(text string) decimal.Decimal { return decimal.MustParse(text) }

// request is one request to the page; edits change it before it is sent.
func request(method, path, form string, edits ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(form))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, edit := range edits {
		edit(r)
	}
	return r
}

// answer is what the page said.
type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t testing.TB, desk cashier.Desk, r *http.Request) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	cashier.Handler(desk).ServeHTTP(rec, r)
	res := rec.Result()
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}
