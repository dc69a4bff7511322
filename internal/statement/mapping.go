package statement

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// Mapping says how a gateway's bill is to be read. What a bill has and a mapping
// does not name is refused, never guessed.
type Mapping struct {
	// Delimiter separates the columns; a comma by default.
	Delimiter string `yaml:"delimiter"`
	// Columns names the bill's columns. Change and currency may be left out.
	Columns Columns `yaml:"columns"`
	// Flow is which texts of the flow's column mean collect and pay; lines of those
	// under ignore are left out.
	Flow struct {
		Collect []string `yaml:"collect"`
		Pay     []string `yaml:"pay"`
		Ignore  []string `yaml:"ignore"`
	} `yaml:"flow"`
	// Status is which texts of the status' column mean what.
	Status struct {
		Paid     []string `yaml:"paid"`
		Failed   []string `yaml:"failed"`
		Reversed []string `yaml:"reversed"`
		Open     []string `yaml:"open"`
		Ignore   []string `yaml:"ignore"`
	} `yaml:"status"`
	// Time is how the time's column is written: a layout of Go's package time, and
	// the zone where the layout has none.
	Time struct {
		Layout string `yaml:"layout"`
		Zone   string `yaml:"zone"`
	} `yaml:"time"`

	zone *time.Location
}

// Columns are the names of a bill's columns.
type Columns struct {
	Time     string `yaml:"time"`     // when it happened
	Flow     string `yaml:"flow"`     // collection or payout
	Order    string `yaml:"order"`    // the merchant's order id
	Status   string `yaml:"status"`   // what happened
	Amount   string `yaml:"amount"`   // that was paid, in major units
	Fee      string `yaml:"fee"`      // the gateway's
	Change   string `yaml:"change"`   // by how much the balance changed, with a minus where it fell; may be left out
	Currency string `yaml:"currency"` // lines of another are refused; may be left out
}

// SandboxMapping reads the bill of the sandbox gateway.
func SandboxMapping() Mapping {
	var m Mapping
	m.Delimiter = ","
	m.Columns = Columns{
		Time: "time", Flow: "type", Order: "merchant_order", Status: "status", Amount: "amount", Fee: "fee",
		Change: "balance_change", Currency: "currency",
	}
	m.Flow.Collect, m.Flow.Pay = []string{"collect"}, []string{"pay"}
	m.Status.Paid, m.Status.Failed, m.Status.Reversed = []string{"success"}, []string{"failed"}, []string{"reversed"}
	m.Time.Layout, m.zone = time.RFC3339, time.UTC
	return m
}

// ReadMapping reads a mapping file, strictly: what it does not know, it refuses.
func ReadMapping(r io.Reader) (Mapping, error) {
	var m Mapping
	loader, err := yaml.NewLoader(r, yaml.WithKnownFields())
	if err != nil {
		return Mapping{}, err
	}
	if err := loader.Load(&m); err != nil {
		return Mapping{}, err
	}
	if m.Delimiter == "" {
		m.Delimiter = ","
	}
	if m.Time.Layout == "" {
		m.Time.Layout = time.RFC3339
	}
	if m.zone, err = time.LoadLocation(m.Time.Zone); err != nil {
		return Mapping{}, fmt.Errorf("time.zone: %w", err)
	}
	return m, m.check()
}

func (m Mapping) check() error {
	c := m.Columns
	for _, column := range []struct{ field, name string }{
		{"time", c.Time}, {"flow", c.Flow}, {"order", c.Order}, {"status", c.Status}, {"amount", c.Amount}, {"fee", c.Fee},
	} {
		if column.name == "" {
			return fmt.Errorf("columns.%s is missing: name the bill's column", column.field)
		}
	}
	switch {
	case utf8.RuneCountInString(m.Delimiter) != 1:
		return fmt.Errorf("delimiter %q is not one character", m.Delimiter)
	case len(m.Flow.Collect)+len(m.Flow.Pay) == 0:
		return errors.New("flow: say which texts mean collect and pay")
	case len(m.Status.Paid) == 0:
		return errors.New("status.paid: say which texts mean that money moved")
	}
	return m.unambiguous()
}

// unambiguous refuses a text that would mean two things.
func (m Mapping) unambiguous() error {
	for field, lists := range map[string][][]string{
		"flow":   {m.Flow.Collect, m.Flow.Pay, m.Flow.Ignore},
		"status": {m.Status.Paid, m.Status.Failed, m.Status.Reversed, m.Status.Open, m.Status.Ignore},
	} {
		seen := map[string]bool{}
		for _, text := range slices.Concat(lists...) {
			if seen[text] {
				return fmt.Errorf("%s: %q is named twice", field, text)
			}
			seen[text] = true
		}
	}
	return nil
}

func (m Mapping) wanted() []string {
	c := m.Columns
	all := []string{c.Time, c.Flow, c.Order, c.Status, c.Amount, c.Fee, c.Change, c.Currency}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// flow reads a flow; known is false for a text that is not named, and flow empty
// for one that is to be left out.
func (m Mapping) flow(text string) (flow events.Flow, known bool) {
	switch {
	case slices.Contains(m.Flow.Collect, text):
		return events.FlowCollect, true
	case slices.Contains(m.Flow.Pay, text):
		return events.FlowPay, true
	}
	return "", slices.Contains(m.Flow.Ignore, text)
}

// state reads a status, as flow reads a flow.
func (m Mapping) state(text string) (state finance.State, known bool) {
	for state, texts := range map[finance.State][]string{
		finance.Paid: m.Status.Paid, finance.Failed: m.Status.Failed, finance.Reversed: m.Status.Reversed, finance.Open: m.Status.Open,
	} {
		if slices.Contains(texts, text) {
			return state, true
		}
	}
	return "", slices.Contains(m.Status.Ignore, text)
}
