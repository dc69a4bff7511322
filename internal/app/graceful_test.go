package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

// stepLogged reports whether the stop has done a step.
func (s *site) stepLogged(step string) bool {
	return s.logged("stopping", zap.String("step", step)) > 0
}

func TestWorkerFinishesWhatItHasInHand(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	defer noLeaks(t)()
	cfg := s.worker()
	_, worker := s.startWorker(cfg)
	s.gateway.pause()
	const orders = 20
	for i := range orders {
		s.push("m1", fmt.Sprintf("A%d", i))
	}
	eventually(t, "as many questions as may be in work", func() bool { return s.gateway.waiting() == cfg.Reconcile.InFlight })
	worker.stop()
	eventually(t, "the intake stopped", func() bool { return s.stepLogged("stop intake") })
	if n := s.settled("m1"); n != 0 {
		t.Fatalf("%d settled before the gateway answered", n)
	}
	s.gateway.release()
	if err := worker.wait(t); err != nil {
		t.Fatalf("ended with %v", err)
	}
	var steps []string
	for _, e := range s.logs.FilterMessage("stopping").All() {
		if step, ok := e.ContextMap()["step"].(string); ok {
			steps = append(steps, step)
		}
	}
	if got := strings.Join(steps, ", "); got != "unready, stop intake, drain, cut off, close Redis, flush acknowledgements, close NATS, close the operator's listener" {
		t.Errorf("stopped in the steps %s", got)
	}
	told := s.settled("m1")
	if told < cfg.Reconcile.InFlight {
		t.Errorf("%d told, %d were in hand", told, cfg.Reconcile.InFlight)
	}
	if open := s.unacknowledged("m1"); open != orders-told {
		t.Errorf("%d callbacks are still to be done, %d of %d are told", open, told, orders)
	}

	_, next := s.startWorker(cfg)
	eventually(t, "the rest settled by the next worker", func() bool { return s.unacknowledged("m1") == 0 })
	if told := s.messages(stream.Payments, "payments.v1.>"); told != orders {
		t.Errorf("%d events of %d orders", told, orders)
	}
	next.stop()
	if err := next.wait(t); err != nil {
		t.Error(err)
	}
}

func TestWorkerIsCutOffWhenItsTimeIsOver(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	defer noLeaks(t)()
	cfg := s.worker()
	cfg.General.ShutdownTimeout = 400 * time.Millisecond // shorter than the configuration would allow
	_, worker := s.startWorker(cfg)
	s.gateway.pause()
	s.push("m1", "A1")
	eventually(t, "the question", func() bool { return s.gateway.waiting() == 1 })
	worker.stop()
	err := worker.wait(t)
	if want := "drain: not done after 300ms"; err == nil || !strings.HasPrefix(err.Error(), "drain: not done after 3") || strings.Contains(err.Error(), "\n") {
		t.Errorf("ended with %q, want about %q", err, want)
	}
	if n := s.logged("callbacks in hand are cut off; they come again"); n != 1 {
		t.Errorf("said %d times", n)
	}
	s.gateway.release()
	if n := s.settled("m1"); n != 0 {
		t.Errorf("%d settled without an answer", n)
	}

	// It was put back, not left to the ack wait of 30 s.
	begun := time.Now()
	_, next := s.startWorker(s.worker())
	eventually(t, "A1 settled by the next worker", func() bool { return s.settled("m1") == 1 })
	if took := time.Since(begun); took >= cfg.Topology.AckWait {
		t.Errorf("it came back after %s", took)
	}
	next.stop()
	if err := next.wait(t); err != nil {
		t.Error(err)
	}
}

func TestReceiverFinishesTheRequestInHand(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	defer noLeaks(t)()
	r, err := NewReceiver(t.Context(), s.receiver(), s.options())
	if err != nil {
		t.Fatal(err)
	}
	receiver := s.run(r.Run)
	awaitReady(t, r.AdminAddr())
	params := sign.Params{
		{Name: "platOrderId", Value: "P1", Kind: sign.KindString},
		{Name: "orderId", Value: "A1", Kind: sign.KindString},
		{Name: "amount", Value: "100.00", Kind: sign.KindNumber},
		{Name: "status", Value: "1", Kind: sign.KindNumber},
		{Name: "reverse", Value: "false", Kind: sign.KindBool},
		{Name: "remark", Kind: sign.KindString},
		{Name: "fee", Value: "2.00", Kind: sign.KindNumber},
	}
	params = append(params, sign.Param{Name: "sign", Value: sign.Sign(params, "key-of-m1"), Kind: sign.KindString})
	body := params.JSON()

	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// The receiver asks for the body once it has taken the request in hand.
	_, _ = fmt.Fprintf(conn, "POST /callbacks/collect/m1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	answer := bufio.NewReader(conn)
	if line, err := answer.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	receiver.stop()
	eventually(t, "the receiver is about to go", func() bool { return s.stepLogged("linger") })
	if _, err := conn.Write(body); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "\r\nHTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(text), "\r\n\r\nsuccess") {
		t.Errorf("answered %q", text)
	}
	if err := receiver.wait(t); err != nil {
		t.Errorf("ended with %v", err)
	}
	if n := s.messages(stream.Callbacks, "callbacks.v1.collect.m1.*"); n != 1 {
		t.Errorf("%d callbacks are stored", n)
	}
	if c, err := net.Dial("tcp", r.Addr()); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}

// A receiver that is told to stop goes on for as long as it lingers; one that
// has failed receives nothing more.
func TestReceiverLingers(t *testing.T) {
	for name, test := range map[string]struct {
		failed error
		want   int
	}{
		"told to stop": {nil, http.StatusUnauthorized}, // the signature is looked at
		"failed":       {errors.New("broken"), http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, merchant{id: "m1"})
			defer noLeaks(t)()
			cfg := s.receiver()
			cfg.HTTP.Linger = 100 * time.Millisecond
			r, err := NewReceiver(t.Context(), cfg, s.options())
			if err != nil {
				t.Fatal(err)
			}
			// In the middle of its lingering, which it would end only after it.
			during := make(chan int, 1)
			r.stopper.onStop("ask", time.Minute, func(ctx context.Context) error {
				ctx, over := context.WithCancel(ctx)
				over()
				if err := r.linger(ctx); err != nil {
					return err
				}
				during <- postEmpty(t, "http://"+r.Addr()+"/callbacks/collect/m1")
				return nil
			})
			fail := make(chan struct{})
			r.part(func(ctx context.Context) error {
				select {
				case <-fail:
					return test.failed
				case <-ctx.Done():
					return nil
				}
			})
			receiver := s.run(r.Run)
			awaitReady(t, r.AdminAddr())
			if test.failed != nil {
				close(fail)
			} else {
				receiver.stop()
			}
			if got := <-during; got != test.want {
				t.Errorf("answered %d, want %d", got, test.want)
			}
		})
	}
}

// postEmpty posts a callback without a signature, on a connection of its own.
func postEmpty(t *testing.T, url string) (status int) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(url, "application/json", strings.NewReader(`{"platOrderId":"P1","orderId":"A1","amount":1,"status":1,"reverse":false,"remark":"","fee":0,"sign":"00000000000000000000000000000000"}`))
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// A receiver that can't listen gives everything back, and says which setting.
func TestReceiverOnAPortInUse(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cfg := s.receiver()
	cfg.HTTP.Addr = taken.Addr().String()
	defer noLeaks(t)()
	_, err = NewReceiver(t.Context(), cfg, s.options())
	want := "listen on HTTP_ADDR: listen tcp " + cfg.HTTP.Addr + ": bind: address already in use"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}
