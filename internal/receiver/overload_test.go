package receiver_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
)

func (h *harness) inFlight(stage string) float64 {
	return h.count("settlehook_requests_in_flight", map[string]string{"stage": stage})
}

// blockedStore is a stream that answers when it is told to. It counts how many
// wait for it at most.
type blockedStore struct {
	waiting, most atomic.Int64
	release       chan struct{}
}

func newBlockedStore() *blockedStore { return &blockedStore{release: make(chan struct{})} }

func (s *blockedStore) Store(ctx context.Context, _ stream.Accepted) (stream.Receipt, error) {
	n := s.waiting.Add(1)
	defer s.waiting.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	select {
	case <-s.release:
		return stream.Receipt{Sequence: 1}, nil
	case <-ctx.Done():
		return stream.Receipt{}, ctx.Err()
	}
}

// TestOverloadIsShedUnread: with every place taken, the answer is 503 before
// any of the body is there.
func TestOverloadIsShedUnread(t *testing.T) {
	store := newBlockedStore()
	h := newHarness(t, func(o *receiver.Options) { o.Store, o.HTTP.MaxInFlight = store, 2 })
	body := mustSign(t, object("A1"), newSecret)
	first, second := h.dial(), h.dial()
	mustWrite(t, first, request{body: body}.text())
	mustWrite(t, second, request{body: body}.text())
	eventually(t, "both are being stored", func() bool { return store.waiting.Load() == 2 })
	if got := h.inFlight("storing"); got != 2 {
		t.Errorf("%v being stored, want 2", got)
	}
	unsent := h.dial()
	mustWrite(t, unsent, request{headers: []string{"Content-Length: 300"}}.text())
	got := h.receive(unsent, http.MethodPost)
	h.wantRefusal(got, http.StatusServiceUnavailable, notStored)
	if !got.closed {
		t.Error("the connection is kept for a body that nobody wants")
	}
	if got := h.callbacks("collect", "m1001", "unavailable", "overload"); got != 1 {
		t.Errorf("counted %v shed, want 1", got)
	}
	close(store.release)
	h.wantSuccess(h.receive(first, http.MethodPost))
	h.wantSuccess(h.receive(second, http.MethodPost))
	h.wantSuccess(h.send(request{body: body}))
	if got := h.inFlight("storing"); got != 0 {
		t.Errorf("%v being stored in the end, want 0", got)
	}
}

// TestRoomIsGivenOnce: those whose bodies were being read while there was room
// do not all get it.
func TestRoomIsGivenOnce(t *testing.T) {
	const room, senders = 2, 8
	store := newBlockedStore()
	h := newHarness(t, func(o *receiver.Options) { o.Store, o.HTTP.MaxInFlight = store, room })
	body := mustSign(t, object("A1"), newSecret)
	text := request{body: body}.text()
	conns := make([]net.Conn, senders)
	for i := range conns {
		conns[i] = h.dial()
		mustWrite(t, conns[i], text[:len(text)-1])
	}
	eventually(t, "all bodies are being read", func() bool { return h.inFlight("reading") == senders })
	for _, conn := range conns {
		mustWrite(t, conn, text[len(text)-1:])
	}
	eventually(t, "those without room are told", func() bool {
		return h.callbacks("collect", "m1001", "unavailable", "overload") == senders-room
	})
	if got := store.most.Load(); got > room {
		t.Errorf("%d at once in work, want at most %d", got, room)
	}
	close(store.release)
	accepted := 0
	for _, conn := range conns {
		if got := h.receive(conn, http.MethodPost); got.status == http.StatusOK {
			accepted++
		}
	}
	if accepted != room {
		t.Errorf("%d accepted, want %d", accepted, room)
	}
}

// TestPlacesComeBack: also where the store fails or panics.
func TestPlacesComeBack(t *testing.T) {
	var calls atomic.Int64
	h := newHarness(t, func(o *receiver.Options) {
		o.HTTP.MaxInFlight = 1
		o.Store = &fakeStore{instead: func(context.Context, stream.Accepted) (stream.Receipt, error) {
			if calls.Add(1) <= 3 {
				panic("a bug")
			}
			return stream.Receipt{Sequence: 1}, nil
		}}
	})
	body := mustSign(t, object("A1"), newSecret)
	for range 3 {
		h.wantRefusal(h.send(request{body: body}), http.StatusServiceUnavailable, notStored)
	}
	h.wantSuccess(h.send(request{body: body}))
}

// TestOnlyVerifiedTakeRoom: junk whose evidence hangs takes no place of a
// callback.
func TestOnlyVerifiedTakeRoom(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	var keeping atomic.Int64
	h := newHarness(t, func(o *receiver.Options) {
		o.HTTP.MaxInFlight = 1
		o.Keeper = &fakeKeeper{instead: func(context.Context, stream.Refused) error {
			keeping.Add(1)
			<-hang
			return nil
		}}
	})
	for range 10 {
		mustWrite(t, h.dial(), request{body: withSign(object("A1"), strings.Repeat("0", 32))}.text())
	}
	eventually(t, "ten are being kept", func() bool { return keeping.Load() == 10 })
	h.wantSuccess(h.send(request{body: mustSign(t, object("A1"), newSecret)}))
}

