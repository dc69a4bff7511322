package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// balances is a gateway's balance endpoint in a test, which may fail.
type balances struct {
	mu    sync.Mutex
	asked []string
	fail  error
	value string

	meanwhile func() // happens before the answer
}

func (b *balances) ask(_ context.Context, m *config.Merchant) (gateway.Balance, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, m.ID)
	if b.meanwhile != nil {
		b.meanwhile()
	}
	d := decimal.MustParse(b.value)
	return gateway.Balance{All: d, Usable: d, Sandbox: true}, b.fail
}

// lossy loses the answers of what it stores.
type lossy struct {
	balanceBook
	lose bool
}

func (l *lossy) Append(ctx context.Context, e events.BalanceEvent, after uint64) error {
	err := l.balanceBook.Append(ctx, e, after)
	if err == nil && l.lose {
		return errors.New("the answer got lost")
	}
	return err
}

type nights struct {
	t       *testing.T
	site    *site
	clock   atomic.Pointer[time.Time]
	gateway *balances
	all     []*config.Merchant
}

func newNights(t *testing.T, zones ...string) *nights {
	n := &nights{t: t, site: newSite(t, merchant{id: "m1"}), gateway: &balances{value: "-12.5"}}
	n.set(time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC))
	for i, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		n.all = append(n.all, &config.Merchant{ID: fmt.Sprintf("m%d", i+1), Account: "8801", Currency: "INR", Location: zone})
	}
	return n
}

func (n *nights) worker() *midnights {
	book, err := stream.OpenBalances(n.t.Context(), n.site.js, patience)
	if err != nil {
		n.t.Fatal(err)
	}
	return &midnights{
		merchants: func() []*config.Merchant { return n.all }, balance: n.gateway.ask, book: book,
		clock: n.now, installation: "test", log: zap.NewNop(),
	}
}

func (n *nights) now() time.Time { return *n.clock.Load() }

func (n *nights) set(at time.Time) { n.clock.Store(&at) }

// look takes what is due, and returns when the next look is.
func look(t *testing.T, w *midnights) time.Time {
	w.begin(t.Context())
	w.taking.Wait()
	return w.next()
}

// stored is the dates of the snapshots of a merchant.
func (n *nights) stored(merchant string) []string {
	n.t.Helper()
	dates := []string{}
	for _, e := range n.snapshots(merchant) {
		dates = append(dates, e.Data.Date)
	}
	return dates
}

func (n *nights) snapshots(merchant string) []events.BalanceEvent {
	n.t.Helper()
	s, err := n.site.js.Stream(n.t.Context(), stream.Balances)
	if err != nil {
		n.t.Fatal(err)
	}
	var all []events.BalanceEvent
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(n.t.Context(), seq)
		if err != nil {
			n.t.Fatal(err)
		}
		e, err := events.DecodeBalance(m.Data)
		if err != nil {
			n.t.Fatal(err)
		}
		if e.Data.Merchant == merchant {
			all = append(all, e)
		}
	}
	return all
}

func (n *nights) wants(merchant string, dates ...string) {
	n.t.Helper()
	if got := n.stored(merchant); !slices.Equal(got, dates) {
		n.t.Errorf("%s has %v, want %v", merchant, got, dates)
	}
}

// TestMidnights: one snapshot of each date, at the merchant's own midnight; a
// worker that starts at noon takes the day's.
func TestMidnights(t *testing.T) {
	n := newNights(t, "Asia/Kolkata", "UTC", "Africa/Cairo")
	w := n.worker()
	next := look(t, w)
	n.wants("m1", "2026-11-05")
	n.wants("m2", "2026-11-05")
	if want := n.now().Add(midnightLook); !next.Equal(want) { // the file of merchants may change
		t.Errorf("the next look is at %s, want %s", next, want)
	}
	e := n.snapshots("m1")[0]
	if e.Data.All.String() != "-12.50" || e.Data.LiveMode || !e.Time.Equal(n.now()) || e.ID != "m1/balance/2026-11-05" {
		t.Errorf("%+v", e)
	}
	look(t, w)
	look(t, n.worker()) // another one, or this one after a restart
	n.wants("m1", "2026-11-05")

	n.set(time.Date(2026, 11, 5, 18, 29, 59, 0, time.UTC))
	if next = look(t, w); !next.Equal(n.now().Add(time.Second)) {
		t.Errorf("a second before midnight in India the next look is at %s", next)
	}
	n.set(next)
	look(t, w)
	n.wants("m1", "2026-11-05", "2026-11-06")
	n.wants("m2", "2026-11-05")

	n.set(n.now().AddDate(0, 0, 3)) // nobody worked for days: what is past is past
	look(t, w)
	n.wants("m1", "2026-11-05", "2026-11-06", "2026-11-09")

	n.set(time.Date(2027, 4, 29, 21, 59, 59, 0, time.UTC)) // Cairo: midnight is skipped, the day begins at 01:00
	look(t, w)
	n.set(n.now().Add(time.Second))
	look(t, w)
	if got := n.stored("m3"); got[len(got)-1] != "2027-04-30" {
		t.Errorf("m3 has %v", got)
	}
}

