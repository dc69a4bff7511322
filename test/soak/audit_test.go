package soak

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
	"github.com/settlehook/settlehook/test/ledgercheck"
)

// said is what a callback says about an order.
type said struct {
	order   string
	status  int
	reverse bool
}

// account is what one merchant's gateway did: its orders, and what pushes said
// that were answered success.
type account struct {
	merchant string
	orders   []ledgercheck.Order
	taken    []said
}

// audit is what came out of a run.
type audit struct {
	orders, events, stored int
	told                   map[string]int // by what the ledger has
	open                   int            // orders for the sweep
	faults                 map[ledgercheck.Kind][]string
}

func newAudit() *audit {
	return &audit{told: map[string]int{}, faults: map[ledgercheck.Kind][]string{}}
}

func (a *audit) fault(kind ledgercheck.Kind, text string) {
	a.faults[kind] = append(a.faults[kind], text)
}

// merchant holds ledger and CALLBACKS to one merchant's books.
func (r *rig) audit(a *audit, books account) {
	r.t.Helper()
	chains := map[string][]events.Event{}
	r.read(stream.Payments, "payments.v1.*.*."+books.merchant+".>", func(m jetstream.Msg) {
		e, err := events.Decode(m.Data())
		if err != nil || e.NATSSubject() != m.Subject() {
			a.fault(ledgercheck.Wrong, fmt.Sprintf("the event on %s: %v", m.Subject(), err))
			return
		}
		if err := contracttest.Event(m.Data()); err != nil {
			a.fault(ledgercheck.Wrong, fmt.Sprintf("the event on %s breaks the contract: %v", m.Subject(), err))
		}
		a.events++
		id := e.Data.Common().OrderID
		chains[id] = append(chains[id], e)
	})
	stored, at := r.stored(a, books.merchant)
	for _, s := range books.taken {
		if !stored[s] {
			a.fault(ledgercheck.Lost, fmt.Sprintf("%s: a push of %+v was answered success and is not in CALLBACKS", books.merchant, s))
		}
	}
	for _, o := range books.orders {
		a.orders++
		got, faults := o.Check(chains[o.OrderID], sweeping)
		for _, f := range faults {
			a.fault(f.Kind, fmt.Sprintf("%s; its callbacks are messages %v of CALLBACKS", f.Text, at[o.OrderID]))
		}
		if got == "" {
			a.open++
		}
		a.told[got]++
		delete(chains, o.OrderID)
	}
	for id, chain := range chains {
		a.fault(ledgercheck.Wrong, fmt.Sprintf("the ledger has events of %s/%s, which the gateway does not know: %+v", books.merchant, id, chain))
	}
}

// stored is what the callbacks of a merchant say that are in the stream, and
// where those of each order are.
func (r *rig) stored(a *audit, merchant string) (stored map[said]bool, at map[string][]uint64) {
	r.t.Helper()
	stored, at = map[said]bool{}, map[string][]uint64{}
	r.read(stream.Callbacks, "callbacks.v1.*."+merchant+".*", func(m jetstream.Msg) {
		a.stored++
		params, err := sign.Parse(m.Headers().Get(stream.HeaderContentType), m.Data())
		if err != nil {
			a.fault(ledgercheck.Wrong, "a callback in the stream: "+err.Error())
			return
		}
		cb, err := callback.FromParams(params)
		if err != nil {
			a.fault(ledgercheck.Wrong, "a callback in the stream: "+err.Error())
			return
		}
		stored[said{cb.OrderID, int(cb.Status), cb.Reverse}] = true
		if meta, err := m.Metadata(); err == nil {
			at[cb.OrderID] = append(at[cb.OrderID], meta.Sequence.Stream)
		}
	})
	return stored, at
}

// read hands over every message of a stream that matches a filter, in its order.
// It begins anew behind the last one where a server is still finding its place.
func (r *rig) read(name, filter string, f func(jetstream.Msg)) {
	r.t.Helper()
	next := uint64(1)
	var err error
	r.await("read "+name, func() bool {
		next, err = r.readFrom(name, filter, next, f)
		return err == nil
	}, func() string { return fmt.Sprint(err) })
}

