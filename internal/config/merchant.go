package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// Match says whether an order must have been submitted before it settles.
type Match string

// The ways of matching.
const (
	// MatchIfKnown compares with the submitted order where there is one.
	MatchIfKnown Match = "if-known"
	// MatchRequired sends an order nobody submitted to review.
	MatchRequired Match = "required"
)

// ReversePolicy says what a signed reverse=true counts for while the order
// query still says paid; the query has no field for it.
type ReversePolicy string

// The policies.
const (
	// ReverseConfirm sends the order to review.
	ReverseConfirm ReversePolicy = "confirm"
	// ReverseTrustSigned takes the order as reversed.
	ReverseTrustSigned ReversePolicy = "trust-signed"
)

// Merchant is one merchant of the merchants file, checked and ready to use.
// It may be read by many goroutines and written to by none. Hold it by the
// pointer it is handed out as: in an unexported field of another struct fmt
// cannot call the methods that hide a secret, but it stops at a pointer.
type Merchant struct {
	// ID is ours: in paths, subjects, events and labels.
	ID string
	// Account is the merchant account at the gateway.
	Account string
	// Currency is an ISO 4217 code.
	Currency string
	Region   region.Region
	// Location is the timezone of booking dates; never nil.
	Location *time.Location
	// Gateway is the gateway's base URL without a trailing slash.
	Gateway string
	// Rate is the order queries per second, all workers together; above zero.
	Rate decimal.Decimal
	// Match is how each flow is matched; see [Merchant.MatchOf].
	MatchCollect, MatchPay Match
	// Keyring verifies and signs; Keys are the same keys, in the file's order.
	Keyring *sign.Keyring
	Keys    []sign.Key
	PayFee  events.PayFee
	Reverse ReversePolicy
	// Policy opens the dialects that are closed by default.
	Policy sign.Policy
	// NotFound are the patterns by which a refused query means "no such
	// order", as pkg/gateway reads them; nil for its defaults.
	NotFound []string
	// AllowFrom are the addresses callbacks may come from; empty for any.
	AllowFrom Networks
	// BalanceMinimum is the usable balance below which an alarm is raised, in
	// major currency units; nil for none.
	BalanceMinimum *decimal.Decimal
	// PIXRandomKey is the remark literal for a PIX random key.
	PIXRandomKey string
}

// MatchOf is how orders of a flow are matched with submitted ones.
func (m *Merchant) MatchOf(flow events.Flow) Match {
	if flow == events.FlowPay {
		return m.MatchPay
	}
	return m.MatchCollect
}

// RatePerSecond is Rate for rate limiters, which count in floating point.
func (m *Merchant) RatePerSecond() float64 {
	rate, _ := m.Rate.Float64()
	return rate
}

// merchantView is a merchant without its secrets, for people and for
// [Merchants.Hash].
type merchantView struct {
	ID           string          `json:"id"`
	Account      string          `json:"account"`
	Currency     string          `json:"currency"`
	Region       region.Region   `json:"region"`
	Timezone     string          `json:"timezone"`
	Gateway      string          `json:"gateway"`
	Rate         decimal.Decimal `json:"rate"`
	Collect      Match           `json:"matchCollect"`
	Pay          Match           `json:"matchPay"`
	Keys         []string        `json:"keys"`
	Signing      string          `json:"signing"`
	PayFee       events.PayFee   `json:"payFee,omitempty"`
	Reverse      ReversePolicy   `json:"reverse"`
	Policy       sign.Policy     `json:"policy"`
	NotFound     []string        `json:"notFound"`
	AllowFrom    Networks        `json:"allowFrom,omitempty"`
	PIXRandomKey string          `json:"pixRandomKey"`

	BalanceMinimum *decimal.Decimal `json:"balanceMinimum,omitempty"`
}

func (m Merchant) view() merchantView {
	keys := make([]string, len(m.Keys))
	for i, key := range m.Keys {
		keys[i] = key.ID
	}
	signing := ""
	if m.Keyring != nil { // a merchant made by hand must print, too
		signing = m.Keyring.SigningKey().ID
	}
	return merchantView{
		ID: m.ID, Account: m.Account, Currency: m.Currency, Region: m.Region, Timezone: m.Location.String(),
		Gateway: m.Gateway, Rate: m.Rate, Collect: m.MatchCollect, Pay: m.MatchPay,
		Keys: keys, Signing: signing, PayFee: m.PayFee, Reverse: m.Reverse, Policy: m.Policy,
		NotFound: m.NotFound, AllowFrom: m.AllowFrom, PIXRandomKey: m.PIXRandomKey, BalanceMinimum: m.BalanceMinimum,
	}
}

// MarshalJSON writes the merchant with the ids of its keys in place of the
// keys.
func (m Merchant) MarshalJSON() ([]byte, error) { return json.Marshal(m.view()) }

// Format writes the merchant with the ids of its keys in place of the keys,
// whatever the verb: for one that does not fit, fmt would call no methods of
// what is inside.
func (m Merchant) Format(state fmt.State, _ rune) {
	text, _ := json.Marshal(m.view()) // of strings, lists and a decimal: cannot fail
	_, _ = state.Write(text)
}

// Merchants is an immutable set of merchants, safe for concurrent use.
type Merchants struct {
	byID   map[string]*Merchant
	sorted []*Merchant
	hash   string
}

func newMerchants(list []*Merchant) (*Merchants, error) {
	set := &Merchants{byID: make(map[string]*Merchant, len(list)), sorted: slices.Clone(list)}
	slices.SortFunc(set.sorted, func(a, b *Merchant) int { return cmp.Compare(a.ID, b.ID) })
	for _, m := range set.sorted {
		set.byID[m.ID] = m
	}
	text, err := json.Marshal(set.sorted)
	if err != nil {
		return nil, fmt.Errorf("hashing the merchants: %w", err)
	}
	sum := sha256.Sum256(text)
	set.hash = hex.EncodeToString(sum[:8])
	return set, nil
}

// Get returns the merchant with an id.
func (s *Merchants) Get(id string) (*Merchant, bool) {
	m, ok := s.byID[id]
	return m, ok
}

// All returns every merchant, by id. The slice is the caller's.
func (s *Merchants) All() []*Merchant { return slices.Clone(s.sorted) }

// Len is the number of merchants.
func (s *Merchants) Len() int { return len(s.sorted) }

// Hash tells sets apart: equal hashes on two processes mean equal settings.
// The text of secrets is left out, so that a hash may be logged and exported
// without a way to guess them from it; the ids of the keys are in.
func (s *Merchants) Hash() string { return s.hash }

// Format writes how many merchants there are, whatever the verb: fmt would
// otherwise reach the secrets through the unexported fields.
func (s Merchants) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprintf(state, "%d merchants (%s)", len(s.sorted), s.hash)
}
