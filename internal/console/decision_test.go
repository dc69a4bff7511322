package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
)

// planted is a ledger whose answers to some messages do not come.
type planted struct {
	jetstream.JetStream
	publish func(ctx context.Context, m *nats.Msg, store func() (*jetstream.PubAck, error)) (*jetstream.PubAck, error)
}

func (p planted) PublishMsg(ctx context.Context, m *nats.Msg, o ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return p.publish(ctx, m, func() (*jetstream.PubAck, error) { return p.JetStream.PublishMsg(ctx, m, o...) })
}

var errPlanted = errors.New("planted: no answer")

// TestBrokenOff: a person hears whether downstream was told.
func TestBrokenOff(t *testing.T) {
	for name, test := range map[string]struct {
		subject string // whose answer does not come
		stored  bool
		as      string
		events  uint64 // more than the review
		says    string
	}{
		"told, not closed":       {"payments.v1.resolved.", false, "settled", 1, "Downstream was told m1001/A1/settled, but it is not known whether the review is closed"},
		"told, unheard":          {"payments.v1.settled.", true, "settled", 1, "It is not known whether it was done"},
		"not told":               {"payments.v1.settled.", false, "settled", 0, "It is not known whether it was done"},
		"dismissed, unheard":     {"payments.v1.resolved.", true, "dismissed", 1, "It is not known whether it was done"},
		"told and closed, heard": {"payments.v1.failed.", false, "settled", 2, "Downstream is told m1001/A1/settled"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			id := s.reviews("A1").ID
			real := s.desk.JS
			s.desk.JS = planted{real, func(_ context.Context, m *nats.Msg, store func() (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
				if !strings.HasPrefix(m.Subject, test.subject) {
					return store()
				}
				if test.stored {
					if _, err := store(); err != nil {
						return nil, err
					}
				}
				return nil, errPlanted
			}}
			s.serve()
			a := s.resolves(id, test.as)
			a.has(t, a.status, test.says)
			a.lacks(t, "Nothing was done")
			if n := s.count(stream.Payments); n != 1+test.events {
				t.Errorf("%d events, want %d", n, 1+test.events)
			}
		})
	}
}

// TestCutOff: a decision is made to its end, though the browser has gone on.
func TestCutOff(t *testing.T) {
	s := newSite(t)
	id := s.reviews("A1").ID
	publishing, gone := make(chan struct{}), make(chan struct{})
	cut := make(chan error, 1)
	s.desk.JS = planted{s.desk.JS, func(ctx context.Context, m *nats.Msg, store func() (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		if strings.HasPrefix(m.Subject, "payments.v1.settled.") {
			close(publishing)
			<-gone
			cut <- ctx.Err()
		}
		return store()
	}}
	s.serve()
	_, token := s.previews(id, "settled")
	form := url.Values{"preview": {token}, "form": {formToken.FindStringSubmatch(s.get("/review?id=" + url.QueryEscape(id)).body)[1]}}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		if res, err := s.http.Do(s.request(http.MethodPost, "/review/resolve", form).WithContext(ctx)); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-publishing
	leave()
	<-left
	// The second click comes while the first is at work.
	s.decides(id, token).has(t, http.StatusOK, "handed in before")
	close(gone)
	if err := <-cut; err != nil {
		t.Errorf("the decision was cut off: %v", err)
	}
	await(t, "the review is closed", func() bool { return s.count(stream.Payments) == 3 })
}

// TestTwoOperators: who comes second hears that their decision was not made.
func TestTwoOperators(t *testing.T) {
	s := newSite(t)
	id, other := s.reviews("A1").ID, s.reviews("B1").ID
	s.serve()
	_, one := s.previews(id, "settled")
	_, two := s.previews(id, "dismissed")
	s.decides(other, one).has(t, http.StatusOK, "Downstream is told")
	s.decides(other, two).has(t, http.StatusConflict, "Nothing was done", "resolved before")
}

// TestBrokenOffWithoutNATS: what is known of a decision is shown, though the review
// can't be read again.
func TestBrokenOffWithoutNATS(t *testing.T) {
	s := newSite(t)
	id := s.reviews("A1").ID
	s.desk.JS = planted{s.desk.JS, func(_ context.Context, m *nats.Msg, store func() (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		if strings.HasPrefix(m.Subject, "payments.v1.resolved.") {
			s.desk.NC.Close()
			return nil, errPlanted
		}
		return store()
	}}
	s.serve()
	_, token := s.previews(id, "settled")
	form := url.Values{"preview": {token}, "form": {formToken.FindStringSubmatch(s.get("/review?id=" + url.QueryEscape(id)).body)[1]}}
	a := s.do(s.http, s.request(http.MethodPost, "/review/resolve", form))
	a.has(t, http.StatusConflict, "Downstream was told m1001/A1/settled, but it is not known whether the review is closed")
	a.lacks(t, "Nothing was done")
}
