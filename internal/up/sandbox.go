package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
	"github.com/settlehook/settlehook/pkg/region"
)

// Sandbox says whether and how the sandbox gateway runs too.
type Sandbox struct {
	Addr, AdminAddr string
	TimeScale       float64
	Seed            uint64
	Rate            float64 // orders per second; 0: none are made by themselves
	Total           int     // orders to make; 0: until it is stopped
	Mischief        sandbox.Rates
	// OwnMerchants: the merchants file is the sandbox's own, and is written at
	// the start ([SandboxMerchantsFile]).
	OwnMerchants bool
}

// sandboxMerchants is the merchants file of the sandbox; %s is its address.
const sandboxMerchants = `# Merchants of the sandbox. No real money is behind them.
merchants:
  - id: m1001
    account: "8801"
    currency: INR
    region: india
    timezone: Asia/Kolkata
    gateway: %[1]s
    rate: 200
    payFee: added
    keys:
      - {id: "2026-05", secret: sandbox-secret-one}
  - id: m2002
    account: "8802"
    currency: BRL
    region: brazil
    timezone: America/Sao_Paulo
    gateway: %[1]s
    rate: 200
    payFee: included
    keys:
      - {id: "2026-05", secret: sandbox-secret-two}
      - {id: "2026-11", secret: sandbox-secret-three, signing: true}
`

// SandboxMerchantsFile is where the sandbox's own merchants file is in a data
// folder.
func SandboxMerchantsFile(dataDir string) string {
	return filepath.Join(dataDir, "sandbox-merchants.yaml")
}

// ErrNoPort says that the sandbox's address does not name its port, which its
// merchants file has to.
var ErrNoPort = errors.New("the sandbox's merchants file names the sandbox's address: give it a port, such as 127.0.0.1:8888")

// writeSandboxMerchants writes the sandbox's own merchants file. The data
// folder must be ours by then: another program that runs on it follows the
// file.
func writeSandboxMerchants(path, sandboxAddr string) error {
	_, port, err := net.SplitHostPort(sandboxAddr)
	if err != nil || port == "" || port == "0" {
		return fmt.Errorf("%q: %w", sandboxAddr, ErrNoPort)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, sandboxMerchants, "http://"+loopback(sandboxAddr)), 0o600); err != nil {
		return fmt.Errorf("write the sandbox's merchants: %w", err)
	}
	return nil
}

// SandboxMerchants are the configured merchants as the sandbox knows them.
func SandboxMerchants(ms *config.Merchants) []sandbox.Merchant {
	var list []sandbox.Merchant
	for _, m := range ms.All() {
		list = append(list, sandbox.Merchant{
			ID: m.ID, Account: m.Account, Currency: m.Currency, Keys: m.Keyring.Keys(), SigningID: m.Keyring.SigningKey().ID,
			Rules: region.Rules{Region: m.Region, PIXRandomKey: m.PIXRandomKey}, PayFee: m.PayFee,
		})
	}
	return list
}

// Announce submits a sandbox order, as an order service does before it creates
// an order at the gateway.
func Announce(ctx context.Context, book *orders.Book, installation string, o sandbox.Order) error {
	amount, err := events.NewAmount(o.Submitted)
	if err != nil {
		return err
	}
	e, err := events.NewSubmitted(installation, time.Now(), events.SubmittedOrder{
		Flow: events.Flow(o.Flow), Merchant: o.Merchant, OrderID: o.OrderID, Amount: amount, Currency: o.Currency,
	})
	if err != nil {
		return err
	}
	_, err = book.Submit(ctx, e)
	return err
}

// startSandbox starts the sandbox gateway. It pushes to the receiver at
// notify.
func startSandbox(c Sandbox, merchants *config.Merchants, book *orders.Book, installation, notify string, log *zap.Logger) (*sandbox.Server, error) {
	s, err := sandbox.New(sandbox.Config{
		Addr: c.Addr, AdminAddr: c.AdminAddr, Merchants: SandboxMerchants(merchants), NotifyBase: notify,
		TimeScale: c.TimeScale, Seed: c.Seed, Mischief: c.Mischief, Logger: log.Named("sandbox"),
		OnCreate: func(ctx context.Context, o sandbox.Order) error { return Announce(ctx, book, installation, o) },
	})
	if err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// traffic makes orders until ctx ends or all are made.
func traffic(ctx context.Context, s *shop.Shop, c Sandbox, log *zap.Logger) error {
	if c.Rate <= 0 && c.Total <= 0 {
		return nil
	}
	_, err := s.Run(ctx, shop.Traffic{Rate: c.Rate, Total: c.Total})
	if errors.Is(err, shop.ErrNothingCreated) { // the books are full: what is there goes on
		log.Warn("the sandbox makes no more orders", zap.Error(err))
		return nil
	}
	return err
}
