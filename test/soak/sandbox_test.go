package soak

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"golang.org/x/time/rate"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/test/ledgercheck"
)

// The merchants of the sandbox gateways, with one gateway each.
const sandboxMerchants = `  - id: alice
    account: "88-alice"
    currency: INR
    region: india
    timezone: Asia/Kolkata
    payFee: added
    gateway: <alice>
    rate: 10000
    keys: [{id: "now", secret: "now-alice"}]
  - id: bob
    account: "88-bob"
    currency: BRL
    region: brazil
    timezone: America/Sao_Paulo
    payFee: included
    gateway: <bob>
    rate: 10000
    keys: [{id: "old", secret: "old-bob"}, {id: "now", secret: "now-bob"}]
`

// sandboxScale makes the 32 minutes of the push schedule 32 seconds.
const sandboxScale = 60

// market is the sandbox gateways and the order services of their merchants.
type market struct {
	r            *rig
	gateways     map[string]*sandbox.Server
	mu           sync.Mutex
	contradicted map[string]bool // merchant/order
	created      int
	refused      int
}

func newMarket(t *testing.T, seed uint64) *market {
	t.Helper()
	addrs := map[string]string{"alice": testserver.FreeAddr(t), "bob": testserver.FreeAddr(t)}
	m := &market{gateways: map[string]*sandbox.Server{}, contradicted: map[string]bool{}}
	m.r = newRig(t, plan{workers: 2, merchants: sandboxMerchants, gateways: addrs})
	rates := sandbox.Hostile()
	if !sweeping {
		rates = rates.With(sandbox.Rates{sandbox.PushNone: 0, sandbox.ReversalSilent: 0})
	}
	for _, own := range up.SandboxMerchants(m.r.merchants) {
		s, err := sandbox.New(sandbox.Config{
			Addr: addrs[own.ID], AdminAddr: "127.0.0.1:0", Merchants: []sandbox.Merchant{own}, TimeScale: sandboxScale,
			Seed: seed, Run: own.ID, Mischief: rates, NotifyBase: "http://" + m.r.http,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		m.gateways[own.ID] = s
	}
	return m
}

// trade lets the merchant's order service create orders over the gateway's API,
// until ctx ends.
func (m *market) trade(ctx context.Context, merchant *config.Merchant, perSecond float64) {
	service, err := gateway.NewClient(gateway.Config{
		BaseURL: merchant.Gateway, Account: merchant.Account, Keyring: merchant.Keyring, Merchant: merchant.ID,
		Installation: installation, Currency: merchant.Currency, Rules: region.Rules{Region: merchant.Region},
		NotifyBase: "http://" + m.r.http, Orders: m.r.book, Timeout: 2 * time.Second,
	})
	if err != nil {
		m.r.t.Error(err)
		return
	}
	defer service.CloseIdleConnections()
	pace := rate.NewLimiter(rate.Limit(perSecond), 4)
	var creators sync.WaitGroup
	defer creators.Wait()
	slots := make(chan struct{}, 32)
	for n := 0; pace.Wait(ctx) == nil; n++ {
		slots <- struct{}{}
		creators.Go(func() {
			defer func() { <-slots }()
			m.create(merchant, service, n)
		})
	}
}

// create creates one order, under one id however often it takes.
func (m *market) create(merchant *config.Merchant, service *gateway.Client, n int) {
	id, amount := fmt.Sprintf("S%d", n), decimal.MustNew(int64(1_000+n*7919%4_000_000), 2)
	g := m.gateways[merchant.ID]
	collect := n%5 < 3
	if collect {
		g.ExpectPayer(merchant.ID, id)
	}
	for {
		err := send(service, collect, id, amount)
		var exists *gateway.ExistsError
		var refused *gateway.RefusedError
		switch {
		case err == nil, errors.As(err, &exists):
			m.count(&m.created)
			if n%50 == 7 {
				m.contradict(merchant.ID, id)
			}
			return
		case errors.As(err, &refused) && refused.Withdrawn, errors.Is(err, gateway.ErrInvalidRequest):
			m.count(&m.refused)
			return
		}
		<-time.After(100 * time.Millisecond) // it would fail as fast as it is called
	}
}

// contradict lets the next query contradict the callback, once and soon: where
// no callback speaks against it, in the sweep, the query alone is believed.
func (m *market) contradict(merchant, id string) {
	m.mu.Lock()
	m.contradicted[merchant+"/"+id] = true
	m.mu.Unlock()
	g := m.gateways[merchant]
	g.OverrideQuery(merchant, id, sandbox.QueryAnswer{Status: "2"}, sandbox.QueryAnswer{})
	time.AfterFunc(freshness, func() { g.OverrideQuery(merchant, id) })
}

func (m *market) count(n *int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*n++
}

// send makes one create call with what both regions ask for.
func send(service *gateway.Client, collect bool, id string, amount decimal.Decimal) error {
	if collect {
		_, err := service.CreateCollect(context.Background(), gateway.CollectOrder{
			PayCode: "101", OrderID: id, Amount: amount,
			Remark: "52998224725", CustomName: "Maria Souza", Number: "5511987654321", Email: "maria@example.com",
		})
		return err
	}
	order := gateway.PayOrder{
		PayCode: "101", OrderID: id, Amount: amount,
		BankAccount: "52998224725", CustomName: "Maria Souza", Number: "9198765432", Email: "maria@example.com",
	}
	order.Remark = region.PIXCPF
	_, err := service.CreatePay(context.Background(), order)
	if errors.Is(err, gateway.ErrInvalidRequest) { // India
		order.Remark = "HDFC0000001"
		_, err = service.CreatePay(context.Background(), order)
	}
	return err
}

// misbehave are the outages of the gateways' whole API.
func (m *market) misbehave() []act {
	var acts []act
	for id, g := range m.gateways {
		for name, answer := range map[string]sandbox.QueryAnswer{
			"http 500": {HTTPStatus: 500}, "hangs": {Hang: true}, "empty answer": {Body: "{}"},
			"refuses": {Code: 400, Desc: "ip not allowed"}, "anomaly": {Code: 500, Desc: "system error"},
		} {
			acts = append(acts, act{
				name: name + " at " + id, weight: 1, target: "gateway of " + id, most: 5 * time.Second,
				begin: func() { g.OverrideMerchant(id, answer) }, end: func() { g.OverrideMerchant(id, sandbox.QueryAnswer{}) },
			})
		}
	}
	return acts
}

// accounts are the gateways' books.
func (m *market) accounts() []account {
	var all []account
	for id, g := range m.gateways {
		merchant, _ := m.r.merchants.Get(id)
		a := account{merchant: id}
		for _, record := range g.Books() {
			o := ledgercheck.FromSandbox(record, merchant.PayFee)
			// A lie of the query's, or of a push that was signed well.
			o.Contradicted = m.contradicted[id+"/"+record.OrderID] || record.Mischief[sandbox.PushWrongAmount] > 0
			a.orders = append(a.orders, o)
			for _, p := range record.Pushes {
				switch {
				case p.Accepted && !p.Must():
					m.r.t.Errorf("%s/%s: nobody signed this, and it was accepted: %+v", id, record.OrderID, p)
				case p.Accepted:
					a.taken = append(a.taken, said{record.OrderID, int(p.Status), p.Reverse})
				}
			}
		}
		all = append(all, a)
	}
	return all
}
