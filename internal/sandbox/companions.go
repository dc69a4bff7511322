package sandbox

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/settlehook/settlehook/pkg/sign"
)

// attempt makes one attempt of a series, and what mischief adds to it. The last
// push returned is the one that the series stands or falls with.
func (s *Server) attempt(ctx context.Context, k key, order Order, p Push) []Push {
	series := seriesName(k, p.Series)
	what := series + "/" + strconv.Itoa(p.Attempt)
	last := p.Attempt == len(s.cfg.PushOffsets)
	if m := s.withheld(series, what, last); m != "" {
		p.At, p.Mischief, p.Error = s.now(), []Mischief{m}, "not sent"
		p.Status, p.Reverse, p.Amount = order.Status, order.marked(), order.Shown().String()
		return []Push{p}
	}
	var made []Push
	for _, attack := range s.attacks(order, series, p.Attempt) {
		made = append(made, s.send(ctx, order, attack, p))
	}
	if p.Attempt == 1 && !last && s.imp.strikes(PushWrongAmount, series) {
		lie := p
		lie.Mischief = []Mischief{PushWrongAmount}
		return append(made, s.send(ctx, order, s.letterWith(order, what, wrongAmount(order)), lie))
	}
	l := s.letter(order, what)
	if s.imp.strikes(PushTwin, what) {
		twin := p
		twin.Mischief = []Mischief{PushTwin}
		var both sync.WaitGroup
		both.Go(func() { twin = s.send(ctx, order, l, twin) })
		p = s.send(ctx, order, l, p)
		both.Wait()
		made = append(made, twin)
	} else {
		p = s.send(ctx, order, l, p)
	}
	if p.Accepted && s.imp.strikes(PushDuplicate, series) {
		s.pushOnceMore(k, PushDuplicate, l, order, s.wait("duplicate/"+series, 3*time.Second, 5*time.Minute))
	}
	return append(made, p)
}

// withheld reports the mischief that keeps a push from being made. Of a series
// with missing pushes the last is made: without any there is nothing to hear
// before a sweep, which is another mischief.
func (s *Server) withheld(series, what string, last bool) Mischief {
	switch {
	case s.imp.strikes(PushNone, series):
		return PushNone
	case !last && s.imp.strikes(PushMissing, what):
		return PushMissing
	}
	return ""
}

// true reports whether a push told the order's state as it is.
func (p Push) true() bool {
	return p.Must() && !slices.Contains(p.Mischief, PushWrongAmount) && !slices.Contains(p.Mischief, PushStale)
}

// pushOnceMore plans a push outside of the series. It changes no course.
func (s *Server) pushOnceMore(k key, m Mischief, l letter, order Order, after Duration) {
	s.agenda.add(s.after(s.now(), after), func(ctx context.Context) {
		p := s.send(ctx, order, l, Push{Attempt: 1, Mischief: []Mischief{m}})
		if ctx.Err() != nil && !p.Accepted {
			return
		}
		_ = s.books.edit(k, func(e *entry) error {
			e.record(p)
			s.mischief(e, p.Mischief...)
			return nil
		})
	})
}

// attacks are pushes that somebody else makes, who saw a true one but has no
// key.
func (s *Server) attacks(order Order, series string, attempt int) []letter {
	if attempt != 1 {
		return nil
	}
	var list []letter
	if s.imp.strikes(PushForged, series) {
		list = append(list, s.forged(order))
	}
	if s.imp.strikes(PushCollision, series) {
		list = append(list, s.collision(order))
	}
	return list
}

// forged is the order's callback with another outcome, under the sign of the
// true one.
func (s *Server) forged(order Order) letter {
	body := s.plain(order)
	if order.Status == Success {
		body = bytes.Replace(body, []byte(`"amount":`), []byte(`"amount":1`), 1)
	} else {
		body = bytes.Replace(body, []byte(`"status":2`), []byte(`"status":1`), 1)
	}
	return letter{body: body, contentType: typeJSON, mischief: []Mischief{PushForged}}
}

// plain is the order's callback without any oddity.
func (s *Server) plain(order Order) []byte {
	fields := callbackFields(order)
	return append(fields, sign.Param{Name: "sign", Value: s.merchants[order.Merchant].ring.Sign(fields)}).JSON()
}

// collision folds reverse into the value before it, remark where there is one:
// the joined text, and so the sign, stays what it is, and a reversal reads like a
// plain failure (gateway page, verification rule 4).
func (s *Server) collision(order Order) letter {
	fields := callbackFields(order)
	signature := s.merchants[order.Merchant].ring.Sign(fields)
	slices.SortFunc(fields, func(a, b sign.Param) int { return strings.Compare(a.Name, b.Name) })
	fields = slices.DeleteFunc(fields, func(p sign.Param) bool { return p.Kind == sign.KindString && p.Value == "" })
	// What reverse and status stand behind is remark or platOrderId.
	i := slices.IndexFunc(fields, func(p sign.Param) bool { return p.Name == "reverse" })
	fields[i-1].Value += "&reverse=" + fields[i].Value
	fields = slices.Delete(fields, i, i+1)
	body := append(fields, sign.Param{Name: "sign", Value: signature}).JSON()
	return letter{body: body, contentType: typeJSON, mischief: []Mischief{PushCollision}}
}

// wrongAmount are the fields of the order's callback with a 1 in front of the
// amount.
func wrongAmount(order Order) sign.Params {
	fields := callbackFields(order)
	for i := range fields {
		if fields[i].Name == paramAmount {
			fields[i].Value = "1" + fields[i].Value
		}
	}
	return fields
}
