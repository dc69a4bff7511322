package receiver

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/tracing"
)

// Store is where accepted callbacks go.
type Store interface {
	// Store returns nil only once the callback is durably stored, or was
	// before (Receipt.Duplicate). After an error it may be stored or not. The
	// context bounds the wait; it does not end when the sender hangs up.
	Store(ctx context.Context, a stream.Accepted) (stream.Receipt, error)
}

// Keeper is where refused callbacks go.
type Keeper interface {
	// Keep returns nil once the evidence is stored. The context bounds the
	// wait.
	Keep(ctx context.Context, r stream.Refused) error
}

// Options are what a [Handler] is made of. Every field but the tracer is needed.
type Options struct {
	// HTTP gives the limits and the trusted proxies.
	HTTP config.HTTP
	// Quarantine gives the budgets of evidence.
	Quarantine config.Quarantine
	// PublishTimeout is the longest wait for a PubAck (NATS.PublishTimeout).
	PublishTimeout time.Duration
	Store          Store
	Keeper         Keeper
	// Merchants returns the merchants as configured now, never nil.
	Merchants func() *config.Merchants
	Clock     func() time.Time
	Log       *zap.Logger
	// Metrics is where the handler's metrics are registered.
	Metrics prometheus.Registerer
	// Tracer makes the spans of requests; nil makes none.
	Tracer *tracing.Tracer
}

func (o *Options) check() error {
	switch {
	case o.Store == nil, o.Keeper == nil, o.Merchants == nil, o.Clock == nil, o.Log == nil, o.Metrics == nil:
		return errors.New("receiver: store, keeper, merchants, clock, log and metrics must all be given")
	case o.PublishTimeout <= 0:
		return errors.New("receiver: the publish time-out must be longer than zero")
	case o.HTTP.MaxInFlight <= 0, o.HTTP.MaxReading <= 0, o.HTTP.MaxReadingPerSource <= 0:
		return errors.New("receiver: there must be room for at least one callback")
	}
	return nil
}

// Handler receives callbacks at POST /callbacks/{flow}/{merchant}. It does its
// own routing and never redirects: gateways follow no redirects, and nothing
// of a hostile path is to be sent back.
type Handler struct {
	opts     Options
	sources  *limiters[sourceKey]
	pushes   *limiters[string] // verified callbacks, by merchant
	reading  *reading
	storing  places // verified callbacks that wait for their PubAck
	evidence *evidence
	metrics  *metrics
	draining atomic.Bool
	refusing atomic.Bool
}

// New returns a handler. Incomplete options and metrics that are registered
// already are errors.
func New(opts Options) (*Handler, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	m, err := newMetrics(opts.Metrics)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		opts:     opts,
		sources:  newLimiters[sourceKey](opts.HTTP.SourceRate, opts.HTTP.SourceBurst, mostBuckets),
		pushes:   newLimiters[string](opts.HTTP.MerchantRate, opts.HTTP.MerchantBurst, mostBuckets),
		reading:  newReading(opts.HTTP.MaxReading, opts.HTTP.MaxReadingPerSource),
		storing:  make(places, opts.HTTP.MaxInFlight),
		evidence: newEvidence(opts.Quarantine),
		metrics:  m,
	}
	if err := h.registerRoom(opts.Metrics); err != nil {
		return nil, err
	}
	return h, nil
}

// Drain makes every answer from now on close its connection: whoever pushes
// over one that is kept goes to another receiver with the next push, and is
// refused nothing. To close an idle connection instead would cut off the push
// that is on its way.
func (h *Handler) Drain() { h.draining.Store(true) }

// Refuse makes the handler answer 503 to every callback from now on, without
// reading it, and close its connection: for a receiver that must not go on. The
// sender pushes again, to whoever has taken over. Requests past that stage are
// finished; http.Server.Shutdown waits for them.
func (h *Handler) Refuse() {
	h.draining.Store(true)
	h.refusing.Store(true)
}

// Draining reports whether Drain or Refuse was called.
func (h *Handler) Draining() bool { return h.draining.Load() }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, received: h.opts.Clock(), flow: stream.Unknown, merchant: stream.Unknown}
	if c := connOf(r); c != nil {
		c.working()
		defer x.rest(c)
	}
	defer x.rescue()
	defer x.giveRoomBack()
	if refused := x.walk(); refused != nil {
		x.refuse(refused)
		return
	}
	x.accept()
}
