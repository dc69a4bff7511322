package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // images built from scratch have no zone files

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// LoadMerchants reads and checks a merchants file and the secret files it
// names. The error holds every [Fault] found.
func LoadMerchants(path string) (*Merchants, error) { return loadMerchants(path, readFile) }

func loadMerchants(path string, read func(path string) ([]byte, error)) (*Merchants, error) {
	data, err := read(path)
	if err != nil {
		return nil, &Fault{Where: path, Problem: fmt.Sprintf("cannot be read (%s); mount the merchants file or correct MERCHANTS_FILE", reason(err))}
	}
	return ParseMerchants(path, data, read)
}

// readFile reads a file of ours, never much more than its highest size:
// the path may be a mistake.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readLimited(f)
}

// ParseMerchants checks the text of a merchants file. name stands before the
// line in every fault, and its folder is where relative secret files are;
// read reads those. The error holds every [Fault] found.
func ParseMerchants(name string, data []byte, read func(path string) ([]byte, error)) (*Merchants, error) {
	p := &merchantParser{
		yamlReader: yamlReader{name: name, fs: new(faults)},
		read:       read,
		ids:        make(map[string]int),
		accounts:   make(map[[2]string]text),
	}
	var file merchantsFile
	p.yamlReader.read(data, &file)
	if file.Merchants != nil && len(file.Merchants) == 0 {
		p.fault(file.Line, "merchants: the list is empty; list at least one merchant")
	}
	var list []*Merchant
	for i := range file.Merchants {
		list = append(list, p.merchant(&file.Merchants[i]))
	}
	if err := p.fs.err(); err != nil {
		return nil, err
	}
	return newMerchants(list)
}

type merchantParser struct {
	yamlReader
	read     func(path string) ([]byte, error)
	ids      map[string]int
	accounts map[[2]string]text // (gateway, account) → the id that has it
	id       string             // of the merchant at hand
}

// wrong reports a value of the merchant at hand. A value that is absent has no
// line and needs no report: if it is required, reading the file reported it.
func (p *merchantParser) wrong(value text, name, format string, args ...any) {
	if value.set() {
		p.fault(value.Line, "merchant %s: %s: %s", p.id, name, fmt.Sprintf(format, args...))
	}
}

// shown is a name for a fault: quoted where it could break the line.
func shown(name text, form *regexp.Regexp) string {
	switch {
	case !name.set():
		return "without id"
	case form.MatchString(name.Value):
		return name.Value
	}
	return strconv.Quote(name.Value)
}

func (p *merchantParser) merchant(entry *merchantEntry) *Merchant {
	p.id = shown(entry.ID, token)
	p.checkID(entry.ID)
	m := &Merchant{
		ID:           entry.ID.Value,
		Account:      p.account(entry),
		Currency:     p.currency(entry.Currency),
		Region:       oneOf(p, "region", entry.Region, region.Brazil, region.India, region.Indonesia, region.Nigeria, region.None),
		Location:     p.location(entry.Timezone),
		Gateway:      p.gateway(entry.Gateway),
		Rate:         p.rate(entry.Rate),
		MatchCollect: oneOf(p, "match.collect", entry.Match.Collect, MatchIfKnown, MatchRequired),
		MatchPay:     oneOf(p, "match.pay", entry.Match.Pay, MatchIfKnown, MatchRequired),
		Reverse:      oneOf(p, "reverse", entry.Reverse, ReverseConfirm, ReverseTrustSigned),
		Policy:       p.policy(entry.Dialects),
		NotFound:     p.notFound(entry.NotFound),
		AllowFrom:    p.allowFrom(entry.AllowFrom),
		PIXRandomKey: p.pixRandomKey(entry.PIXRandomKey),
	}
	if entry.PayFee.set() {
		m.PayFee = oneOf(p, "payFee", entry.PayFee, events.PayFeeAdded, events.PayFeeIncluded)
	}
	if entry.BalanceMinimum.set() {
		m.BalanceMinimum = p.balanceMinimum(entry.BalanceMinimum)
	}
	p.keys(m, entry)
	p.checkAccount(m, entry)
	return m
}

// oneOf reads a value of a fixed set, whose first is the default.
func oneOf[T ~string](p *merchantParser, name string, value text, among ...T) T {
	if !value.set() {
		return among[0]
	}
	if !slices.Contains(among, T(value.Value)) {
		names := make([]string, len(among))
		for i, one := range among {
			names[i] = string(one)
		}
		p.wrong(value, name, "%q is not known; use %s", value.Value, strings.Join(names, " or "))
	}
	return T(value.Value)
}

