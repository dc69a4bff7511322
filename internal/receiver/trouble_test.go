package receiver_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
)

const notStored = "not stored; try again later"

// TestNoPubAckNoSuccess lets storing fail in every way.
func TestNoPubAckNoSuccess(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		store        func(context.Context, stream.Accepted) (stream.Receipt, error)
	}{
		{"error", "store-failed", func(context.Context, stream.Accepted) (stream.Receipt, error) {
			return stream.Receipt{}, errors.New("stream is full")
		}},
		{"error with a receipt", "store-failed", func(context.Context, stream.Accepted) (stream.Receipt, error) {
			return stream.Receipt{Sequence: 7}, errors.New("connection lost")
		}},
		{"withheld", "store-timeout", func(ctx context.Context, _ stream.Accepted) (stream.Receipt, error) {
			<-ctx.Done()
			return stream.Receipt{}, ctx.Err()
		}},
		{"panic", "panic", func(context.Context, stream.Accepted) (stream.Receipt, error) { panic("a bug") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, func(o *receiver.Options) {
				o.Store = &fakeStore{instead: c.store}
				o.PublishTimeout = 50 * time.Millisecond
			})
			h.wantRefusal(h.send(request{body: mustSign(t, object("A1"), newSecret)}), http.StatusServiceUnavailable, notStored)
			if got := h.callbacks("collect", "m1001", "unavailable", c.reason); got != 1 {
				t.Errorf("counted %v unavailable with reason %s, want 1", got, c.reason)
			}
			if got := h.callbacks("collect", "m1001", "accepted", "stored"); got != 0 {
				t.Errorf("counted %v accepted, want 0", got)
			}
			if kept := h.keeper.all(); len(kept) != 0 {
				t.Errorf("kept %v, want nothing: the body is not at fault", kept)
			}
			if lines := h.logs.All(); len(lines) != 1 || lines[0].Level.String() == "info" {
				t.Errorf("log %v, want one line above info", lines)
			}
		})
	}
}

// TestDuplicateIsSuccess: the stream holds the push already.
func TestDuplicateIsSuccess(t *testing.T) {
	h := newHarness(t, func(o *receiver.Options) {
		o.Store = &fakeStore{instead: func(context.Context, stream.Accepted) (stream.Receipt, error) {
			return stream.Receipt{Sequence: 3, Duplicate: true}, nil
		}}
	})
	h.wantSuccess(h.send(request{body: mustSign(t, object("A1"), newSecret)}))
	if got := h.callbacks("collect", "m1001", "accepted", "duplicate"); got != 1 {
		t.Errorf("counted %v duplicates, want 1", got)
	}
}

// TestSenderHangsUpWhileStoring: the wait for the PubAck goes on, and what is
// stored counts as stored.
func TestSenderHangsUpWhileStoring(t *testing.T) {
	storing, release := make(chan context.Context, 1), make(chan struct{})
	h := newHarness(t, func(o *receiver.Options) {
		o.Store = &fakeStore{instead: func(ctx context.Context, _ stream.Accepted) (stream.Receipt, error) {
			storing <- ctx
			<-release
			return stream.Receipt{Sequence: 1}, ctx.Err()
		}}
	})
	conn := h.dial()
	mustWrite(t, conn, request{body: mustSign(t, object("A1"), newSecret)}.text())
	ctx := <-storing
	_ = conn.Close()
	<-(<-h.requests).Done() // the server has noticed
	if err := ctx.Err(); err != nil {
		t.Errorf("the publish was given up when the sender hung up: %v", err)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		t.Error("the publish has no deadline")
	}
	close(release)
	<-h.done
	if got := h.callbacks("collect", "m1001", "accepted", "stored"); got != 1 {
		t.Errorf("counted %v accepted, want 1", got)
	}
}

// TestBodyDoesNotArrive: the sender stops in the middle, or is too slow. What
// came is kept.
func TestBodyDoesNotArrive(t *testing.T) {
	part := request{body: `{"orderId":"A1",`, headers: []string{"Content-Length: 300"}}.text()
	t.Run("hangs up", func(t *testing.T) {
		h := newHarness(t, nil)
		conn := h.dial()
		mustWrite(t, conn, part)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		h.wantRefusal(h.receive(conn, http.MethodPost), http.StatusBadRequest, "the body is incomplete")
		wantPart(t, h, "body-incomplete")
	})
	t.Run("too slow", func(t *testing.T) {
		h := newHarness(t, func(o *receiver.Options) {
			o.HTTP.ReadHeaderTimeout, o.HTTP.ReadTimeout = 100*time.Millisecond, 100*time.Millisecond
		})
		conn := h.dial()
		mustWrite(t, conn, part)
		h.wantRefusal(h.receive(conn, http.MethodPost), http.StatusBadRequest, "the body did not arrive in time")
		wantPart(t, h, "body-timeout")
	})
}

