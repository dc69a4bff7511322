package gateway

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/region"
)

// creates is the part of the configuration that only creates need.
type creates struct {
	orders       Orders // nil: creates are refused
	merchant     string
	installation string
	currency     string
	rules        region.Rules
	notifyBase   string
	plainNotify  bool
}

// eventOf is events.NewSubmitted or events.NewWithdrawn.
type eventOf func(installation string, at time.Time, o events.SubmittedOrder) (events.OrderEvent, error)

// forCreates checks what creates need, if there are to be any.
func (cfg Config) forCreates() (creates, error) {
	cs := creates{
		orders: cfg.Orders, merchant: cfg.Merchant, installation: cfg.Installation, currency: cfg.Currency,
		rules: cfg.Rules, notifyBase: strings.TrimRight(cfg.NotifyBase, "/"), plainNotify: cfg.PlainNotify,
	}
	if cs.orders == nil {
		return cs, nil
	}
	if !cs.rules.Region.Valid() {
		return cs, region.ErrRegion
	}
	if cs.notifyBase != "" {
		if problem := cs.notifyProblem(cs.notifyBase); problem != "" {
			return cs, errors.New("receiver's address (NotifyBase): " + problem)
		}
	}
	if cs.unannounced() {
		return cs, nil
	}
	switch {
	case cs.merchant == "":
		return cs, errors.New("merchant id is missing: set the merchant's id in settlehook, under which orders are announced")
	case cs.installation == "":
		return cs, errors.New("installation is missing: set the name of the settlehook installation")
	case cs.currency == "":
		return cs, errors.New("currency is missing: set the ISO 4217 code of the merchant's orders, such as INR")
	}
	// An event of an order that can't be wrong: what it breaks is the rest.
	_, err := cs.event(events.NewSubmitted, time.Unix(0, 0), events.SubmittedOrder{
		Flow: events.FlowCollect, OrderID: "1", Amount: events.MustParseAmount("1"),
	})
	if err != nil {
		return cs, fmt.Errorf("merchant id, installation and currency can't be announced: %w", err)
	}
	return cs, nil
}

func (cs creates) unannounced() bool {
	_, is := cs.orders.(unannounced)
	return is
}

// event builds an event of an order of the merchant.
func (cs creates) event(build eventOf, at time.Time, o events.SubmittedOrder) (events.OrderEvent, error) {
	o.Merchant, o.Currency = cs.merchant, cs.currency
	return build(cs.installation, at, o)
}

// notifyURL is where the gateway pushes to, unless the order says otherwise.
// Merchant and flow are in the path because the callback holds neither, and a
// query string is not safe with this gateway. "" when it is not configured.
func (cs creates) notifyURL(flow events.Flow, given string) string {
	if given != "" || cs.notifyBase == "" || cs.merchant == "" {
		return given
	}
	return cs.notifyBase + "/callbacks/" + string(flow) + "/" + url.PathEscape(cs.merchant)
}

// foreignCallback says what is wrong with a callback address of the receiver's
// that belongs to another flow or merchant: the callback would be verified with
// another's keys, or settle nothing as a flow conflict. "" for none.
func (cs creates) foreignCallback(cr creation) string {
	own := cs.notifyURL(cr.flow, "")
	i := slices.IndexFunc(cr.fields, func(f field) bool { return f.name == fieldNotifyURL })
	if own == "" || i < 0 || cr.fields[i].value == own || !strings.HasPrefix(cr.fields[i].value, cs.notifyBase+"/callbacks/") {
		return ""
	}
	return "is the receiver's address of another flow or merchant: leave it out, and the right one is taken"
}
