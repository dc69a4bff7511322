package e2e

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"strconv"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/pkg/sign"
)

// push is a callback to be signed by hand.
type push struct {
	order, plat, amount, status, reverse, remark, fee string
}

// pushOf says the truth about an order.
func pushOf(r sandbox.Record) push {
	return push{
		order: r.OrderID, plat: r.PlatOrderID, amount: r.Shown().String(), status: strconv.Itoa(int(r.Status)),
		reverse: strconv.FormatBool(r.Reversed), fee: r.Fee.String(),
	}
}

func (p push) params() sign.Params {
	return sign.Params{
		{Name: "platOrderId", Value: p.plat},
		{Name: "orderId", Value: p.order},
		{Name: "amount", Value: p.amount, Kind: sign.KindNumber},
		{Name: "status", Value: p.status, Kind: sign.KindNumber},
		{Name: "reverse", Value: p.reverse, Kind: sign.KindBool},
		{Name: "remark", Value: p.remark},
		{Name: "fee", Value: p.fee, Kind: sign.KindNumber},
	}
}

// body is the signed JSON of a push, under the merchant's key of now.
func (p push) body(merchant string) []byte {
	params := p.params()
	return append(params, sign.Param{Name: "sign", Value: sign.Sign(params, sign.Secret("now-"+merchant))}).JSON()
}

// signedAs is the body of a push whose sign is over a text of its own.
func (p push) signedAs(merchant, text string) []byte {
	sum := md5.Sum([]byte(text + "&key=now-" + merchant))
	return append(p.params(), sign.Param{Name: "sign", Value: hex.EncodeToString(sum[:])}).JSON()
}

// settledOrders makes orders that the gateway has settled while all its pushes
// went astray, so that the test can push by hand.
func (w *world) settledOrders(merchant string, ids ...string) []sandbox.Record {
	w.t.Helper()
	return w.quietOrders(merchant, sandbox.Change{Action: sandbox.Settle}, ids...)
}

// quietOrders makes orders and changes each; nobody hears of it.
func (w *world) quietOrders(merchant string, change sandbox.Change, ids ...string) []sandbox.Record {
	w.t.Helper()
	g := w.gateways[merchant]
	w.pushTo(g, "http://127.0.0.1:1")
	defer w.pushTo(g, "http://"+w.receiver.http)
	for _, id := range ids {
		if _, err := g.CreateOrder(w.t.Context(), sandbox.NewOrder{
			Merchant: merchant, Flow: sandbox.Collect, OrderID: id, Amount: dec("1000.00"),
		}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := g.Apply(merchant, id, change); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := g.WaitIdle(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	records := make([]sandbox.Record, len(ids))
	for i, id := range ids {
		records[i] = w.record(merchant, id)
	}
	return records
}

func (w *world) pushTo(g *sandbox.Server, base string) {
	w.t.Helper()
	if err := g.SetNotifyBase(base); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) record(merchant, id string) sandbox.Record {
	w.t.Helper()
	r, err := w.gateways[merchant].Order(merchant, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// mustAccept posts a push that has to be taken.
func (w *world) mustAccept(flow, merchant string, body []byte) {
	w.t.Helper()
	if status, answer := w.post(flow, merchant, "application/json", body); status != http.StatusOK || answer != "success" {
		w.t.Fatalf("answered %d %q, want 200 success", status, answer)
	}
}

func silence(t *testing.T, p *program) {
	t.Helper()
	if code := p.stop(); code != 0 {
		t.Errorf("%s ended with %d:\n%s", p.name, code, p.tail())
	}
}