func (p *merchantParser) checkID(id text) {
	switch earlier := p.ids[id.Value]; {
	case !id.set():
		return
	case !token.MatchString(id.Value):
		p.wrong(id, "id", "use only letters, digits, _ and -, at most 64 of them")
	case id.Value == events.UnknownToken:
		p.wrong(id, "id", "is what merchants that are not configured go by; choose another")
	case earlier > 0:
		p.wrong(id, "id", "is already that of the merchant in line %d; give each its own", earlier)
	default:
		p.ids[id.Value] = id.Line
	}
}

func (p *merchantParser) account(entry *merchantEntry) string {
	account := entry.Account.or(entry.ID.Value)
	if len(account) > 64 || strings.ContainsFunc(account, func(c rune) bool { return c <= ' ' || c > '~' || c == '&' }) {
		p.wrong(entry.Account, "account", "use printable ASCII characters without spaces and &, at most 64 of them")
	}
	return account
}

// checkAccount refuses a second merchant with the same account: the ledger
// guards an order per merchant, so one order pushed to both paths would be
// settled under each.
func (p *merchantParser) checkAccount(m *Merchant, entry *merchantEntry) {
	at := entry.Account
	if !at.set() {
		at = entry.ID
	}
	if !at.set() || m.Gateway == "" {
		return
	}
	pair := [2]string{m.Gateway, m.Account}
	if other, taken := p.accounts[pair]; taken {
		p.wrong(at, "account", "merchant %s has this account at this gateway already (line %d), and an order would settle once under each; remove one",
			other.Value, other.Line)
		return
	}
	p.accounts[pair] = text{Value: p.id, Line: at.Line}
}

func (p *merchantParser) currency(code text) string {
	if code.set() && !knownCurrency(code.Value) {
		p.wrong(code, "currency", "%q is not an ISO 4217 code; write it in capitals, for example INR", code.Value)
	}
	return code.Value
}

func (p *merchantParser) location(zone text) *time.Location {
	// "Local" would make booking dates depend on the machine.
	location, err := time.LoadLocation(zone.or("UTC"))
	if err != nil || zone.Value == "Local" {
		p.wrong(zone, "timezone", "%q is not an IANA time zone; write it like Asia/Kolkata, or UTC", zone.Value)
		return time.UTC
	}
	return location
}

// Bounds of a query rate. Below, a callback would wait longer than it is kept
// in work; above, it is a mistake.
var (
	lowestRate  = decimal.MustNew(1, 2)
	highestRate = decimal.MustNew(10_000, 0)
)

func (p *merchantParser) rate(value text) decimal.Decimal {
	if !value.set() {
		return decimal.Zero
	}
	rate, err := parseRate(value.Value)
	if err != nil || rate.Cmp(lowestRate) < 0 || rate.Cmp(highestRate) > 0 {
		p.wrong(value, "rate", "%q is not a rate; write order queries per second from %s to %s, with at most three decimals", value.Value, lowestRate, highestRate)
		return decimal.Zero
	}
	return rate
}

// balanceMinimum reads an amount that may be zero.
func (p *merchantParser) balanceMinimum(value text) *decimal.Decimal {
	amount, err := events.ParseAmount(value.Value)
	if err != nil {
		p.wrong(value, "balanceMinimum", "%q is not an amount; write it in major units with a point, for example \"10000.00\"", value.Value)
		return nil
	}
	d, _ := amount.Decimal()
	return &d
}

func (p *merchantParser) policy(dialects []text) sign.Policy {
	var names []sign.Dialect
	for _, dialect := range dialects {
		if !dialect.set() {
			continue
		}
		name := oneOf(p, "dialects", dialect, sign.DialectDropZero, sign.DialectReverseNumeric, sign.DialectJavaDouble)
		if slices.Contains(names, name) {
			p.wrong(dialect, "dialects", "%q is given twice; remove one", dialect.Value)
		}
		names = append(names, name)
	}
	// An unknown name has been reported above, with its line.
	policy, _ := sign.NewPolicy(names...)
	return policy
}

func (p *merchantParser) allowFrom(ranges []text) Networks {
	var list Networks
	for _, one := range ranges {
		if !one.set() {
			continue
		}
		prefix, err := parseNetwork(one.Value)
		if err != nil {
			p.wrong(one, "allowFrom", "%v", err)
			continue
		}
		list = append(list, prefix)
	}
	return list
}

func (p *merchantParser) pixRandomKey(literal text) string {
	value := literal.or(region.DefaultPIXRandomKey)
	if !token.MatchString(value) {
		p.wrong(literal, "pixRandomKey", "use only letters, digits, _ and -, for example EVP")
	}
	switch value {
	case region.PIXCPF, region.PIXCNPJ, region.PIXPhone, region.PIXEmail:
		p.wrong(literal, "pixRandomKey", "%s already names another type of key; give the gateway's literal for the random key, for example EVP", value)
	}
	return value
}

// dir is the folder relative secret files are in.
func (p *merchantParser) dir() string { return filepath.Dir(p.name) }
