package console

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// quarantineRow is a refused callback, with the order that it speaks of.
type quarantineRow struct {
	stream.Quarantined
	OrderID string // nothing vouches for it
}

func rowOfQuarantined(q stream.Quarantined) quarantineRow { return quarantineRow{q, q.OrderID()} }

// quarantinePage is a list of refused callbacks.
type quarantinePage struct {
	filter
	Class  string
	Rows   []quarantineRow
	More   bool
	Barred string // why none can be redriven from here
}

const needsKeys = "Refused callbacks can’t be verified from here: MERCHANTS_FILE is not set. Start the console with it to redrive."

func (c *Console) barredJudge() string {
	if c.desk.Cfg.Merchants.Path == "" {
		return needsKeys
	}
	return ""
}

func (c *Console) listQuarantine(w http.ResponseWriter, r *http.Request) error {
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	p := quarantinePage{filter: f, Class: r.FormValue("class"), Barred: c.barredJudge()}
	query := cases.QuarantineQuery{
		QuarantineFilter: stream.QuarantineFilter{Flow: f.Flow, Merchant: f.Merchant, Window: f.window()}, Reason: f.Reason, OrderID: f.Order,
	}
	if p.Class != "" {
		if query.Class, err = stream.ParseClass(p.Class); err != nil {
			return wrongInput("The class %q: choose signature, malformed or unknown.", p.Class)
		}
	}
	quarantine, err := c.desk.Quarantine(r.Context(), cases.Judge{})
	if err != nil {
		return err
	}
	p.Rows, p.More, err = listed(func(each func(stream.Quarantined) error) error { return quarantine.List(r.Context(), query, each) }, rowOfQuarantined)
	if err != nil {
		return err
	}
	return c.show(w, r, "quarantine", page{Title: "Refused callbacks", Section: "quarantine", Of: p})
}

// quarantineOnePage is one, with all of it.
type quarantineOnePage struct {
	quarantineRow
	Text     string
	Judged   bool
	Today    string // why it would still be refused; empty where it would be accepted
	Barred   string
	HeldSize int
}

func (c *Console) showQuarantined(w http.ResponseWriter, r *http.Request) error {
	sequence, err := sequenceOf(r.PathValue("sequence"))
	if err != nil {
		return err
	}
	quarantine, err := c.desk.Quarantine(r.Context(), cases.Judge{})
	if err != nil {
		return err
	}
	q, err := quarantine.Get(r.Context(), sequence)
	if err != nil {
		return err
	}
	p := quarantineOnePage{
		quarantineRow: rowOfQuarantined(q), Text: strings.ToValidUTF8(string(q.Body), "�"), Barred: c.barredJudge(), HeldSize: len(q.Body),
	}
	if p.Barred == "" {
		merchants, err := config.LoadMerchants(c.desk.Cfg.Merchants.Path)
		if err != nil {
			return err
		}
		_, p.Today = cases.NewJudge(merchants).Verify(q)
		p.Judged = true
	}
	return c.show(w, r, "quarantineone", page{Title: fmt.Sprintf("Refused callback %d", sequence), Section: "quarantine", Of: p})
}

func (c *Console) redriveQuarantined(w http.ResponseWriter, r *http.Request) error {
	sequences, err := sequencesOf(r)
	if err != nil {
		return err
	}
	if barred := c.barredJudge(); barred != "" {
		return wrongInput("%s", barred)
	}
	merchants, err := config.LoadMerchants(c.desk.Cfg.Merchants.Path)
	if err != nil {
		return err
	}
	quarantine, err := c.desk.Quarantine(r.Context(), cases.NewJudge(merchants))
	if err != nil {
		return err
	}
	return c.doTo(w, r, "/quarantine", func(ctx context.Context, watch cases.Watch) error {
		_, err := quarantine.Some(ctx, sequences, quarantine.Redrive, watch)
		return err
	})
}
