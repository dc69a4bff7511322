package cases_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/sign"
)

// patience bounds what comes anyway.
const patience = 30 * time.Second

// site is an installation's streams on a server in this process.
type site struct {
	t  *testing.T
	nc *nats.Conn
	js jetstream.JetStream
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t}
	var err error
	if s.nc, err = nats.Connect(testserver.NATS(t).ClientURL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.nc.Close)
	if s.js, err = jetstream.New(s.nc); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadUp(map[string]string{"MERCHANTS_FILE": "not read"})
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Setup(s.within(), s.js, cfg.Topology); err != nil {
		t.Fatal(err)
	}
	return s
}

// within is a context that ends when patience does.
func (s *site) within() context.Context {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

// fill makes CALLBACKS refuse whatever comes; the result undoes it.
func (s *site) fill() (undo func()) {
	s.t.Helper()
	resize := func(bytes int64) int64 {
		c, err := s.js.Stream(s.within(), stream.Callbacks)
		if err != nil {
			s.t.Fatal(err)
		}
		cfg := c.CachedInfo().Config
		before := cfg.MaxBytes
		cfg.MaxBytes = bytes
		if _, err := s.js.UpdateStream(s.within(), cfg); err != nil {
			s.t.Fatal(err)
		}
		return before
	}
	before := resize(1)
	return func() { resize(before) }
}

// held is what a stream holds, oldest first.
func (s *site) held(name string) []*jetstream.RawStreamMsg {
	s.t.Helper()
	st, err := s.js.Stream(s.within(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	state := st.CachedInfo().State
	var all []*jetstream.RawStreamMsg
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		m, err := st.GetMsg(s.within(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// orders are the orders of the callbacks in CALLBACKS, in their order.
func (s *site) orders() []string {
	s.t.Helper()
	ids := []string{}
	for _, m := range s.held(stream.Callbacks) {
		params, err := sign.Parse(m.Header.Get(stream.HeaderContentType), m.Data)
		if err != nil {
			s.t.Fatal(err)
		}
		p, _ := params.Get("orderId")
		ids = append(ids, p.Value)
	}
	return ids
}

// body is a callback about an order, signed.
func body(t testing.TB, order string, status int, secret string) string {
	t.Helper()
	object := fmt.Sprintf(`{"platOrderId":"P-%s","orderId":%q,"amount":1000.00,"status":%d,"reverse":false,"remark":"no","fee":0}`, order, order, status)
	params, err := sign.ParseJSON([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(object, "}") + `,"sign":"` + sign.Sign(params, sign.Secret(secret)) + `"}`
}

// park parks a callback of merchant m1001 as a worker does, as if it had been
// the message of CALLBACKS with this sequence.
func (s *site) park(order, reason string, sequence uint64) {
	s.t.Helper()
	h := nats.Header{
		"Content-Type": []string{"application/json"}, "Settlehook-Received-At": []string{"2026-05-01T12:00:00Z"},
		"Settlehook-Key-Id": []string{"k1"}, "Settlehook-Source": []string{"192.0.2.1"},
		"Settlehook-Subject": []string{"callbacks.v1.collect.m1001.ab"}, "Settlehook-Reason": []string{reason},
		"Settlehook-Sequence": []string{fmt.Sprint(sequence)}, "Settlehook-Deliveries": []string{"20"},
		"Nats-Msg-Id": []string{fmt.Sprint(sequence)},
	}
	s.parkRaw(h, body(s.t, order, 1, "any"))
}

func (s *site) parkRaw(h nats.Header, body string) {
	s.t.Helper()
	m := &nats.Msg{Subject: "parked.v1.collect.m1001", Header: h, Data: []byte(body)}
	if _, err := s.js.PublishMsg(s.within(), m); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) parkedStore() *stream.ParkedStore {
	s.t.Helper()
	store, err := stream.OpenParked(s.within(), s.js, patience)
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

func (s *site) quarantineStore() *stream.QuarantineStore {
	s.t.Helper()
	store, err := stream.OpenQuarantine(s.within(), s.js, patience)
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

// fault is what goes wrong with a step.
type fault int

const (
	unapplied fault = iota // the step fails, and has had no effect
	applied                // it has its effect, and fails all the same
)

var errInjected = errors.New("injected")

// breaks fails the first call of a step.
func breaks[T any](f fault, left *int, do func() (T, error)) (T, error) {
	var none T
	if *left == 0 {
		return do()
	}
	*left--
	if f == applied {
		if v, err := do(); err != nil {
			return v, err
		}
	}
	return none, errInjected
}

// expectTally holds the counts of a bulk operation, by verdict.
func expectTally(t *testing.T, got cases.Tally, want map[cases.Verdict]int) {
	t.Helper()
	total := 0
	for v, n := range want {
		total += n
		if got.Count(v) != n {
			t.Errorf("%s: %d, want %d", v, got.Count(v), n)
		}
	}
	all := 0
	for _, n := range got {
		all += n
	}
	if all != total {
		t.Errorf("%d results, want %d: %v", all, total, got)
	}
}