// TestMidnightsAgain: what fails is tried again, more and more rarely, and ends
// with one snapshot.
func TestMidnightsAgain(t *testing.T) {
	n := newNights(t, "UTC")
	w := n.worker()
	n.gateway.fail = errors.New("down")
	for _, pause := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
		if next := look(t, w); !next.Equal(n.now().Add(pause)) {
			t.Errorf("the next look is in %s, want %s", next.Sub(n.now()), pause)
		}
		asked := len(n.gateway.asked)
		if look(t, w); len(n.gateway.asked) != asked {
			t.Error("it is asked again at once")
		}
		n.set(n.now().Add(pause))
	}
	n.gateway.fail = nil
	lost := &lossy{balanceBook: w.book, lose: true}
	w.book = lost
	next := look(t, w)
	lost.lose = false
	n.set(next)
	look(t, w)
	n.wants("m1", "2026-11-05")
	if asked := len(n.gateway.asked); asked != 4 {
		t.Errorf("it was asked %d times, want 4: what is stored needs no question", asked)
	}
	n.gateway.value = "12345678901234567.00" // beyond what an amount can be
	n.set(n.now().AddDate(0, 0, 1))
	look(t, w)
	n.gateway.value = "1"
	n.set(n.now().Add(midnightMaxPause))
	look(t, w)
	n.wants("m1", "2026-11-05", "2026-11-06")
}

// TestMidnightsOfOneDay: a pause ends with the day, and an answer that comes after
// it is nobody's.
func TestMidnightsOfOneDay(t *testing.T) {
	n := newNights(t, "UTC")
	w := n.worker()
	n.set(time.Date(2026, 11, 5, 23, 59, 59, 0, time.UTC))
	n.gateway.fail = errors.New("down")
	look(t, w) // to be asked again in two seconds
	n.gateway.fail = nil
	n.set(n.now().Add(time.Second))
	look(t, w)
	n.wants("m1", "2026-11-06")

	n.set(time.Date(2026, 11, 7, 23, 59, 59, 0, time.UTC))
	n.gateway.meanwhile = func() { n.set(n.now().Add(2 * time.Second)) }
	look(t, w)
	n.wants("m1", "2026-11-06")
	n.gateway.meanwhile = nil
	look(t, w)
	n.wants("m1", "2026-11-06", "2026-11-08")
}

// TestMidnightsHang: a gateway that does not answer holds nobody else up.
func TestMidnightsHang(t *testing.T) {
	n := newNights(t, "UTC", "UTC")
	w := n.worker()
	hangs := make(chan struct{})
	w.balance = func(ctx context.Context, m *config.Merchant) (gateway.Balance, error) {
		if m.ID == "m1" {
			<-hangs
		}
		return n.gateway.ask(ctx, m)
	}
	w.begin(t.Context())
	eventually(t, "the other's balance is stored", func() bool { return len(n.stored("m2")) == 1 })
	n.set(n.now().AddDate(0, 0, 1))
	w.begin(t.Context())
	eventually(t, "the other's next balance is stored", func() bool { return len(n.stored("m2")) == 2 })
	close(hangs)
	w.taking.Wait()
	look(t, w)
	n.wants("m1", "2026-11-06")
}

// TestMidnightsRace: workers that ask side by side store one snapshot.
func TestMidnightsRace(t *testing.T) {
	n := newNights(t, "UTC")
	var all sync.WaitGroup
	for range 8 {
		w := n.worker()
		all.Go(func() { look(t, w) })
	}
	all.Wait()
	n.wants("m1", "2026-11-05")
}

// TestMidnightsFollowTheFile: a merchant that comes has a snapshot, one that goes
// has no more.
func TestMidnightsFollowTheFile(t *testing.T) {
	n := newNights(t, "UTC", "UTC")
	w, both := n.worker(), n.all
	n.all = both[:1]
	look(t, w)
	n.wants("m2")
	n.all = both
	look(t, w)
	n.wants("m2", "2026-11-05")
	n.all = nil
	n.set(n.now().AddDate(0, 0, 1))
	look(t, w)
	n.wants("m1", "2026-11-05")
}