func (r *rig) readFrom(name, filter string, next uint64, f func(jetstream.Msg)) (uint64, error) {
	c, err := r.js.CreateConsumer(r.t.Context(), name, jetstream.ConsumerConfig{
		FilterSubject: filter, AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Minute, MemoryStorage: true, Replicas: 1,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: next,
	})
	if err != nil {
		return next, err
	}
	for left := c.CachedInfo().NumPending; left > 0; {
		batch, err := c.Fetch(int(min(left, 2000)), jetstream.FetchMaxWait(10*time.Second))
		if err != nil {
			return next, err
		}
		was := left
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return next, err
			}
			f(m)
			next = meta.Sequence.Stream + 1
			left--
		}
		if batch.Error() != nil || left == was {
			return next, fmt.Errorf("%d messages missing: %w", left, batch.Error())
		}
	}
	return next, nil
}

// count is how many messages a stream holds.
func (r *rig) count(name string) uint64 {
	r.t.Helper()
	s, err := r.js.Stream(r.t.Context(), name)
	if err != nil {
		r.t.Fatalf("read %s: %v", name, err)
	}
	return s.CachedInfo().State.Msgs
}

// durable is a consumer of a merchant's.
type durable struct{ stream, name string }

// durables are those of a merchant, each before those that read what it tells.
func durables(merchant string) []durable {
	all := []durable{{stream.Callbacks, stream.ReconcilerName(merchant)}}
	if sweeping {
		for tier := range sweepTiers {
			all = append(all, durable{stream.Orders, fmt.Sprintf("sweep-%d-%s", tier+1, merchant)})
		}
		all = append(all, durable{stream.Payments, "lookback-" + merchant})
	}
	return all
}

// done: every callback is decided, and every order has had all its turns.
func (r *rig) done() bool {
	for _, m := range r.merchants.All() {
		for _, d := range durables(m.ID) {
			c, err := r.js.Consumer(r.t.Context(), d.stream, d.name)
			if err != nil {
				return false
			}
			info := c.CachedInfo()
			if info.NumPending > 0 || info.NumAckPending > 0 {
				return false
			}
			// Nothing is pending, as far as the server of the consumer's leader knows.
			if seq, err := r.next(info); seq > 0 || err != nil {
				if err == nil && !r.said[d] {
					r.said[d] = true
					r.t.Logf("%s: %s says that nothing is pending behind %d, and %s has message %d for it:\n%s%s",
						time.Now().Format("15:04:05.000"), d.name, info.Delivered.Stream, d.stream, seq, copies(info.Cluster), r.ownStates())
				}
				return false
			}
			if r.said[d] {
				delete(r.said, d)
				r.t.Logf("%s: %s knows of all", time.Now().Format("15:04:05.000"), d.name)
			}
		}
	}
	return true
}

// finish waits until everything is done, for as long as what is left grows less:
// after a long run the sweep, which lets live callbacks go first, has much to
// catch up with.
func (r *rig) finish() {
	r.t.Helper()
	least, at := r.left(), time.Now()
	r.t.Logf("%d turns are left when the load ends", least)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !r.done() {
		<-tick.C
		r.healthy()
		if now := r.left(); now < least {
			least, at = now, time.Now()
		}
		if time.Since(at) > patience {
			r.t.Log(r.backlog())
			r.dump()
			r.t.Fatalf("not fewer than %d turns left for %s", least, patience)
		}
	}
}

// left is how much the consumers still have to do; a billion where one can't be
// asked.
func (r *rig) left() (all uint64) {
	r.t.Helper()
	for _, m := range r.merchants.All() {
		for _, d := range durables(m.ID) {
			c, err := r.js.Consumer(r.t.Context(), d.stream, d.name)
			if err != nil {
				return 1e9
			}
			all += c.CachedInfo().NumPending + uint64(c.CachedInfo().NumAckPending)
		}
	}
	return all
}

