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

	mu     sync.Mutex
	states map[string]*midnight
	taking sync.WaitGroup
	taken  chan struct{} // one was taken, or failed
}

// balanceBook is what [stream.BalanceBook] does.
type balanceBook interface {
	Last(ctx context.Context, merchant string) (*stream.StoredBalance, error)
	Append(ctx context.Context, e events.BalanceEvent, after uint64) error
}

// midnight is how far one merchant is.
type midnight struct {
	date    string    // that is due, or was last
	done    bool      // it is stored
	taking  bool      // it is being asked for
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
	m.taken = make(chan struct{}, 1)
	defer m.taking.Wait()
	for ctx.Err() == nil {
		m.begin(ctx)
		timer := time.NewTimer(max(m.next().Sub(m.clock()), 0))
		select {
		case <-ctx.Done():
		case <-m.taken:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// begin begins to take what is due, of each merchant on its own: a gateway that
// hangs delays nobody else's.
func (m *midnights) begin(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, before := m.clock(), m.states
	m.states = map[string]*midnight{}
	for _, merchant := range m.merchants() {
		s := before[merchant.ID]
		date := events.BookingDate(now, merchant.Location)
		if s == nil || s.date < date && !s.taking { // a pause of the day before is over
			s = &midnight{date: date}
		}
		m.states[merchant.ID] = s
		if s.done || s.taking || now.Before(s.retryAt) {
			continue
		}
		s.taking = true
		m.taking.Go(func() { m.take(ctx, merchant, s) })
	}
}

// next is when the next look is due: at a midnight, after a pause, or soon, since
// other merchants may have come.
func (m *midnights) next() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := m.clock().Add(midnightLook)
	for _, merchant := range m.merchants() {
		s := m.states[merchant.ID]
		if s == nil || s.taking {
			continue
		}
		due := s.retryAt
		if s.done {
			due = finance.Day(s.date).Ends(merchant.Location)
		}
		if due.Before(next) {
			next = due
		}
	}
	return next
}

// take stores a merchant's snapshot of a date, unless it is there. What fails is
// done again after a pause: that the answer of a publish got lost shows then.
func (m *midnights) take(ctx context.Context, merchant *config.Merchant, s *midnight) {
	err := m.once(ctx, merchant, s.date)
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.taking, s.done = false, err == nil; err != nil {
		s.pause = min(max(2*s.pause, midnightPause), midnightMaxPause)
		s.retryAt = m.clock().Add(s.pause)
	}
	select {
	case m.taken <- struct{}{}:
	default:
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, stream.ErrTakenMeanwhile) {
		return // the last is what the next look sees
	}
	m.log.Warn("the balance at midnight is not stored; trying again", zap.String("merchant", merchant.ID),
		zap.String("date", s.date), zap.Duration("again_in", s.pause), zap.Error(err))
}

// errDayOver is the error of an answer that came after the next midnight: it is no
// opening balance of the date any more.
var errDayOver = errors.New("the gateway answered when the day was over")

// once stores a snapshot of a date, unless there is one.
func (m *midnights) once(ctx context.Context, merchant *config.Merchant, date string) error {
	last, err := m.book.Last(ctx, merchant.ID)
	if err != nil {
		return err
	}
	var after uint64
	if last != nil {
		if after = last.Sequence; last.Event.Data.Date >= date {
			return nil
		}
	}
	asked := m.clock()
	balance, err := m.balance(ctx, merchant)
	if err != nil {
		return err
	}
	if events.BookingDate(m.clock(), merchant.Location) != date {
		return errDayOver
	}
	e, err := m.snapshot(merchant, date, balance, asked)
	if err != nil {
		return err
	}
	if err := m.book.Append(ctx, e, after); err != nil {
		return err
	}
	m.log.Info("balance at midnight", zap.String("merchant", merchant.ID), zap.String("date", date),
		zap.Stringer("all", e.Data.All), zap.Stringer("usable", e.Data.Usable), zap.String("currency", merchant.Currency),
		zap.Time("answered_at", e.Time))
	return nil
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
