package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/up"
)

// patience bounds every wait; nothing waits that long when all is well.
const patience = 30 * time.Second

// settlehook starts what 'make run' starts, and returns where it is. Of the
// gateway's mischief there is what a test asks for.
func settlehook(t *testing.T, mischief sandbox.Rates) up.Running {
	t.Helper()
	dir := t.TempDir()
	cfg, err := config.LoadUp(map[string]string{
		"HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "MERCHANTS_FILE": up.SandboxMerchantsFile(dir),
		"RETRY_MIN": "10ms", "RETRY_MAX": "50ms",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	started, ended := make(chan up.Running, 1), make(chan error, 1)
	go func() {
		ended <- up.Run(ctx, up.Config{
			Up: cfg, DataDir: dir, NATSListen: "127.0.0.1:0", Out: io.Discard, Log: zap.NewNop(),
			Sandbox: &up.Sandbox{
				Addr: testserver.FreeAddr(t), AdminAddr: "127.0.0.1:0", TimeScale: 1000, OwnMerchants: true, Mischief: mischief,
			},
			Started: func(r up.Running) { started <- r },
		})
	}()
	t.Cleanup(stop)
	select {
	case r := <-started:
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Errorf("settlehook ended with %v", err)
			}
		})
		testserver.HoldToContract(t, func() string { return r.NATS })
		return r
	case err := <-ended:
		t.Fatalf("settlehook does not start: %v", err)
	case <-time.After(patience):
		t.Fatal("settlehook does not start")
	}
	return up.Running{}
}

// newShop is the example with its defaults, against these servers.
func newShop(at up.Running, order string) shop {
	return shop{
		nats: at.NATS, gateway: at.SandboxAPI, notify: "http://" + at.Receiver, account: "8801",
		order: order, amount: "1000.00", key: "sandbox-secret-one",
	}
}

// visit is a run of the example with somebody who reads what it prints.
type visit struct {
	t     *testing.T
	lines *bufio.Scanner
	ended chan error
}

func visitTo(t *testing.T, s shop) *visit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	read, write := io.Pipe()
	v := &visit{t: t, lines: bufio.NewScanner(read), ended: make(chan error, 1)}
	go func() {
		err := s.run(ctx, write)
		v.ended <- err
		_ = write.CloseWithError(errors.Join(err, io.EOF))
	}()
	return v
}

// line is the next line, which must be there.
func (v *visit) line() string {
	v.t.Helper()
	if !v.lines.Scan() {
		v.t.Fatalf("no more lines; it ended with %v", <-v.ended)
	}
	return v.lines.Text()
}

// cashier is the address that the example prints.
func (v *visit) cashier(order string) string {
	v.t.Helper()
	line := v.line()
	address, ok := strings.CutPrefix(line, "order "+order+": pay at ")
	if !ok {
		v.t.Fatalf("it prints %q", line)
	}
	return address
}

// pays is a payer at the cashier page.
func pays(t *testing.T, cashier, amount string) {
	t.Helper()
	res, err := http.PostForm(cashier+"/pay", url.Values{"amount": {amount}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the cashier answers %s", res.Status)
	}
}

func (v *visit) ends(want string) {
	v.t.Helper()
	if got := v.line(); got != want {
		v.t.Errorf("it prints %q, want %q", got, want)
	}
	if err := <-v.ended; err != nil {
		v.t.Errorf("it ended with %v", err)
	}
}

// TestOrderIsSettled: what was asked, what the callback said and what the
// gateway answered agree.
func TestOrderIsSettled(t *testing.T) {
	t.Parallel()
	v := visitTo(t, newShop(settlehook(t, nil), "A1"))
	pays(t, v.cashier("A1"), "1000.00")
	v.ends("order A1: settled, 1000.00 INR, match: three-way")
}

// TestUnderpaymentIsNotSettled: it is told, and the service waits on.
func TestUnderpaymentIsNotSettled(t *testing.T) {
	t.Parallel()
	at := settlehook(t, nil)
	v := visitTo(t, newShop(at, "A1"))
	pays(t, v.cashier("A1"), "999.00")
	if got := v.line(); !strings.HasPrefix(got, "order A1: review, ") {
		t.Errorf("it prints %q", got)
	}
}

// TestLostAnswer: an order that exists although nobody answered is tried again
// under its id, and found to exist.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	at := settlehook(t, sandbox.Rates{sandbox.CreateLost: 1})
	v := visitTo(t, newShop(at, "A1"))
	v.ends("order A1: created, but the answer was lost, and with it where to pay; start again for another order")
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	nobody := testserver.FreeAddr(t)
	for name, test := range map[string]struct {
		shop shop
		want string
	}{
		"amount": {shop{nats: "nats://" + nobody, amount: "1,000", key: "k"}, "invalid amount"},
		"NATS":   {shop{nats: "nats://" + nobody, amount: "1", key: "k"}, "no servers available"},
		"key":    {shop{nats: "nats://" + nobody, amount: "1"}, "secret"},
	} {
		if err := test.shop.run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q in it", name, err, test.want)
		}
	}
}