func slowBody(source string) string {
	return request{body: `{"orderId":"A1",`, headers: []string{"Content-Length: 300", "X-Forwarded-For: " + source}}.text()
}

// TestSlowBodiesKeepNobodyOut: from however many sources they come, the one
// that has been arriving for longest gives way.
func TestSlowBodiesKeepNobodyOut(t *testing.T) {
	const most = 4
	h := newHarness(t, func(o *receiver.Options) {
		o.HTTP.MaxReading, o.HTTP.MaxReadingPerSource, o.HTTP.TrustedProxies = most, 2, loopback
	})
	body := mustSign(t, object("A1"), newSecret)
	slow := make([]net.Conn, 20)
	for i := range slow {
		slow[i] = h.dial()
		mustWrite(t, slow[i], slowBody(fmt.Sprintf("198.51.100.%d", i)))
		want := float64(min(i+1, most))
		eventually(t, "the body is being read", func() bool {
			return h.inFlight("reading") == want && h.callbacks("collect", "m1001", "unavailable", "overload") == float64(max(0, i+1-most))
		})
	}
	for _, conn := range slow[:len(slow)-most] {
		got := h.receive(conn, http.MethodPost)
		h.wantRefusal(got, http.StatusServiceUnavailable, notStored)
	}
	h.wantSuccess(h.send(request{body: body, headers: from("203.0.113.9")}))
	h.wantRefusal(h.receive(slow[len(slow)-most], http.MethodPost), http.StatusServiceUnavailable, notStored)
	if kept := h.keeper.all(); len(kept) != 0 {
		t.Errorf("kept %v of what was shed, want nothing", kept)
	}
}

// TestSlowBodiesOfOneSource have a share of the places, and nobody else's.
func TestSlowBodiesOfOneSource(t *testing.T) {
	h := newHarness(t, func(o *receiver.Options) {
		o.HTTP.MaxReading, o.HTTP.MaxReadingPerSource, o.HTTP.TrustedProxies = 8, 2, loopback
	})
	body := mustSign(t, object("A1"), newSecret)
	for range 2 {
		mustWrite(t, h.dial(), slowBody("198.51.100.1"))
	}
	eventually(t, "two bodies are being read", func() bool { return h.inFlight("reading") == 2 })
	got := h.send(request{body: body, headers: from("198.51.100.1")})
	h.wantRefusal(got, http.StatusTooManyRequests, "too many requests at once; try again later")
	h.wantSuccess(h.send(request{body: body, headers: from("203.0.113.9")}))
	if got := h.callbacks("collect", "m1001", "limited", "source-busy"); got != 1 {
		t.Errorf("counted %v of a busy source, want 1", got)
	}
}

// TestSlowBodiesToNowhere: evidence is read in the same places.
func TestSlowBodiesToNowhere(t *testing.T) {
	h := newHarness(t, func(o *receiver.Options) { o.HTTP.MaxReading, o.HTTP.MaxReadingPerSource = 2, 2 })
	for range 6 {
		mustWrite(t, h.dial(), request{target: "/nowhere", body: "x", headers: []string{"Content-Length: 300"}}.text())
	}
	eventually(t, "four were refused without their body", func() bool { return len(h.keeper.all()) == 4 })
	if got := h.inFlight("reading"); got != 2 {
		t.Errorf("%v bodies being read, want 2", got)
	}
}

// TestFlood: far more callbacks than there is room for, with a stream that does
// not answer. What is in work never passes the bounds; what is over is told so
// at once; and when the stream is back, so is the receiver.
func TestFlood(t *testing.T) {
	const room, callers, each = 8, 32, 20
	store := newBlockedStore()
	h := newHarness(t, func(o *receiver.Options) {
		o.Store, o.HTTP.MaxInFlight = store, room
		o.HTTP.MaxReading, o.HTTP.MaxReadingPerSource = 2*callers, 2*callers
	})
	body := mustSign(t, object("A1"), newSecret)
	held := make([]net.Conn, room)
	for i := range held {
		held[i] = h.dial()
		mustWrite(t, held[i], request{body: body}.text())
	}
	eventually(t, "every place is taken", func() bool { return h.inFlight("storing") == room })
	var flood sync.WaitGroup
	var shed atomic.Int64
	for range callers {
		flood.Go(func() {
			for range each {
				conn, err := net.Dial("tcp", h.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, request{body: body}.text())
				answer, err := io.ReadAll(conn)
				_ = conn.Close()
				if err == nil && strings.HasPrefix(string(answer), "HTTP/1.1 503 ") && strings.Contains(string(answer), "Retry-After: ") {
					shed.Add(1)
				} else {
					t.Errorf("answered %q, %v; want 503 with Retry-After", answer, err)
				}
			}
		})
	}
	flood.Wait()
	if shed.Load() != callers*each || store.most.Load() != room {
		t.Errorf("shed %d, at most %d at once in work; want %d and %d", shed.Load(), store.most.Load(), callers*each, room)
	}
	close(store.release)
	for _, conn := range held {
		h.wantSuccess(h.receive(conn, http.MethodPost))
	}
	h.wantSuccess(h.send(request{body: body}))
}
