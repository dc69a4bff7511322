package up

import (
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// Shop says whose order service a sandbox gets.
type Shop struct {
	Gateway      *sandbox.Server // it listens
	Merchants    []*config.Merchant
	Notify       string // base address of the receiver
	PlainNotify  bool   // may be plain http beyond loopback
	Installation string
	Orders       gateway.Orders
	Timeout      time.Duration // of one call; 0 is the client's default
	Seed         uint64
	Run          string // "" is the clock's second: another run makes other orders
	Log          *zap.Logger
}

// NewShop returns the order service of all merchants: what it creates goes over
// the gateway's API, and is registered first, as a real one does it.
func NewShop(c Shop) (*shop.Shop, error) {
	if c.Run == "" {
		c.Run = strconv.FormatInt(time.Now().Unix(), 36)
	}
	conf := shop.Config{ExpectPayer: c.Gateway.ExpectPayer, Seed: c.Seed, Run: c.Run, Logger: c.Log}
	for _, m := range c.Merchants {
		client, err := gateway.NewClient(gateway.Config{
			BaseURL: c.Gateway.URL(), Account: m.Account, Keyring: m.Keyring, NotFound: m.NotFound, Timeout: c.Timeout,
			Merchant: m.ID, Installation: c.Installation, Currency: m.Currency, NotifyBase: c.Notify, PlainNotify: c.PlainNotify,
			Rules: region.Rules{Region: m.Region, PIXRandomKey: m.PIXRandomKey}, Orders: c.Orders,
		})
		if err != nil {
			return nil, err
		}
		conf.Merchants = append(conf.Merchants, shop.Merchant{ID: m.ID, Currency: m.Currency, Region: m.Region, Client: client})
	}
	return shop.New(conf)
}
