package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// midnights takes each merchant's balance at its midnight, for the statements of
// finance. All workers that sweep do, and one snapshot of each date is stored.
type midnights struct {
	merchants    func() []*config.Merchant
	balance      func(context.Context, *config.Merchant) (gateway.Balance, error)
	book         balanceBook
	clock        func() time.Time // the servers', as for the sweep: a day that begins early would be wrong for ever
	installation string
	log          *zap.Logger

	states map[string]*midnight
}

// balanceBook is what [stream.BalanceBook] does.
type balanceBook interface {
	Last(ctx context.Context, merchant string) (*stream.StoredBalance, error)
	Append(ctx context.Context, e events.BalanceEvent, after uint64) error
}

// midnight is how far one merchant is.
type midnight struct {
	done    string    // the last date that is stored, as far as is known
	retryAt time.Time // after a failure
	pause   time.Duration
}

const (
	midnightPause    = 2 * time.Second // after the first failure
	midnightMaxPause = 5 * time.Minute
	midnightLook     = time.Minute // between looks at which merchants there are
)

// newMidnights opens what the snapshots are stored in.
func (w *Worker) newMidnights(ctx context.Context) (*midnights, error) {
	book, err := stream.OpenBalances(ctx, w.link.js, w.cfg.NATS.PublishTimeout)
	if err != nil {
		return nil, err
	}
	return &midnights{
		merchants: func() []*config.Merchant { return w.merchants.Current().All() }, balance: w.balance, book: book,
		clock: w.fleet.server.Now, installation: w.cfg.General.Installation, log: w.log,
	}, nil
}

// run takes snapshots until ctx ends.
func (m *midnights) run(ctx context.Context) error {
	for ctx.Err() == nil {
		next := m.round(ctx)
		timer := time.NewTimer(max(next.Sub(m.clock()), 0))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// round takes what is due, of all merchants side by side: a gateway that hangs
// delays nobody else's. It returns when the next look is due.
func (m *midnights) round(ctx context.Context) (next time.Time) {
	now, before := m.clock(), m.states
	m.states = map[string]*midnight{}
	var taking sync.WaitGroup
	merchants := m.merchants()
	for _, merchant := range merchants {
		s := before[merchant.ID]
		if s == nil {
			s = &midnight{}
		}
		m.states[merchant.ID] = s
		if date := events.BookingDate(now, merchant.Location); s.done < date && !now.Before(s.retryAt) {
			taking.Go(func() { m.take(ctx, merchant, date, s) })
		}
	}
	taking.Wait()
	next = m.clock().Add(midnightLook)
	for _, merchant := range merchants {
		if due := m.due(merchant); due.Before(next) {
			next = due
		}
	}
	return next
}

// due is when a merchant is looked at again: at its next midnight, or after a pause.
func (m *midnights) due(merchant *config.Merchant) time.Time {
	s, now := m.states[merchant.ID], m.clock()
	if s.done < events.BookingDate(now, merchant.Location) {
		return s.retryAt
	}
	today := finance.Day(events.BookingDate(now, merchant.Location))
	return today.Ends(merchant.Location)
}

// take stores a merchant's snapshot of a date, unless it is there. What fails is
// done again after a pause: that the answer of a publish got lost shows then.
func (m *midnights) take(ctx context.Context, merchant *config.Merchant, date string, s *midnight) {
	stored, err := m.once(ctx, merchant, date)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		*s = midnight{done: stored}
		return
	}
	s.pause = min(max(2*s.pause, midnightPause), midnightMaxPause)
	s.retryAt = m.clock().Add(s.pause)
	if errors.Is(err, stream.ErrTakenMeanwhile) {
		return // which the next look sees
	}
	m.log.Warn("the balance at midnight is not stored; trying again", zap.String("merchant", merchant.ID),
		zap.String("date", date), zap.Duration("again_in", s.pause), zap.Error(err))
}

// once returns the last date that is stored.
func (m *midnights) once(ctx context.Context, merchant *config.Merchant, date string) (stored string, err error) {
	last, err := m.book.Last(ctx, merchant.ID)
	if err != nil {
		return "", err
	}
	var after uint64
	if last != nil {
		if after = last.Sequence; last.Event.Data.Date >= date {
			return last.Event.Data.Date, nil
		}
	}
	asked := m.clock()
	balance, err := m.balance(ctx, merchant)
	if err != nil {
		return "", err
	}
	e, err := m.snapshot(merchant, date, balance, asked)
	if err != nil {
		return "", err
	}
	if err := m.book.Append(ctx, e, after); err != nil {
		return "", err
	}
	m.log.Info("balance at midnight", zap.String("merchant", merchant.ID), zap.String("date", date),
		zap.Stringer("all", e.Data.All), zap.Stringer("usable", e.Data.Usable), zap.String("currency", merchant.Currency),
		zap.Time("answered_at", e.Time))
	return date, nil
}

func (m *midnights) snapshot(merchant *config.Merchant, date string, b gateway.Balance, asked time.Time) (events.BalanceEvent, error) {
	all, err := events.NewSigned(b.All)
	if err != nil {
		return events.BalanceEvent{}, err
	}
	usable, err := events.NewSigned(b.Usable)
	if err != nil {
		return events.BalanceEvent{}, err
	}
	return events.NewBalance(m.installation, events.BalanceSnapshot{
		Merchant: merchant.ID, Account: merchant.Account, Currency: merchant.Currency, Date: date, All: all, Usable: usable,
		AskedAt: asked, AnsweredAt: m.clock(), LiveMode: !b.Sandbox,
	})
}