func wantPart(t *testing.T, h *harness, reason string) {
	t.Helper()
	kept := h.keeper.all()
	if len(kept) != 1 || kept[0].Reason != reason || string(kept[0].Body) != `{"orderId":"A1",` || kept[0].Class != stream.ClassMalformed {
		t.Errorf("kept %v, want the part that came, as malformed with reason %s", kept, reason)
	}
	if got := h.callbacks("collect", "m1001", "refused", reason); got != 1 {
		t.Errorf("counted %v refused with reason %s, want 1", got, reason)
	}
}

// TestDeclaredOversizeIsNotAskedFor: a sender that waits for 100 Continue gets
// its 413 at once.
func TestDeclaredOversizeIsNotAskedFor(t *testing.T) {
	h := newHarness(t, nil)
	conn := h.dial()
	mustWrite(t, conn, request{headers: []string{"Content-Length: 1000000000", "Expect: 100-continue"}}.text())
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 413 ") {
		t.Errorf("first line %q, %v; want 413", line, err)
	}
}

// TestDrain: everything is answered, and every answer closes its connection.
func TestDrain(t *testing.T) {
	h := newHarness(t, nil)
	idle := h.dial() // kept since an answer of before
	body := mustSign(t, object("A1"), newSecret)
	mustWrite(t, idle, request{body: body, headers: []string{"Connection: keep-alive"}}.text())
	if got := h.receive(idle, http.MethodPost); got.closed {
		t.Error("a connection is closed before there is a reason")
	}
	if h.handler.Draining() {
		t.Error("draining before it was told to")
	}
	h.handler.Drain()
	if !h.handler.Draining() {
		t.Error("not draining")
	}
	for name, conn := range map[string]net.Conn{"kept": idle, "new": h.dial()} {
		mustWrite(t, conn, request{body: body, headers: []string{"Connection: keep-alive"}}.text())
		got := h.receive(conn, http.MethodPost)
		h.wantSuccess(got)
		if !got.closed {
			t.Errorf("the %s connection is kept for more", name)
		}
	}
	if got := h.send(request{body: withSign(object("A1"), strings.Repeat("0", 32)), headers: []string{"Connection: keep-alive"}}); got.status != http.StatusUnauthorized || !got.closed {
		t.Errorf("a refusal: status %d, closed %v", got.status, got.closed)
	}
}

// TestRefuse: what is on its way is finished, everything else is sent away.
func TestRefuse(t *testing.T) {
	storing, release := make(chan struct{}), make(chan struct{})
	h := newHarness(t, func(o *receiver.Options) {
		o.Store = &fakeStore{instead: func(context.Context, stream.Accepted) (stream.Receipt, error) {
			storing <- struct{}{}
			<-release
			return stream.Receipt{Sequence: 1}, nil
		}}
	})
	body := mustSign(t, object("A1"), newSecret)
	conn := h.dial()
	mustWrite(t, conn, request{body: body}.text())
	<-storing
	h.handler.Refuse()
	got := h.send(request{body: body, headers: []string{"Connection: keep-alive"}})
	h.wantRefusal(got, http.StatusServiceUnavailable, notStored)
	if !got.closed {
		t.Error("the connection is kept for more")
	}
	if got := h.callbacks("collect", "m1001", "unavailable", "draining"); got != 1 {
		t.Errorf("counted %v draining, want 1", got)
	}
	close(release)
	h.wantSuccess(h.receive(conn, http.MethodPost))
}

// TestQuarantineNeverChangesTheAnswer: keeping fails, or takes too long.
func TestQuarantineNeverChangesTheAnswer(t *testing.T) {
	for name, keep := range map[string]func(context.Context, stream.Refused) error{
		"fails": func(context.Context, stream.Refused) error { return errors.New("no stream") },
		"hangs": func(ctx context.Context, _ stream.Refused) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, func(o *receiver.Options) {
				o.Keeper = &fakeKeeper{instead: keep}
				o.PublishTimeout = 50 * time.Millisecond
			})
			h.wantRefusal(h.send(request{body: withSign(object("A1"), strings.Repeat("0", 32))}), http.StatusUnauthorized, "bad signature")
			if got := h.quarantined("signature", "failed"); got != 1 {
				t.Errorf("counted %v failed, want 1", got)
			}
			lines := h.logs.All()
			if len(lines) != 1 || lines[0].ContextMap()["quarantine"] != "failed" || lines[0].ContextMap()["quarantine_error"] == nil {
				t.Errorf("log %v, want one line that says why", lines)
			}
		})
	}
}

func mustWrite(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}
