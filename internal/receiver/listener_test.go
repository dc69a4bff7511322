package receiver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
)

// eventually returns once the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-late.C:
			t.Fatalf("never came: %s", what)
		case <-tick.C:
		}
	}
}

func (h *harness) connections() float64 { return h.count("settlehook_connections", nil) }

func (h *harness) closed(reason string) float64 {
	return h.count("settlehook_connections_closed_total", map[string]string{"reason": reason})
}

// wantHungUp holds that the server has closed a connection without a word.
func (h *harness) wantHungUp(conn net.Conn) {
	h.t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, net.ErrClosed) {
		h.t.Errorf("read %d bytes, %v; want a closed connection", n, err)
	}
}

// TestConnectionsOfOneSource: a source has so many, and no more until one of
// them is closed.
func TestConnectionsOfOneSource(t *testing.T) {
	h := newHarness(t, func(o *receiver.Options) { o.HTTP.MaxConnectionsPerSource = 2 })
	first, _ := h.dial(), h.dial()
	eventually(t, "two connections", func() bool { return h.connections() == 2 })
	h.wantHungUp(h.dial())
	if got := h.closed("source-limit"); got != 1 {
		t.Errorf("closed %v for the source's limit, want 1", got)
	}
	_ = first.Close()
	eventually(t, "one connection", func() bool { return h.connections() == 1 })
	h.wantSuccess(h.send(request{body: mustSign(t, object("A1"), newSecret)}))
}

// TestConnectionsOfAProxy: a trusted proxy brings everybody.
func TestConnectionsOfAProxy(t *testing.T) {
	h := newHarness(t, func(o *receiver.Options) {
		o.HTTP.MaxConnectionsPerSource, o.HTTP.TrustedProxies = 1, loopback
	})
	for range 5 {
		h.dial()
	}
	eventually(t, "five connections", func() bool { return h.connections() == 5 })
	h.wantSuccess(h.send(request{body: mustSign(t, object("A1"), newSecret)}))
}

// TestCrowdOfSlowHeaders: whoever takes its time over the headers, or says
// nothing, gives way to who comes, and there are never more than the most.
func TestCrowdOfSlowHeaders(t *testing.T) {
	const most = 4
	h := newHarness(t, func(o *receiver.Options) { o.HTTP.MaxConnections = most })
	for i := range 50 {
		conn := h.dial()
		mustWrite(t, conn, "POST /callbacks/collect/m1001 HTTP/1.1\r\nHost: receiver\r\nX-")
		if i%10 == 9 {
			h.wantSuccess(h.send(request{body: mustSign(t, object(fmt.Sprint("A", i)), newSecret)}))
		}
		if got := h.connections(); got > most {
			t.Fatalf("%v connections open, want at most %d", got, most)
		}
	}
	eventually(t, "all but the last gave way", func() bool { return h.closed("gave-way")+most >= 55-5 })
}

// TestConnectionInWorkIsNobodysToTake: the newcomer waits for one that rests.
func TestConnectionInWorkIsNobodysToTake(t *testing.T) {
	storing, release := make(chan struct{}, 2), make(chan struct{})
	h := newHarness(t, func(o *receiver.Options) {
		o.HTTP.MaxConnections = 1
		o.Store = &fakeStore{instead: func(context.Context, stream.Accepted) (stream.Receipt, error) {
			storing <- struct{}{}
			<-release
			return stream.Receipt{Sequence: 1}, nil
		}}
	})
	body := mustSign(t, object("A1"), newSecret)
	first := h.dial()
	mustWrite(t, first, request{body: body}.text())
	<-storing
	second := h.dial()
	mustWrite(t, second, request{body: body}.text())
	close(release)
	h.wantSuccess(h.receive(first, http.MethodPost))
	h.wantSuccess(h.receive(second, http.MethodPost)) // the first, kept alive, gave way
	if got := h.closed("gave-way"); got != 1 {
		t.Errorf("%v gave way, want 1", got)
	}
}

func headers(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("X%d:", i)
	}
	return list
}

// TestTooManyHeaders: a header costs more to hold than to send, so their number
// is bounded, for each request on a connection anew.
func TestTooManyHeaders(t *testing.T) {
	h := newHarness(t, nil)
	conn := h.dial()
	if _, err := io.WriteString(conn, request{body: "{}", headers: headers(500)}.text()); err != nil {
		t.Fatal(err)
	}
	if got := h.receive(conn, http.MethodPost); got.status != http.StatusBadRequest || !got.closed {
		t.Errorf("status %d, closed %t; want 400 and a closed connection", got.status, got.closed)
	}
	if got := h.closed("header-lines"); got != 1 {
		t.Errorf("closed %v for their headers, want 1", got)
	}
	if n := len(h.keeper.all()) + h.logs.Len(); n != 0 {
		t.Errorf("%d traces of a request that never was one", n)
	}
	kept := h.dial()
	for i := range 5 {
		mustWrite(t, kept, request{body: mustSign(t, object(fmt.Sprint("A", i)), newSecret), headers: headers(100)}.text())
		h.wantSuccess(h.receive(kept, http.MethodPost))
	}
}

// TestBodyLinesAreNotHeaders: a body's lines count only as far as they come
// with the headers.
func TestBodyLinesAreNotHeaders(t *testing.T) {
	h := newHarness(t, nil)
	signed := mustSign(t, object("A1"), newSecret)
	body := signed + strings.Repeat("\n", 1000)
	head, _, _ := strings.Cut(request{body: body}.text(), "\r\n\r\n")
	conn := h.dial()
	mustWrite(t, conn, head+"\r\n\r\n")
	<-h.requests // it is in work
	mustWrite(t, conn, body)
	h.wantSuccess(h.receive(conn, http.MethodPost))
}

// fullListener accepts without end.
type fullListener struct{}

func (fullListener) Accept() (net.Conn, error) {
	conn, _ := net.Pipe()
	return conn, nil
}
func (fullListener) Close() error   { return nil }
func (fullListener) Addr() net.Addr { return nil }

// TestCloseEndsTheWaitForRoom: also while every connection is in work.
func TestCloseEndsTheWaitForRoom(t *testing.T) {
	cfg := defaultHTTP()
	cfg.MaxConnections = 1
	l, err := receiver.Listen(fullListener{}, cfg, nil, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v, want net.ErrClosed", err)
		}
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	waiting.Wait()
}

func TestListenRefusesATakenRegistry(t *testing.T) {
	registry := prometheus.NewRegistry()
	for i, want := range []bool{true, false} {
		if _, err := receiver.Listen(fullListener{}, defaultHTTP(), nil, registry); (err == nil) != want {
			t.Errorf("listener %d: %v", i+1, err)
		}
	}
}
