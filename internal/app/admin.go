package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Admin is the operator's listener: /livez has no dependencies, /readyz says
// whether this process takes work, /metrics is for Prometheus.
type Admin struct {
	registry *prometheus.Registry
	listener net.Listener
	server   *http.Server
	ready    atomic.Bool
}

// adminTimeout bounds a request of the operator's.
const adminTimeout = 10 * time.Second

// NewAdmin listens on addr. It is not ready until SetReady says so.
func NewAdmin(addr string) (*Admin, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on ADMIN_ADDR: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a := &Admin{listener: l, registry: registry}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { line(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if a.ready.Load() {
			line(w, http.StatusOK, "ready")
			return
		}
		line(w, http.StatusServiceUnavailable, "not ready: starting or draining")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry: registry, EnableOpenMetrics: true, // which has exemplars
	}))
	a.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: adminTimeout, ReadTimeout: adminTimeout, WriteTimeout: 3 * adminTimeout,
	}
	return a, nil
}

func line(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// Addr is the address it listens on.
func (a *Admin) Addr() string { return a.listener.Addr().String() }

// SetReady says whether this process takes work.
func (a *Admin) SetReady(ready bool) { a.ready.Store(ready) }

// Serve serves until Stop.
func (a *Admin) Serve() error {
	if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Stop lets requests in hand finish while ctx lasts. It also frees the address
// of a listener that was never served.
func (a *Admin) Stop(ctx context.Context) error { return stopServer(ctx, a.server, a.listener) }

// stopServer lets requests in hand finish while ctx lasts, and then cuts them
// off. A listener that no Serve has seen is unknown to Shutdown.
func stopServer(ctx context.Context, s *http.Server, l net.Listener) error {
	err := s.Shutdown(ctx)
	if err != nil {
		_ = s.Close() // the first error says why
	}
	_ = l.Close() // closed already, unless it was never served
	return err
}
