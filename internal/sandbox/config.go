package sandbox

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// Defaults of Config.
const (
	DefaultAddr        = "127.0.0.1:8888"
	DefaultAdminAddr   = "127.0.0.1:8889"
	DefaultPushTimeout = 10 * time.Second
	DefaultPushers     = 64
	DefaultMaxOrders   = 250_000
)

// Config is what a sandbox is made of. The zero value of a field takes its
// default; only Merchants has none.
type Config struct {
	// Addr and AdminAddr are the listen addresses of the gateway's API and of the
	// admin port; port 0 takes a free one. Addresses beyond loopback are refused
	// without AllowPublic: anybody who reaches them can make orders succeed.
	Addr, AdminAddr string
	AllowPublic     bool
	// TLS serves the API over TLS; nil is plain HTTP. The admin port is always
	// plain.
	TLS       *tls.Config
	Merchants []Merchant
	// NotifyBase is the receiver's address, such as http://127.0.0.1:8080;
	// callbacks go to <base>/callbacks/<flow>/<merchant id>. It can also be set
	// per merchant, and later with SetNotifyBase.
	NotifyBase string
	// TimeScale is how many times faster than the clock the gateway's time
	// passes; 60 makes a minute a second. Default 1.
	TimeScale float64
	// PushOffsets are the times of the pushes after a change of state, in the
	// gateway's time. Default DefaultPushOffsets.
	PushOffsets []time.Duration
	// PushTimeout bounds one push, in the clock's time (it is not scaled: the
	// receiver works in real time). Default 10 s.
	PushTimeout time.Duration
	// Pushers is how many pushes are under way at once at most. Default 64.
	Pushers int
	// MaxOrders bounds the books. Default 250,000.
	MaxOrders int
	// Seed and Run decide everything random. The same of both make the same
	// orders; another Run makes other order ids, so that a restarted sandbox
	// doesn't reuse those that a ledger already knows. Run is at most 32 letters,
	// digits, - and _; default: the clock's second.
	Seed uint64
	Run  string
	// Mischief says how often what goes wrong; nil is a gateway that does what
	// its document says. See Hostile.
	Mischief Rates
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Transport carries the pushes. Default: a transport of its own.
	Transport http.RoundTripper
	// OnCreate is called for every new order before anybody can see it: the
	// place to announce submitted orders. Its error refuses the order. It must be
	// safe for concurrent use.
	//
	// Without it nobody can tell a short-paid order: callback and query both
	// truly say what was paid, and only the submitted amount contradicts them.
	//
	// It is not called for orders that come over the API: whoever creates them
	// there announces them.
	OnCreate func(context.Context, Order) error
	// Logger takes what happens: pushes and changes at debug. Default: none.
	Logger *zap.Logger
}

// Merchant is a merchant account at the sandbox.
type Merchant struct {
	// ID is settlehook's id of the merchant, the last segment of the callback's
	// path.
	ID string
	// Account is the gateway's merchant account, "merchant" in requests. Default
	// ID.
	Account  string
	Currency string
	// Rules are the gateway's rules for the merchant's create calls; the zero
	// value has none beyond the document's own.
	Rules region.Rules
	// Balance is what the merchant begins with, in major currency units. Default
	// 100,000,000.
	Balance decimal.Decimal
	// PayFee says whether the fee of a payout comes on top of its amount, which is
	// the default, or out of it.
	PayFee events.PayFee
	// Keys all verify requests; the one named by SigningID, else the last, signs
	// callbacks.
	Keys      []sign.Key
	SigningID string
	// NotifyBase is the receiver's address for this merchant; default the
	// Config's.
	NotifyBase string
}

// merchant is a Merchant that was checked.
type merchant struct {
	Merchant
	ring *sign.Keyring
}

var (
	idPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	runPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
)

