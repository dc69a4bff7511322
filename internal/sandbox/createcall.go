package sandbox

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/sign"
)

// creation is what the two create endpoints differ in.
type creation struct {
	flow               Flow
	required, optional []string
	rules              func() error // of the merchant's region
	answer             func(Order) sign.Params
}

// handleCreate is what the two create endpoints have in common.
func (s *Server) handleCreate(w http.ResponseWriter, r *http.Request, c apiCall, kind creation) {
	order, err := s.drafted(c, kind)
	if err != nil {
		writeEnvelope(w, refuse(codeBusiness, "parameter error: "+err.Error()))
		return
	}
	k := key{order.Merchant, order.OrderID}
	var course []Step
	var fate Mischief
	if kind.flow == Pay || s.books.expected(k) {
		course, fate = s.fate(order)
	}
	early := len(course) > 0 && s.imp.strikes(PushEarly, k.String())
	if early {
		course[0].After = 0
	}
	// Who creates an order here has announced it.
	err = s.enter(r.Context(), order, course, announceNothing, fate)
	switch {
	case errors.Is(err, ErrDuplicateOrder):
		writeEnvelope(w, refuse(codeBusiness, "duplicate orderId: it is taken"))
		return
	case errors.Is(err, ErrBalance):
		writeEnvelope(w, refuse(codeBusiness, ErrBalance.Error()))
		return
	case err != nil:
		writeEnvelope(w, refuse(codeAnomaly, err.Error()))
		return
	}
	if early {
		s.awaitFirstPush(r.Context(), k)
	}
	if s.imp.strikes(CreateLost, k.String()) {
		s.countMischief(k, CreateLost)
		panic(http.ErrAbortHandler) // the connection breaks off
	}
	writeEnvelope(w, succeed(kind.answer(order).JSON()))
}

// awaitFirstPush returns when a push about the order has been answered: the
// create call's answer comes after it.
func (s *Server) awaitFirstPush(ctx context.Context, k key) {
	s.countMischief(k, PushEarly)
	told := s.books.told(k)
	select {
	case <-told:
	case <-ctx.Done():
	case <-s.closing:
	}
}

// ambiguous is what makes a sign mean two things: a value that looks like the
// next parameter (gateway page, verification rule 4).
var ambiguous = regexp.MustCompile(`&[A-Za-z][A-Za-z0-9_]*=`)

// drafted makes the order that a create call asks for, if all is right with it.
func (s *Server) drafted(c apiCall, kind creation) (Order, error) {
	for _, name := range kind.required {
		if c.text(name) == "" {
			return Order{}, invalid("%s is required, as a string", name)
		}
	}
	for _, name := range slices.Concat(kind.required, kind.optional) {
		if ambiguous.MatchString(c.text(name)) {
			return Order{}, invalid("%s holds & with a name and =", name)
		}
	}
	if err := kind.rules(); err != nil {
		return Order{}, err
	}
	if err := s.checkNotify(c.text("notifyUrl")); err != nil {
		return Order{}, err
	}
	if back := c.text("callbackUrl"); back != "" && !isWeb(back) {
		return Order{}, invalid("callbackUrl is not an http or https address")
	}
	plain, ok := sign.PlainDecimal(c.text(paramAmount))
	if !ok {
		return Order{}, invalid("amount is not a plain decimal")
	}
	amount, err := decimal.Parse(plain)
	if err != nil {
		return Order{}, invalid("amount is not a plain decimal")
	}
	return s.draft(NewOrder{
		Merchant: c.m.ID, Flow: kind.flow, OrderID: c.text("orderId"), Amount: amount,
		NotifyURL: c.text("notifyUrl"), CallbackURL: c.text("callbackUrl"),
	})
}

func isWeb(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// checkNotify refuses to push to strangers: a sandbox on somebody's machine
// must not be what calls into a network. The host that its operator named is
// none.
func (s *Server) checkNotify(address string) error {
	u, err := url.Parse(address)
	if err != nil || !isWeb(address) || u.RawQuery != "" || u.Fragment != "" {
		return invalid("notifyUrl is not an http or https address without a query string")
	}
	known := func(base string) bool {
		own, err := url.Parse(base)
		return err == nil && base != "" && strings.EqualFold(own.Hostname(), u.Hostname())
	}
	ip := net.ParseIP(u.Hostname())
	for _, own := range []string{s.Addr(), s.AdminAddr()} {
		if _, port, err := net.SplitHostPort(own); err == nil && port == u.Port() && !s.cfg.AllowPublic {
			return invalid("notifyUrl is the sandbox's own address")
		}
	}
	if s.cfg.AllowPublic || strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback() || known(s.notifyDefault()) {
		return nil
	}
	return invalid("notifyUrl: this sandbox pushes to this machine only")
}

// ExpectPayer says that a collection that will be created over the API under
// this id is paid, or not, by itself, as a drawn fate has it. Others wait for
// somebody at the cashier page.
func (s *Server) ExpectPayer(merchant, orderID string) { s.books.expect(key{merchant, orderID}) }