// next is the first message for a consumer behind what it has delivered, by the
// leader of the stream; 0 for none.
func (r *rig) next(info *jetstream.ConsumerInfo) (uint64, error) {
	s, err := r.js.Stream(r.t.Context(), info.Stream)
	if err != nil {
		return 0, err
	}
	filters := info.Config.FilterSubjects
	if info.Config.FilterSubject != "" {
		filters = []string{info.Config.FilterSubject}
	}
	for _, filter := range filters {
		m, err := s.GetMsg(r.t.Context(), info.Delivered.Stream+1, jetstream.WithGetMsgSubject(filter))
		if err == nil {
			return m.Sequence, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, err
		}
	}
	return 0, nil
}

// backlog says what the merchants' consumers still have to do.
func (r *rig) backlog() string {
	var b strings.Builder
	for _, m := range r.merchants.All() {
		for _, d := range durables(m.ID) {
			c, err := r.js.Consumer(r.t.Context(), d.stream, d.name)
			if err != nil {
				fmt.Fprintf(&b, "%s: %v\n", d.name, err)
				continue
			}
			i := c.CachedInfo()
			fmt.Fprintf(&b, "%s: %d pending, %d unacknowledged, %d redelivered, %d waiting pulls, delivered %d, floor %d\n",
				d.name, i.NumPending, i.NumAckPending, i.NumRedelivered, i.NumWaiting, i.Delivered.Stream, i.AckFloor.Stream)
			b.WriteString(copies(i.Cluster))
		}
	}
	for _, name := range []string{stream.Callbacks, stream.Payments, stream.Orders, stream.Trail} {
		s, err := r.js.Stream(r.t.Context(), name)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", name, err)
		} else {
			fmt.Fprintf(&b, "%s: last message %d\n%s", name, s.CachedInfo().State.LastSeq, copies(s.CachedInfo().Cluster))
		}
	}
	b.WriteString(r.ownStates())
	for _, look := range r.looks(10) {
		b.WriteString(look + "\n")
	}
	return b.String()
}

// copies says where the copies of a stream or consumer are.
func copies(c *jetstream.ClusterInfo) string {
	if c == nil {
		return ""
	}
	text := fmt.Sprintf("    led by %q since %s\n", c.Leader, c.LeaderSince)
	for _, peer := range c.Replicas {
		text += fmt.Sprintf("    %+v\n", *peer)
	}
	return text
}

// looks are the last looks that made no event.
func (r *rig) looks(n int) []string {
	var last []string
	r.read(stream.Trail, "trail.v1.>", func(m jetstream.Msg) {
		last = append(last, string(m.Data()))
		last = last[max(0, len(last)-n):]
	})
	return last
}

// accounts are the load gateway's books.
func (g *loadGateway) accounts() []account {
	var all []account
	for _, m := range g.merchants {
		a := account{merchant: m.id}
		m.mu.Lock()
		for _, o := range m.orders {
			a.orders = append(a.orders, o.check())
			for i, s := range o.states {
				if o.taken&(1<<i) != 0 {
					a.taken = append(a.taken, said{o.id, s.status, s.reverse})
				}
			}
		}
		m.mu.Unlock()
		all = append(all, a)
	}
	return all
}

// judge ends a run: everything is healed, the gateways have finished, and the
// ledger is held to their books.
func (r *rig) judge(accounts func() []account) *audit {
	r.t.Helper()
	r.finish()
	if len(r.nats) > 1 {
		r.proven()
		r.await("nothing is left to do after all servers started again", r.done, r.backlog)
	}
	a := newAudit()
	for _, books := range accounts() {
		r.audit(a, books)
	}
	for kind, texts := range a.faults {
		for i, text := range texts {
			if i == 20 {
				r.t.Errorf("%s: %d more", kind, len(texts)-i)
				break
			}
			r.t.Errorf("%s: %s", kind, text)
		}
	}
	if len(a.faults) > 0 {
		r.t.Log(r.backlog())
	}
	if parked := r.count(stream.Parked); parked != 0 {
		r.t.Errorf("%d callbacks are parked", parked)
	}
	r.healthy()
	r.permitted()
	return a
}
