package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/pkg/sign"
)

// acknowledgement is the only body that ends a push series, with status 200
// (API document, callback notification).
const acknowledgement = "success"

// maxReply is how much of a receiver's reply is read: enough to see that it is
// not the acknowledgement, and to show in the books what it was.
const maxReply = 64

// DefaultPushOffsets returns the times of the pushes after a change of state,
// in the gateway's time: 8 within 40 minutes (gateway page).
func DefaultPushOffsets() []time.Duration {
	return []time.Duration{
		0, 15 * time.Second, 45 * time.Second, 105 * time.Second,
		225 * time.Second, 465 * time.Second, 945 * time.Second, 1905 * time.Second,
	}
}

// startSeries puts the first push about the order's present state on the
// agenda. The series of an earlier state ends with it: the gateway tells what
// an order is, not what it was. The caller holds the books' lock through e.
func (s *Server) startSeries(k key, e *entry) {
	e.series++
	e.accepted = false
	s.schedulePush(k, e.series, 0, e.order.ChangedAt)
}

func (s *Server) schedulePush(k key, series, attempt int, changed time.Time) {
	due := s.after(changed, Duration(s.cfg.PushOffsets[attempt]))
	s.agenda.add(due, func(ctx context.Context) { s.push(ctx, k, series, attempt, changed) })
}

// push makes one attempt of a series, unless it is over, and plans what follows.
func (s *Server) push(ctx context.Context, k key, series, attempt int, changed time.Time) {
	var order Order
	over := false
	// A push is only planned for an order that is in the books.
	_ = s.books.edit(k, func(e *entry) error {
		order, over = e.order, e.series != series
		return nil
	})
	if over {
		return
	}
	done := s.send(ctx, order, Push{Series: series, Attempt: attempt + 1, Offset: Duration(s.cfg.PushOffsets[attempt])})
	if ctx.Err() != nil && !done.Accepted {
		return // the sandbox is closing: the receiver did not refuse
	}
	_ = s.books.edit(k, func(e *entry) error {
		e.pushes = append(e.pushes, done)
		switch {
		case e.series != series:
		case done.Accepted:
			e.accepted = true
			s.advance(k, e, true)
		case attempt+1 < len(s.cfg.PushOffsets):
			s.schedulePush(k, series, attempt+1, changed)
		case len(e.course.left) > 0 && e.course.left[0].WhenAccepted:
			e.endCourse("no push was accepted")
		}
		return nil
	})
}

// PushNow sends one push about the order's present state, whatever the
// schedule, and returns it with the receiver's answer. It is in the books as
// series 0 and changes neither schedule nor course; an accepted one counts as
// accepted. Fails with an error wrapping ErrUnknownOrder.
func (s *Server) PushNow(ctx context.Context, merchant, orderID string) (Push, error) {
	k := key{merchant, orderID}
	var order Order
	var series int
	if err := s.books.edit(k, func(e *entry) error {
		order, series = e.order, e.series
		return nil
	}); err != nil {
		return Push{}, err
	}
	done := s.send(ctx, order, Push{Attempt: 1})
	return done, s.books.edit(k, func(e *entry) error {
		e.pushes = append(e.pushes, done)
		if e.series == series && done.Accepted {
			e.accepted = true
		}
		return nil
	})
}

// send posts one callback and fills in what became of it.
func (s *Server) send(ctx context.Context, order Order, p Push) Push {
	p.At, p.Status, p.Reverse, p.Amount = s.now(), order.Status, order.Reversed, order.Shown().String()
	status, reply, err := s.post(ctx, order)
	if err != nil {
		p.Error = err.Error()
	} else {
		p.HTTPStatus, p.Answer = status, strconv.Quote(string(reply))
		p.Accepted = status == http.StatusOK && string(reply) == acknowledgement
	}
	s.log.Debug("pushed", zap.String("merchant", order.Merchant), zap.String("order", order.OrderID),
		zap.String("state", order.State()), zap.Int("series", p.Series), zap.Int("attempt", p.Attempt),
		zap.Bool("accepted", p.Accepted), zap.Int("status", p.HTTPStatus), zap.String("error", p.Error))
	return p
}

func (s *Server) post(ctx context.Context, order Order) (status int, reply []byte, err error) {
	target, err := s.notifyURL(order)
	if err != nil {
		return 0, nil, err
	}
	// Not scaled: the receiver works in real time, however fast the gateway's
	// time passes.
	ctx, cancel := context.WithTimeout(ctx, s.cfg.PushTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(s.callbackBody(order)))
	if err != nil {
		return 0, nil, fmt.Errorf("notify URL: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "settlehook-sandbox")
	resp, err := s.pushClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	reply, err = io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return 0, nil, fmt.Errorf("reply: %w", err)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	return resp.StatusCode, reply, nil
}

// notifyURL is where settlehook's receiver takes the merchant's callbacks.
func (s *Server) notifyURL(order Order) (string, error) {
	base := s.notifyBase(order.Merchant)
	if base == "" {
		return "", errors.New("no notify URL is set for the merchant")
	}
	return base + "/callbacks/" + string(order.Flow) + "/" + url.PathEscape(order.Merchant), nil
}

// PushEdit changes an order's callbacks on their way out, for tests.
type PushEdit struct {
	// Fields replaces the fields before they are signed: a lie that is signed
	// well. nil leaves them.
	Fields func(sign.Params) sign.Params
	// Body replaces the signed body: a forgery, or a damaged one. nil leaves it.
	Body func([]byte) []byte
}

// OverridePush edits all pushes of one order from now on; the zero PushEdit
// ends that. The order need not exist yet.
func (s *Server) OverridePush(merchant, orderID string, edit PushEdit) {
	s.hooks.setPush(key{merchant, orderID}, edit)
}

// callbackBody is the signed JSON body of the order's callback, with the
// fields in the document's order and amounts as their text.
func (s *Server) callbackBody(order Order) []byte {
	edit := s.hooks.push(key{order.Merchant, order.OrderID})
	fields := sign.Params{
		{Name: "platOrderId", Value: order.PlatOrderID, Kind: sign.KindString},
		{Name: "orderId", Value: order.OrderID, Kind: sign.KindString},
		{Name: "amount", Value: order.Shown().String(), Kind: sign.KindNumber},
		{Name: "status", Value: strconv.Itoa(int(order.Status)), Kind: sign.KindNumber},
		{Name: "reverse", Value: strconv.FormatBool(order.Reversed), Kind: sign.KindBool},
		{Name: "remark", Value: order.Remark, Kind: sign.KindString},
		{Name: "fee", Value: order.Fee.String(), Kind: sign.KindNumber},
	}
	if edit.Fields != nil {
		fields = edit.Fields(fields)
	}
	signature := s.merchants[order.Merchant].ring.Sign(fields)
	body := append(fields, sign.Param{Name: "sign", Value: signature, Kind: sign.KindString}).JSON()
	if edit.Body != nil {
		body = edit.Body(body)
	}
	return body
}
