package receiver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
)

// rotten is the secret of a key that the configuration should have.
const rotten = "s3cr3t-of-the-gateway"

// rightKey and wrongKey are one merchant, whose gateway signs with rotten.
func rightKey(t testing.TB) *config.Merchants { return oneMerchant(t, rotten, "") }
func wrongKey(t testing.TB) *config.Merchants { return oneMerchant(t, "mistyped", "") }

func oneMerchant(t testing.TB, secret, more string) *config.Merchants {
	return mustMerchants(t, fmt.Sprintf(`
merchants:
  - {id: m1001, currency: INR, region: none, gateway: "https://gateway.example", rate: 10, keys: [{id: k, secret: %s}]%s}
  - {id: other, account: o, currency: INR, region: none, gateway: "https://gateway.example", rate: 10, keys: [{id: k, secret: %[1]s}]}
`, secret, more))
}

// defaults are the configuration of a receiver that sets nothing.
func defaults(t testing.TB) config.Receiver {
	t.Helper()
	cfg, err := config.LoadReceiver(map[string]string{"INSTALLATION": "t", "NATS_URL": "nats://n", "MERCHANTS_FILE": "m"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// site is a receiver without a network, for floods: a request costs
// microseconds.
type site struct {
	*harness
	merchants atomic.Pointer[config.Merchants]
}

func newSite(t *testing.T, merchants *config.Merchants, q config.Quarantine) *site {
	t.Helper()
	s := &site{}
	s.merchants.Store(merchants)
	s.harness = newHarness(t, func(o *receiver.Options) {
		o.Quarantine, o.Merchants, o.HTTP.TrustedProxies, o.Log = q, s.merchants.Load, loopback, zap.NewNop()
	})
	return s
}

// push posts a body from a source and returns the status.
func (s *site) push(source, target, body string) int {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.RemoteAddr = source + ":4711"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Code
}

const toMerchant = "/callbacks/collect/m1001"

// signs is mustSign at the speed of a flood.
func signs(order, secret string) string {
	text := "amount=1000.00&fee=0&orderId=" + order + "&platOrderId=P-" + order + "&remark=private words&reverse=false&status=1"
	return withSign(object(order), signText(text, secret))
}

const gatewaySource = "203.0.113.9"

// TestWrongKeyBesideAFlood is a wrong key configured for ten minutes, at ten
// callbacks a second, and every kind of junk beside it:
// every callback of the gateway is kept, whole, and what is kept in all fits
// into the default sizes twice, as two receivers would need it.
func TestWrongKeyBesideAFlood(t *testing.T) {
	cfg := defaults(t)
	s := newSite(t, rightKey(t), cfg.Quarantine)
	if got := s.push(gatewaySource, toMerchant, signs("before", rotten)); got != http.StatusOK {
		t.Fatalf("status %d before the key went wrong, want 200", got)
	}
	s.merchants.Store(wrongKey(t))
	wanted := make(map[string]bool)
	for second := range 10 * 60 {
		for i := range 10 {
			body := signs(fmt.Sprintf("A%d-%d", second, i), rotten)
			wanted[body] = true
			if got := s.push(gatewaySource, toMerchant, body); got != http.StatusUnauthorized {
				t.Fatalf("status %d with a wrong key, want 401", got)
			}
		}
		if second%5 == 0 {
			s.junk(second) // in gusts: it is over its budgets all the same
		}
		s.clock.advance(time.Second)
	}
	bySubject, size, junk := make(map[string]int), 0, 0
	for _, r := range s.keeper.all() {
		bySubject[string(r.Class)+r.Flow+r.Merchant]++
		// What is stored beside the body: subject, and headers with reason,
		// error, path, source, time.
		size += len(r.Body) + len(r.Path) + len(r.Detail) + 512
		if r.Class == stream.ClassSignature && wanted[string(r.Body)] && r.Source == gatewaySource {
			delete(wanted, string(r.Body))
		} else {
			junk++
		}
	}
	if len(wanted) != 0 {
		t.Errorf("%d of 6,000 callbacks are not kept", len(wanted))
	}
	if junk == 0 {
		t.Error("no junk is kept: was there a flood?")
	}
	for subject, n := range bySubject {
		if 2*n > cfg.Topology.QuarantineMaxPerSubject {
			t.Errorf("%s: %d messages, twice that is over QUARANTINE_MAX_PER_SUBJECT (%d)", subject, n, cfg.Topology.QuarantineMaxPerSubject)
		}
	}
	if 2*size > int(cfg.Topology.QuarantineMaxBytes) {
		t.Errorf("%d bytes, twice that is over QUARANTINE_MAX_BYTES (%s)", size, cfg.Topology.QuarantineMaxBytes)
	}
	t.Logf("kept 6,000 callbacks and %d of junk, %d bytes", junk, size)
}

// junk is a gust of every flood.
func (s *site) junk(second int) {
	forged := withSign(object(fmt.Sprint("J", second)), strings.Repeat("0", 32))
	large := withSign(strings.Replace(object("J"), "private words", strings.Repeat("x", 15<<10), 1), strings.Repeat("0", 32))
	for i := range 12 {
		s.push(fmt.Sprintf("198.51.100.%d", i), toMerchant, forged)
		s.push(fmt.Sprintf("198.51.%d.%d", second%256, i), toMerchant, large)
		s.push("192.0.2.1", "/callbacks/collect/other", large)
		s.push("192.0.2.1", toMerchant, "{"+strings.Repeat(" ", 10<<10))
		s.push("192.0.2.1", "/callbacks/pay/nobody", large)
	}
}

// TestBudgetsOfTheDefaults is the worst the budgets allow in ten minutes, of
// one merchant and two receivers, against the default sizes.
func TestBudgetsOfTheDefaults(t *testing.T) {
	cfg := defaults(t)
	q, seconds := cfg.Quarantine, (10 * time.Minute).Seconds()
	known := q.SignatureRate*seconds + float64(q.SignatureBurst)
	strangers := 9 * (q.StrangerRate*seconds + float64(q.StrangerBurst))
	rest := (q.MalformedRate+q.UnknownRate)*seconds + float64(q.MalformedBurst+q.UnknownBurst)
	if most := 2 * (known + strangers); most > float64(cfg.Topology.QuarantineMaxPerSubject) {
		t.Errorf("%v messages of one subject in ten minutes, QUARANTINE_MAX_PER_SUBJECT is %d", most, cfg.Topology.QuarantineMaxPerSubject)
	}
	// A body that counts as one has at most 1 KiB, and 1 KiB of headers; what
	// is cut to 2 KiB has the same beside it.
	if size := 2 * ((known+strangers)*(2<<10) + rest*(3<<10)); size > float64(cfg.Topology.QuarantineMaxBytes) {
		t.Errorf("%v bytes in ten minutes, QUARANTINE_MAX_BYTES is %s", size, cfg.Topology.QuarantineMaxBytes)
	}
}

// small are budgets that are soon used up. Each tells itself apart.
var small = config.Quarantine{
	SignatureRate: 1, SignatureBurst: 5, StrangerRate: 1, StrangerBurst: 2, MalformedRate: 1, MalformedBurst: 1, UnknownRate: 1, UnknownBurst: 1,
}

// keptFrom is how many bad signatures are kept from a source.
func (s *site) keptFrom(source string) (n int) {
	for _, r := range s.keeper.all() {
		if r.Source == source && r.Class == stream.ClassSignature {
			n++
		}
	}
	return n
}

// forge posts n callbacks with a bad signature.
func (s *site) forge(n int, source, target string) {
	for range n {
		s.push(source, target, withSign(object("A1"), strings.Repeat("0", 32)))
	}
}

// TestQuarantineBudgets: junk of one class uses up its own budget only, and
// bad signatures at one merchant only that merchant's.
func TestQuarantineBudgets(t *testing.T) {
	s := newSite(t, rightKey(t), small)
	for range 3 {
		s.push("192.0.2.1", "/nowhere", "x")
		s.push("192.0.2.1", toMerchant, "junk")
		s.push("192.0.2.1", "/callbacks/collect/other", "junk")
		s.forge(1, "192.0.2.1", toMerchant)
	}
	s.forge(1, "192.0.2.1", "/callbacks/collect/other")
	for _, want := range []struct {
		class, fate string
		n           float64
	}{
		{"unknown", "kept", 1},
		{"unknown", "over-budget", 2},
		{"malformed", "kept", 1},
		{"malformed", "over-budget", 5},
		{"signature", "kept", 3},
		{"signature", "over-budget", 1},
	} {
		if got := s.quarantined(want.class, want.fate); got != want.n {
			t.Errorf("%s %s: %v, want %v", want.class, want.fate, got, want.n)
		}
	}
}

// TestKnownSender: who has sent a verified callback has the large budget, for
// that merchant.
func TestKnownSender(t *testing.T) {
	s := newSite(t, rightKey(t), small)
	s.push(gatewaySource, toMerchant, signs("A1", rotten))
	s.forge(10, gatewaySource, toMerchant)
	s.forge(10, "198.51.100.1", toMerchant)
	s.forge(10, gatewaySource, "/callbacks/collect/other")
	if known, stranger := s.keptFrom(gatewaySource), s.keptFrom("198.51.100.1"); known != 5+2 || stranger != 2 {
		t.Errorf("kept %d of the known sender, at both merchants, and %d of a stranger; want 7 and 2", known, stranger)
	}
}

// TestRepetitionMakesNobodyKnown: whoever has seen a callback can send it again.
func TestRepetitionMakesNobodyKnown(t *testing.T) {
	s := newSite(t, rightKey(t), small)
	s.store.instead = func(context.Context, stream.Accepted) (stream.Receipt, error) {
		return stream.Receipt{Sequence: 1, Duplicate: true}, nil
	}
	s.push("198.51.100.1", toMerchant, signs("A1", rotten))
	s.forge(10, "198.51.100.1", toMerchant)
	if got := s.keptFrom("198.51.100.1"); got != 2 {
		t.Errorf("kept %d, want a stranger's 2", got)
	}
}

// TestManyStrangers: from however many addresses, no more is kept than from
// nine; and a place that was quiet for an hour is another's.
func TestManyStrangers(t *testing.T) {
	s := newSite(t, rightKey(t), small)
	crowd := func(from int) int {
		before := len(s.keeper.all())
		for i := range 100 {
			s.forge(3, fmt.Sprintf("198.51.%d.%d", from, i), toMerchant)
		}
		return len(s.keeper.all()) - before
	}
	if got := crowd(1); got != 9*2 {
		t.Errorf("kept %d of a hundred strangers, want 18", got)
	}
	if got := crowd(2); got != 0 {
		t.Errorf("kept %d of a hundred more, want none", got)
	}
	s.clock.advance(time.Hour)
	if got := crowd(3); got != 9*2 {
		t.Errorf("kept %d after an hour, want 18", got)
	}
}

// TestListedSourcesAreKnown: a merchant with allowFrom refuses strangers before
// anything of theirs is read, and those it lists need no introduction.
func TestListedSourcesAreKnown(t *testing.T) {
	s := newSite(t, oneMerchant(t, rotten, `, allowFrom: ["203.0.113.0/24"]`), small)
	s.forge(10, gatewaySource, toMerchant)
	s.forge(10, "198.51.100.1", toMerchant)
	if listed, stranger := s.keptFrom(gatewaySource), s.keptFrom("198.51.100.1"); listed != 5 || stranger != 0 {
		t.Errorf("kept %d of a listed source and %d of a stranger, want 5 and 0", listed, stranger)
	}
	if got := s.quarantined("unknown", "kept"); got != 1 {
		t.Errorf("kept %v as unknown, want 1", got)
	}
}

// TestLargeBodiesCostMore: a budget is one of bytes as well.
func TestLargeBodiesCostMore(t *testing.T) {
	s := newSite(t, rightKey(t), small)
	s.push(gatewaySource, toMerchant, signs("A1", rotten))
	large := withSign(strings.Replace(object("A1"), "private words", strings.Repeat("x", 2<<10), 1), strings.Repeat("0", 32))
	for range 10 {
		s.push(gatewaySource, toMerchant, large)
	}
	if got := s.keptFrom(gatewaySource); got != 1 {
		t.Errorf("kept %d bodies of 2 KiB with a budget of 5, want 1", got)
	}
	s.forge(10, gatewaySource, toMerchant)
	if got := s.keptFrom(gatewaySource); got != 3 {
		t.Errorf("kept %d, want 3: the rest pays for small ones", got)
	}
}

// TestKeepingIsBounded: refusals that wait for the stream hold their bodies in
// memory, so there are only so many at once, of strangers and known senders
// apart.
func TestKeepingIsBounded(t *testing.T) {
	s := newSite(t, rightKey(t), config.Quarantine{})
	s.push(gatewaySource, toMerchant, signs("A1", rotten))
	release := make(chan struct{})
	var keeping atomic.Int64
	s.keeper.instead = func(context.Context, stream.Refused) error {
		keeping.Add(1)
		<-release
		return nil
	}
	var answered atomic.Int64
	var all sync.WaitGroup
	forge := func(n int, source string) {
		for range n {
			all.Go(func() { s.forge(1, source, toMerchant); answered.Add(1) })
		}
	}
	defer all.Wait()
	defer close(release)
	forge(200, "198.51.100.1")
	eventually(t, "all but 128 are answered", func() bool { return answered.Load() == 200-128 })
	forge(1, gatewaySource)
	eventually(t, "the gateway's is being kept beside 128 of the stranger's", func() bool { return keeping.Load() == 129 })
	if got := s.quarantined("signature", "over-budget"); got != 200-128 {
		t.Errorf("%v over the budget, want 72", got)
	}
}
