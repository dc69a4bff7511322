package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/internal/testserver"
)

func TestAdminAnswersTheProbes(t *testing.T) {
	p, err := newProgram("test", "127.0.0.1:0", Options{Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	addr := p.AdminAddr()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, time.Minute) }()
	awaitReady(t, addr)

	for _, tc := range []struct {
		path, want string
		status     int
	}{
		{"/livez", "alive\n", http.StatusOK},
		{"/readyz", "ready\n", http.StatusOK},
		{"/", "404 page not found\n", http.StatusNotFound},
	} {
		if status, body := get(t, addr, tc.path); status != tc.status || body != tc.want {
			t.Errorf("%s: %d %q, want %d %q", tc.path, status, body, tc.status, tc.want)
		}
	}
	status, body := get(t, addr, "/metrics")
	if status != http.StatusOK || !strings.Contains(body, "\ngo_goroutines ") || !strings.Contains(body, "\nprocess_open_fds ") {
		t.Errorf("/metrics: %d without the runtime's and the process's metrics:\n%s", status, body)
	}
	res, err := http.Post("http://"+addr+"/readyz", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz: %d", res.StatusCode)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestProgramIsUnreadyBeforeAnyOtherStep(t *testing.T) {
	p, err := newProgram("test", "127.0.0.1:0", Options{Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	type probes struct {
		Ready, Live int
		Said        string
	}
	var during probes
	p.stopper.onStop("stop intake", time.Minute, func(context.Context) error {
		during.Ready, during.Said = get(t, p.AdminAddr(), "/readyz")
		during.Live, _ = get(t, p.AdminAddr(), "/livez")
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, time.Minute) }()
	awaitReady(t, p.AdminAddr())
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	want := probes{Ready: http.StatusServiceUnavailable, Live: http.StatusOK, Said: "not ready: starting or draining\n"}
	if diff := cmp.Diff(want, during); diff != "" {
		t.Errorf("while it stops (-want +got):\n%s", diff)
	}
	if status, said := get(t, p.AdminAddr(), "/livez"); status != 0 {
		t.Errorf("the listener is still there: %d %s", status, said)
	}
}

func TestProgramEndsWithThePartThatFails(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	p, err := newProgram("test", "127.0.0.1:0", Options{Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	var late error
	p.part(func(ctx context.Context) error { <-ctx.Done(); late = ctx.Err(); return nil })
	p.part(func(context.Context) error { return broken })
	if err := p.run(t.Context(), time.Minute); !errors.Is(err, broken) || err.Error() != "broken" {
		t.Errorf("ended with %v", err)
	}
	if late == nil {
		t.Error("the other part was not told")
	}
	if n := logs.FilterField(zap.String("step", "unready")).Len(); n != 1 {
		t.Errorf("it stopped in steps %d times", n)
	}
}

func TestAdminInUseIsOneClearError(t *testing.T) {
	defer noLeaks(t)()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = newProgram("test", taken.Addr().String(), Options{Logger: zap.NewNop()})
	want := "listen on ADMIN_ADDR: listen tcp " + taken.Addr().String() + ": bind: address already in use"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// A program that New has made and nobody runs gives everything back.
func TestCloseUndoesNew(t *testing.T) {
	addr := testserver.FreeAddr(t)
	defer noLeaks(t)()
	p, err := newProgram("test", addr, Options{Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the address is still taken: %v", err)
	}
	_ = l.Close()
}
