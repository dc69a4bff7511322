package stream

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
)

func openParked(t testing.TB, b *bench) *ParkedStore {
	t.Helper()
	s, err := OpenParked(within(t), b.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onlyParked is the one callback in PARKED.
func (b *bench) onlyParked(t testing.TB, s *ParkedStore) ParkedCallback {
	t.Helper()
	var all []ParkedCallback
	eventually(t, "one callback is parked", func() bool {
		all = nil
		if err := s.List(within(t), ParkedFilter{}, nil, func(p ParkedCallback) error { all = append(all, p); return nil }); err != nil {
			t.Fatal(err)
		}
		return len(all) == 1
	})
	return all[0]
}

// TestReturnedToWorkers: a parked callback that is put back comes to the worker
// as it was, with its place in the order of arrival, however often.
func TestReturnedToWorkers(t *testing.T) {
	b := newStreams(t)
	b.store(t, "m1", 1)
	r := b.run(t, "m1", 1, func(context.Context, reconcile.Delivery) reconcile.Result {
		return reconcile.Result{Disposition: reconcile.Park, Cause: "expired", Err: errors.New("the gateway\nis gone")}
	}, opened())
	first := r.seen.next(t).Delivery
	s := openParked(t, b)
	for again := range 3 {
		p := b.onlyParked(t, s)
		if p.Original != 1 || p.Reason != "expired" || p.Detail != "the gateway is gone" || p.Merchant != "m1" || p.Flow != "collect" ||
			p.Deliveries != 1 || !p.ReceivedAt.Equal(reconciletest.Start) || p.Source != "192.0.2.1" {
			t.Errorf("parked %d: %+v", again, p)
		}
		receipt, err := s.Return(within(t), p)
		if err != nil || receipt.Duplicate || receipt.Sequence != uint64(again)+2 {
			t.Fatalf("returned: %+v, %v", receipt, err)
		}
		if receipt, err = s.Return(within(t), p); err != nil || !receipt.Duplicate {
			t.Fatalf("returned twice: %+v, %v", receipt, err)
		}
		if err := s.Delete(within(t), p.Sequence); err != nil {
			t.Fatal(err)
		}
		got := r.seen.next(t).Delivery
		if got.StreamSequence != 1 || got.Order != first.Order || got.Callback != first.Callback || !got.ReceivedAt.Equal(first.ReceivedAt) {
			t.Errorf("came again as %+v, was %+v", got, first)
		}
		stored := b.messages(t, Callbacks)
		for name := range stored[len(stored)-1].Header {
			switch name {
			case headerSubject, HeaderReason, headerError, headerDeliveries:
				t.Errorf("%s is left of the parking", name)
			}
		}
	}
}

func TestNotReturned(t *testing.T) {
	b := newStreams(t)
	s := openParked(t, b)
	for name, subject := range map[string]string{
		"none": "", "another stream": "payments.v1.settled.collect.m1.A1", "wildcard": "callbacks.v1.collect.m1.*", "short": "callbacks.v1.collect.m1",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Return(within(t), ParkedCallback{Sequence: 1, Subject: subject}); !errors.Is(err, ErrNoSubject) {
				t.Errorf("got %v", err)
			}
		})
	}
	if n := len(b.messages(t, Callbacks)); n != 0 {
		t.Errorf("%d messages in CALLBACKS", n)
	}
}

func TestFullCallbacks(t *testing.T) {
	b := newStreams(t)
	c, err := b.js.Stream(within(t), Callbacks)
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.CachedInfo().Config
	cfg.MaxBytes = 1
	if _, err := b.js.UpdateStream(within(t), cfg); err != nil {
		t.Fatal(err)
	}
	_, err = openParked(t, b).Return(within(t), ParkedCallback{Sequence: 1, Subject: "callbacks.v1.collect.m1.ab", Body: []byte("{}")})
	if !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
}

// TestRecordDrop: the trail has all of what is deleted next.
func TestRecordDrop(t *testing.T) {
	b := newStreams(t)
	a := accepted(t, "m1", "A1")
	h := a.message().Header
	h[headerSubject], h[HeaderReason], h[HeaderSequence] = []string{"callbacks.v1.collect.m1.ab"}, []string{"expired"}, []string{"7"}
	if _, err := b.js.PublishMsg(within(t), &nats.Msg{Subject: "parked.v1.collect.m1", Header: h, Data: a.Body}); err != nil {
		t.Fatal(err)
	}
	s := openParked(t, b)
	if err := s.RecordDrop(within(t), b.onlyParked(t, s), "alice", "a test", reconciletest.Start); err != nil {
		t.Fatal(err)
	}
	trail := b.messages(t, Trail)
	if len(trail) != 1 {
		t.Fatalf("%d messages in TRAIL", len(trail))
	}
	var d Drop
	if err := json.Unmarshal(trail[0].Data, &d); err != nil {
		t.Fatal(err)
	}
	if d.By != "alice" || d.Why != "a test" || d.Verdict != "dropped" || d.Via != "operator" || d.OrderID != "A1" || d.StreamSequence != 7 ||
		d.Reason != "expired" || string(d.Body) != string(a.Body) || d.Headers[headerKeyID] != "k1" || !d.At.Equal(reconciletest.Start) {
		t.Errorf("recorded %+v", d)
	}
	if !strings.HasPrefix(trail[0].Subject, "trail.v1.collect.m1.") {
		t.Errorf("recorded on %s", trail[0].Subject)
	}
}

// TestDeleteTwice: what is gone is as good as deleted.
func TestDeleteTwice(t *testing.T) {
	b := newStreams(t)
	if _, err := b.js.Publish(within(t), "parked.v1.collect.m1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	s := openParked(t, b)
	for range 2 {
		if err := s.Delete(within(t), 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Get(within(t), 1); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
	if err := s.Delete(within(t), 99); err != nil {
		t.Errorf("never there: %v", err)
	}
}
