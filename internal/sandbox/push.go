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
func (s *Server) startSeries(k key, e *entry, before Order) {
	e.series++
	e.accepted = false
	due := e.order.ChangedAt
	what := seriesName(k, e.series)
	if e.series > 1 && s.imp.strikes(PushStale, what) {
		s.pushOnceMore(k, PushStale, s.letter(before, what+"/stale"), before, s.wait("stale/"+what, 10*time.Second, time.Minute))
	}
	if s.imp.strikes(PushDelayed, what) {
		s.mischief(e, PushDelayed)
		due = s.after(due, s.wait("delayed/"+what, 5*time.Second, time.Minute))
	}
	s.schedulePush(k, e.series, 0, due)
}

func seriesName(k key, series int) string { return fmt.Sprintf("%s/%d", k, series) }

// wait draws a time between two, in the gateway's.
func (s *Server) wait(what string, least, most time.Duration) Duration {
	return Duration(least + time.Duration(s.imp.roll("wait/"+what)*float64(most-least)))
}

// schedulePush plans an attempt of a series that began at this time.
func (s *Server) schedulePush(k key, series, attempt int, began time.Time) {
	due := s.after(began, Duration(s.cfg.PushOffsets[attempt]))
	s.agenda.add(due, func(ctx context.Context) { s.push(ctx, k, series, attempt, began) })
}

// push makes one attempt of a series, unless it is over, and plans what follows.
func (s *Server) push(ctx context.Context, k key, series, attempt int, began time.Time) {
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
	p := Push{Series: series, Attempt: attempt + 1, Offset: Duration(s.cfg.PushOffsets[attempt])}
	made := s.attempt(ctx, k, order, p)
	if ctx.Err() != nil && !made[len(made)-1].Accepted {
		return // the sandbox is closing: the receiver did not refuse
	}
	_ = s.books.edit(k, func(e *entry) error {
		accepted := false
		for _, p := range made {
			e.record(p)
			s.mischief(e, p.Mischief...)
			accepted = accepted || p.Accepted && p.true()
		}
		switch {
		case e.series != series:
		case accepted:
			e.accepted = true
			s.advance(k, e, true)
		case attempt+1 < len(s.cfg.PushOffsets):
			s.schedulePush(k, series, attempt+1, began)
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
	done := s.send(ctx, order, s.letter(order, s.imp.turn("by-hand/"+k.String())), Push{Attempt: 1})
	return done, s.books.edit(k, func(e *entry) error {
		e.record(done)
		s.mischief(e, done.Mischief...)
		if e.series == series && done.Accepted {
			e.accepted = true
		}
		return nil
	})
}

// send posts one callback and fills in what became of it.
func (s *Server) send(ctx context.Context, order Order, l letter, p Push) Push {
	p.At, p.Status, p.Reverse, p.Amount = s.now(), order.Status, order.marked(), order.Shown().String()
	p.Mischief = append(p.Mischief, l.mischief...)
	status, reply, err := s.post(ctx, order, l)
	if err != nil {
		p.Error = err.Error()
	} else {
		p.HTTPStatus, p.Answer = status, strconv.Quote(string(reply))
		p.Accepted = status == http.StatusOK && string(reply) == acknowledgement
	}
	s.log.Debug("pushed", zap.String("merchant", order.Merchant), zap.String("order", order.OrderID),
		zap.String("state", order.State()), zap.Int("series", p.Series), zap.Int("attempt", p.Attempt),
		zap.Bool("accepted", p.Accepted), zap.Int("status", p.HTTPStatus), zap.String("error", p.Error),
		zap.Any("mischief", p.Mischief))
	return p
}

func (s *Server) post(ctx context.Context, order Order, l letter) (status int, reply []byte, err error) {
	target, err := s.notifyURL(order)
	if err != nil {
		return 0, nil, err
	}
	// Not scaled: the receiver works in real time, however fast the gateway's
	// time passes.
	ctx, cancel := context.WithTimeout(ctx, s.cfg.PushTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(l.body))
	if err != nil {
		return 0, nil, fmt.Errorf("notify URL: %w", err)
	}
	req.Header.Set("Content-Type", l.contentType)
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

// notifyURL is where the order's callbacks go: where its create call said, or to
// settlehook's receiver.
func (s *Server) notifyURL(order Order) (string, error) {
	if order.NotifyURL != "" {
		return order.NotifyURL, nil
	}
	base := s.notifyBase(order.Merchant)
	if base == "" {
		return "", errors.New("no notify URL is set for the merchant")
	}
	return base + "/callbacks/" + string(order.Flow) + "/" + url.PathEscape(order.Merchant), nil
}
