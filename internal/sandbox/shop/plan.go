package shop

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// plan is an order that will be created.
type plan struct {
	m       Merchant
	flow    events.Flow
	orderID string
	amount  decimal.Decimal
}

// payCode is any: the sandbox takes all.
const payCode = "101"

// draw makes the i-th order, counted from 1. Each has a random stream of its
// own, and so does not depend on what was drawn before.
func (s *Shop) draw(i int) plan {
	random := s.stream(i)
	m := s.cfg.Merchants[random.IntN(len(s.cfg.Merchants))]
	p := plan{m: m, flow: events.FlowCollect, orderID: fmt.Sprintf("%s-%07d", s.prefix, i), amount: drawAmount(random, m)}
	if random.IntN(100) < 40 {
		p.flow = events.FlowPay
	}
	return p
}

// drawAmount is 10.00 to 49,999.99, or 10,000 to 4,999,999 where there are no
// decimals.
func drawAmount(random *rand.Rand, m Merchant) decimal.Decimal {
	if m.Region == region.Indonesia || m.Currency == "IDR" {
		return decimal.MustNew(10_000+random.Int64N(4_990_000), 0)
	}
	return decimal.MustNew(1_000+random.Int64N(4_999_000), 2)
}

// send makes one create call.
func (p plan) send(ctx context.Context) error {
	if p.flow == events.FlowCollect {
		_, err := p.m.Client.CreateCollect(ctx, p.collect())
		return err
	}
	_, err := p.m.Client.CreatePay(ctx, p.pay())
	return err
}

func (p plan) collect() gateway.CollectOrder {
	o := gateway.CollectOrder{PayCode: payCode, OrderID: p.orderID, Amount: p.amount}
	if p.m.Region == region.Brazil {
		o.Remark, o.CustomName, o.Number, o.Email = "52998224725", "Maria Souza", "5511987654321", "maria@example.com"
	}
	return o
}

func (p plan) pay() gateway.PayOrder {
	o := gateway.PayOrder{
		PayCode: payCode, OrderID: p.orderID, Amount: p.amount,
		BankAccount: "1234567890", CustomName: "Asha Rao", Number: "9198765432", Email: "asha@example.com",
	}
	switch p.m.Region {
	case region.Brazil:
		o.BankAccount, o.Remark, o.CustomName = "52998224725", region.PIXCPF, "Maria Souza"
	case region.India:
		o.Remark = "HDFC0000001"
	case region.Indonesia:
		o.Remark = "014"
	case region.Nigeria:
		// The worked example of the NUBAN standard.
		o.BankAccount, o.Remark = "0000014579", "011"
	}
	return o
}