// complete fills in the defaults and checks the rest.
func (cfg Config) complete() (Config, error) {
	cfg.Addr, cfg.AdminAddr = orElse(cfg.Addr, DefaultAddr), orElse(cfg.AdminAddr, DefaultAdminAddr)
	setDefault(&cfg.TimeScale, 1)
	setDefault(&cfg.PushTimeout, DefaultPushTimeout)
	setDefault(&cfg.Pushers, DefaultPushers)
	setDefault(&cfg.MaxOrders, DefaultMaxOrders)
	if cfg.PushOffsets == nil {
		cfg.PushOffsets = DefaultPushOffsets()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	cfg.Run = orElse(cfg.Run, strconv.FormatInt(cfg.Now().Unix(), 36))
	return cfg, cfg.check()
}

func setDefault[T int | float64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (cfg Config) check() error {
	for _, addr := range []string{cfg.Addr, cfg.AdminAddr} {
		if err := checkAddr(addr, cfg.AllowPublic); err != nil {
			return err
		}
	}
	switch {
	case len(cfg.Merchants) == 0:
		return invalid("sandbox: no merchant is configured")
	case !(cfg.TimeScale > 0) || cfg.TimeScale > 1e6:
		return invalid("sandbox: time scale %g must be more than 0 and at most 1000000", cfg.TimeScale)
	case cfg.PushTimeout < 0 || cfg.Pushers < 0 || cfg.MaxOrders < 0:
		return invalid("sandbox: push timeout, pushers and max orders must not be negative")
	case len(cfg.PushOffsets) == 0:
		return invalid("sandbox: there must be at least one push offset")
	case !runPattern.MatchString(cfg.Run):
		return invalid("sandbox: run %q must be 1 to 32 letters, digits, - and _", cfg.Run)
	}
	for i, offset := range cfg.PushOffsets {
		if offset < 0 || (i > 0 && offset < cfg.PushOffsets[i-1]) {
			return invalid("sandbox: push offsets must rise from 0, but %s comes after the one before it", offset)
		}
	}
	if err := cfg.Mischief.check(); err != nil {
		return err
	}
	return checkBase(cfg.NotifyBase)
}

// checkAddr refuses to open the sandbox to a network by accident.
func checkAddr(addr string, allowPublic bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return invalid("sandbox: listen address %q is not host:port", addr)
	}
	ip := net.ParseIP(host)
	if allowPublic || strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("sandbox: %s is %w", addr, ErrPublic)
}

func checkBase(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return invalid("sandbox: notify base is not an address like http://127.0.0.1:8080")
	}
	return nil
}

// checkMerchants returns the merchants by id and by account, both unique.
func checkMerchants(list []Merchant) (byID, byAccount map[string]*merchant, err error) {
	byID, byAccount = map[string]*merchant{}, map[string]*merchant{}
	for _, m := range list {
		if !idPattern.MatchString(m.ID) {
			return nil, nil, invalid("sandbox: merchant id %q must be 1 to 64 letters, digits, - and _", m.ID)
		}
		m.Account = orElse(m.Account, m.ID)
		ring, err := sign.NewKeyring(m.SigningID, m.Keys...)
		if err != nil {
			return nil, nil, fmt.Errorf("sandbox: merchant %s: %w", m.ID, err)
		}
		if err := checkBase(m.NotifyBase); err != nil {
			return nil, nil, err
		}
		switch {
		case m.Rules.Region == "":
			m.Rules.Region = region.None
		case !m.Rules.Region.Valid():
			return nil, nil, invalid("sandbox: merchant %s: unknown region %q", m.ID, m.Rules.Region)
		case m.Balance.IsNeg():
			return nil, nil, invalid("sandbox: merchant %s: its balance must not be negative", m.ID)
		}
		if m.Balance.IsZero() {
			m.Balance = defaultBalance
		}
		if byID[m.ID] != nil || byAccount[m.Account] != nil {
			return nil, nil, invalid("sandbox: merchant %s or its account %s is configured twice", m.ID, m.Account)
		}
		checked := &merchant{Merchant: m, ring: ring}
		byID[m.ID], byAccount[m.Account] = checked, checked
	}
	return byID, byAccount, nil
}
