package orderapi

import (
	"context"
	"errors"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// Client is the order query of one merchant.
type Client interface {
	QueryOrder(ctx context.Context, orderID string) (gateway.Order, error)
}

// Observer hears of every question, for the metrics.
type Observer interface {
	// Queried is called with a short result ("success", "failed", …, or an
	// [reconcile.Unavailable] cause) and how long the gateway took; 0 when it
	// was not asked.
	// The context is that of the question's trace.
	Queried(ctx context.Context, result string, took time.Duration)
	// GateChanged is called with the breaker's new state ("closed", "open",
	// "half-open"), in order; it must not call the Gateway.
	GateChanged(state string)
}

// Config are the bounds of one merchant's questions.
type Config struct {
	Timeout  time.Duration // of one question
	RateWait time.Duration // longest wait for the rate before coming back later
	Failures int           // in a row until the gateway is left alone
	Pause    time.Duration // how long it is left alone
}

// Gateway asks one merchant's gateway.
type Gateway struct {
	*gate
	cfg      Config
	client   Client
	rate     *Rate
	observer Observer
}

var _ reconcile.Gateway = (*Gateway)(nil)

// NewGateway wires a merchant's gateway.
func NewGateway(cfg Config, client Client, rate *Rate, o Observer) *Gateway {
	return &Gateway{cfg: cfg, client: client, rate: rate, observer: o, gate: newGate(cfg.Failures, cfg.Pause, o.GateChanged)}
}

// Causes of an answer that did not come.
const (
	CauseRate      = reconcile.CauseRate
	CauseBreaker   = "breaker_open"
	CauseRefused   = "refused" // a 400 that says nothing about the order
	CauseAnomaly   = "anomaly" // a 500
	CauseTransport = "transport"
	CauseAnswer    = "bad_answer" // not the API's form: nothing is known of the order
	CauseOther     = "other"
)

// Query implements reconcile.Gateway. The rate comes before the breaker's
// permit: a permit that is taken must be used, since one is all that a gateway
// gets that is being tried again.
func (g *Gateway) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	if err := g.left(ctx); err != nil {
		return reconcile.Answer{}, err
	}
	if err := g.turn(ctx, g.rate, g.cfg.RateWait); err != nil {
		return reconcile.Answer{}, err
	}
	return g.permitted(ctx, orderID)
}

// left: the gateway is left alone for now.
func (g *Gateway) left(ctx context.Context) error {
	if g.breaker.IsOpen() && g.breaker.RemainingDelay() > 0 {
		return g.notAsked(ctx, CauseBreaker, g.breaker.RemainingDelay())
	}
	return nil
}

// turn waits for a turn in a rate, if it comes within longest.
func (g *Gateway) turn(ctx context.Context, r *Rate, longest time.Duration) error {
	wait, ok := r.Reserve(ctx, longest)
	if !ok {
		return g.notAsked(ctx, CauseRate, wait)
	}
	if err := sleep(ctx, wait); err != nil {
		return &reconcile.Unavailable{Cause: CauseRate, NotAsked: true, Err: err}
	}
	return nil
}

// permitted asks if the breaker lets it.
func (g *Gateway) permitted(ctx context.Context, orderID string) (reconcile.Answer, error) {
	if !g.breaker.TryAcquirePermit() {
		return reconcile.Answer{}, g.notAsked(ctx, CauseBreaker, g.breaker.RemainingDelay())
	}
	return g.ask(ctx, orderID)
}

func (g *Gateway) ask(ctx context.Context, orderID string) (reconcile.Answer, error) {
	asking, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	begun := time.Now()
	returned := false
	defer func() {
		if !returned {
			g.breaker.RecordSuccess() // a panic, at what a gateway sent that is there: the permit has to be used
		}
	}()
	order, err := g.client.QueryOrder(asking, orderID)
	answer, err := read(order, err)
	returned = true
	var unavailable *reconcile.Unavailable
	switch {
	case err == nil:
		g.breaker.RecordSuccess()
		g.observer.Queried(ctx, name(answer), time.Since(begun))
	case errors.As(err, &unavailable):
		// A gateway that answers is there, whatever it says: a refusal or an
		// anomaly may be about this order alone, and a few of those must not
		// stop a merchant. The worker's own end says nothing, and gives the
		// permit back the same way; the next question finds out.
		if silent(unavailable) && !errors.Is(ctx.Err(), context.Canceled) {
			g.breaker.RecordFailure()
		} else {
			g.breaker.RecordSuccess()
		}
		g.observer.Queried(ctx, unavailable.Cause, time.Since(begun))
	}
	return answer, err
}

// silent: no answer came that could be read as one of the API's.
func silent(u *reconcile.Unavailable) bool {
	return u.Cause == CauseTransport || u.Cause == CauseOther && !errors.Is(u.Err, gateway.ErrInvalidRequest)
}

func (g *Gateway) notAsked(ctx context.Context, cause string, after time.Duration) error {
	g.observer.Queried(ctx, cause, 0)
	return &reconcile.Unavailable{Cause: cause, After: after, NotAsked: true}
}

// read turns what the client brought into evidence, or into the lack of it.
func read(o gateway.Order, err error) (reconcile.Answer, error) {
	var notFound *gateway.NotFoundError
	var answer *gateway.AnswerError
	switch {
	case err == nil:
		return evidence(o), nil
	case errors.As(err, &notFound):
		return reconcile.Answer{Sandbox: notFound.Sandbox}, nil
	case errors.As(err, &answer) && answer.Mismatch:
		return reconcile.Answer{OtherOrder: true, Sandbox: answer.Sandbox}, nil
	case errors.As(err, &answer) && answer.InData:
		return reconcile.Answer{Unreadable: true, Sandbox: answer.Sandbox}, nil
	default:
		return reconcile.Answer{}, &reconcile.Unavailable{Cause: causeOf(err), Err: err}
	}
}

// evidence is what an order says. An amount beyond any that there can be makes
// the whole of it unreadable.
func evidence(o gateway.Order) reconcile.Answer {
	amount, amountErr := amountOf(o.Amount, o.AmountKnown)
	fee, feeErr := amountOf(o.Fee, o.FeeKnown)
	if amountErr != nil || feeErr != nil {
		return reconcile.Answer{Unreadable: true, Sandbox: o.Sandbox}
	}
	return reconcile.Answer{
		Found: true, PlatOrderID: o.PlatOrderID, Status: callback.Status(o.Status),
		Amount: amount, Fee: fee, UTR: o.UTR, Sandbox: o.Sandbox,
	}
}

func amountOf(d decimal.Decimal, known bool) (events.Amount, error) {
	if !known {
		return events.Amount{}, nil
	}
	return events.NewAmount(d)
}

func causeOf(err error) string {
	var business *gateway.BusinessError
	var anomaly *gateway.AnomalyError
	var transport *gateway.TransportError
	var answer *gateway.AnswerError
	switch {
	case errors.As(err, &business):
		return CauseRefused
	case errors.As(err, &anomaly):
		return CauseAnomaly
	case errors.As(err, &transport):
		return CauseTransport
	case errors.As(err, &answer):
		return CauseAnswer
	default:
		return CauseOther
	}
}

// name is an answer's result for the metrics.
func name(a reconcile.Answer) string {
	switch {
	case a.OtherOrder:
		return "other_order"
	case a.Unreadable:
		return "unreadable"
	case !a.Found:
		return "not_found"
	default:
		return a.Status.String()
	}
}
