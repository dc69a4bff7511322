package soak

import (
	"strconv"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
	"github.com/settlehook/settlehook/test/ledgercheck"
)

// cents is money in hundredths of the currency's unit. Only tests may be so
// sure of a currency's digits.
type cents int64

func (c cents) decimal() decimal.Decimal { return decimal.MustNew(int64(c), 2) }

func (c cents) String() string { return c.decimal().String() }

// The API's transaction status.
const (
	statusSubmitted = 0
	statusSuccess   = 1
	statusFailed    = 2
)

// state is one state of an order at the load gateway.
type state struct {
	name    string // as ledgercheck has it; "" for submitted
	silent  bool   // nothing is pushed: only the sweep finds it
	status  int
	reverse bool  // as callbacks say
	shown   cents // the amount that callbacks and queries say
	fee     cents
	remark  string
}

// order is an order in the load gateway's books. All but the first block is
// guarded by the merchant's lock.
type order struct {
	id, plat, utr   string
	m               *loadMerchant
	flow            events.Flow
	submitted, paid cents
	registered      bool
	second          bool    // a second payment
	plan            []state // states to come, in their order

	states []state   // that were, the present one last
	since  time.Time // of the present state
	told   bool      // a push of the present state was answered success
	taken  uint8     // the states of which a push was answered success, as bits
	over   bool      // nobody waits for it any more
	lag    int       // queries that still see the state before
	lies   int       // conclusive lies that queries told
}

func (o *order) now() state { return o.states[len(o.states)-1] }

// fate draws what becomes of an order.
func (g *loadGateway) fate(o *order) {
	fee := o.submitted / 50
	settled := state{name: "settled", status: statusSuccess, shown: o.submitted, fee: fee}
	failed := state{name: "failed", status: statusFailed, shown: o.submitted, remark: "declined by the bank"}
	reversed := state{name: "reversed", status: statusFailed, reverse: true, shown: o.submitted, fee: fee, remark: "taken back by the bank"}
	if sweeping && o.registered {
		settled.silent, failed.silent, reversed.silent = g.roll(100) == 0, g.roll(100) == 0, g.roll(20) == 0
	}
	o.paid = o.submitted
	switch n := g.roll(1000); {
	case n < 780:
		o.plan = []state{settled}
	case n < 860:
		o.plan, o.paid = []state{failed}, 0
	case n < 900:
		o.plan = []state{failed, settled}
	case n < 950:
		reversed.reverse = n >= 910 // some say no more than failed
		o.plan = []state{settled, reversed}
	case n < 980 && o.flow == events.FlowCollect && o.registered:
		o.paid = o.submitted - 1 - cents(g.roll(int(o.submitted/2)))
		o.plan = []state{{name: "short-paid", status: statusSuccess, shown: o.paid, fee: o.paid / 50}}
	case n < 990 && o.flow == events.FlowCollect && o.registered:
		o.paid = o.submitted + 1 + cents(g.roll(10_000))
		o.plan = []state{{name: "over-paid", status: statusSuccess, shown: o.paid, fee: o.paid / 50}}
	default:
		o.plan = []state{settled}
	}
}

// check is the order as ledgercheck wants it.
func (o *order) check() ledgercheck.Order {
	c := ledgercheck.Order{
		Merchant: o.m.id, OrderID: o.id, PlatOrderID: o.plat, Flow: o.flow, Submitted: o.submitted.decimal(),
		Paid: o.paid.decimal(), UTR: o.utr, PayFee: events.PayFeeAdded,
		Registered: o.registered, SecondPayment: o.second, Told: o.told, Contradicted: o.lies > 0,
	}
	for _, s := range o.states {
		if s.name != "" {
			c.Life = append(c.Life, s.name)
		}
		if s.status == statusSuccess {
			c.Fee = s.fee.decimal()
		}
	}
	return c
}

// body is a callback about a state, in one of the dialects that are safe to
// accept.
func (g *loadGateway) body(o *order, s state) (contentType string, body []byte) {
	fields := sign.Params{
		{Name: "platOrderId", Value: o.plat},
		{Name: "orderId", Value: o.id},
		{Name: "amount", Value: s.shown.String(), Kind: sign.KindNumber},
		{Name: "status", Value: strconv.Itoa(s.status), Kind: sign.KindNumber},
		{Name: "reverse", Value: strconv.FormatBool(s.reverse), Kind: sign.KindBool},
		{Name: "remark", Value: s.remark},
		{Name: "fee", Value: s.fee.String(), Kind: sign.KindNumber},
	}
	signed := fields
	switch g.roll(20) {
	case 0, 1: // signed in another writing than sent
		digits := g.roll(3)
		signed = rewrite(fields, func(p sign.Param) sign.Param {
			p.Value = decimal.MustParse(p.Value).Trim(0).Pad(digits).String()
			return p
		})
	case 2: // sent as strings
		fields = rewrite(fields, func(p sign.Param) sign.Param { p.Kind = sign.KindString; return p })
	case 3: // fields that the document does not name
		fields = append(fields, sign.Param{Name: "utr", Value: o.utr})
		signed = fields
	}
	fields = append(fields[:len(fields):len(fields)], sign.Param{Name: "sign", Value: sign.Sign(signed, o.m.secret)})
	if g.roll(10) == 0 {
		return "application/x-www-form-urlencoded", form(fields)
	}
	return "application/json", fields.JSON()
}

func rewrite(fields sign.Params, change func(sign.Param) sign.Param) sign.Params {
	changed := append(sign.Params(nil), fields...)
	for i, p := range changed {
		if p.Name == "amount" || p.Name == "fee" {
			changed[i] = change(p)
		}
	}
	return changed
}

// pushOffsets are the gateway page's, sixty times faster: 8 pushes within half a
// minute.
var pushOffsets = []time.Duration{
	0, 250 * time.Millisecond, 750 * time.Millisecond, 1750 * time.Millisecond,
	3750 * time.Millisecond, 7750 * time.Millisecond, 15750 * time.Millisecond, 31750 * time.Millisecond,
}
