package simulation

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// history is everything that happens from outside, and the seed of the order in
// which the workers take their steps. Times count from the beginning.
type history struct {
	Merchants [2]terms
	Orders    []order
	People    []person
	Upsets    []upset
	Breaks    []breakage
	Workers   int
	Attempts  int
	Tiers     int
	ParkAfter time.Duration
	RetryMax  time.Duration
	Stalls    bool   // steps may take longer than a lease
	Seed      uint64 // 0: every step at once, in turn
}

// terms are a merchant's settings.
type terms struct {
	RequireCollect, RequirePay bool
	Trust                      bool // reverse: trust-signed
}

// order is one order's life at the gateway, and what is told about it.
type order struct {
	Merchant   int
	ID         string
	Flow       events.Flow
	Known      time.Duration // when the gateway's query finds it
	Unknown    bool          // its query never does
	Lag        time.Duration // how far its query is behind
	Life       []change
	Registered *registration
	Pushes     []push
}

// change is a new state in the gateway's books.
type change struct {
	At     time.Duration
	Status callback.Status // as the query has it
	Amount string          // "": the query leaves it out
	Plat   string
	Says   said // as the gateway pushes it
}

// said is the content of a push.
type said struct {
	Status  callback.Status
	Reverse bool
	Amount  string
	Plat    string
}

// push is a callback that arrives and is taken.
type push struct {
	At   time.Duration
	Flow events.Flow
	Said said
	Of   int // the change that it is about, -1 where it is forged
}

// registration is what an order service announces.
type registration struct {
	At        time.Duration
	Flow      events.Flow
	Amount    string
	Withdrawn time.Duration // 0: never
}

// String shows what stands behind the pointer in a failing history.
func (r *registration) String() string {
	if r == nil {
		return "none"
	}
	return fmt.Sprintf("%+v", *r)
}

// person resolves an open review, whichever it finds.
type person struct {
	At  time.Duration
	Nth int
	As  events.Outcome // empty: dismissed
}

// kind is what an upset is.
type kind string

const (
	redisFlushed  kind = "redis flushed"
	redisDown     kind = "redis down"
	ledgerDown    kind = "streams down"
	gatewayDown   kind = "gateway down"
	gatewayBusy   kind = "rate used up"
	otherOrder    kind = "answers about another order"
	unreadable    kind = "answers can't be read"
	clockJump     kind = "clock jumps"
	processKilled kind = "process killed"
)

// upset is trouble that lasts a while.
type upset struct {
	Kind kind
	At   time.Duration
	For  time.Duration
	Who  int           // a worker, or a merchant
	By   time.Duration // with clockJump
}

// breakage is what goes wrong with one step.
type breakage struct {
	Nth   int // step of the history
	Fault reconciletest.Fault
}

// Draws. The first of each list is what a failing history shrinks to.
var (
	count     = func(most int) *rapid.Generator[int] { return rapid.IntRange(0, most) }
	seconds   = rapid.IntRange(0, 9)
	percent   = rapid.IntRange(0, 99)
	anySeed   = rapid.Uint64()
	flows     = rapid.SampledFrom([]events.Flow{events.FlowCollect, events.FlowCollect, events.FlowPay})
	soon      = rapid.SampledFrom([]time.Duration{0, time.Second, 10 * time.Second, 40 * time.Second, 3 * time.Minute})
	moments   = rapid.SampledFrom([]time.Duration{0, 0, 10 * time.Second, time.Minute, 10 * time.Minute, 50 * time.Minute, 3 * time.Hour, 20 * time.Hour, 30 * time.Hour, 72 * time.Hour, 90 * time.Hour})
	lags      = rapid.SampledFrom([]time.Duration{0, 0, time.Second, 4 * time.Second, time.Minute})
	offsets   = rapid.SampledFrom([]time.Duration{0, 0, 15 * time.Second, 45 * time.Second, 105 * time.Second, 225 * time.Second, 945 * time.Second, 1905 * time.Second})
	arrivals  = rapid.SampledFrom([]int{1, 0, 0, 1, 1, 2, 2, 8})
	amounts   = rapid.SampledFrom([]string{"1000", "1000", "1000.00", "999", "1000", "1001.5"})
	lives     = rapid.SampledFrom([]string{"S", "", "F", "S", "SR", "FS", "SR", "SRS", "SA", "SP", "FSR", "Sr", "SFS", unknownLife})
	kinds     = rapid.SampledFrom([]kind{redisFlushed, redisDown, ledgerDown, gatewayDown, gatewayBusy, otherOrder, unreadable, clockJump, processKilled})
	durations = rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second, 5 * time.Minute})
	leaps     = rapid.SampledFrom([]time.Duration{time.Minute, -time.Minute, 2 * time.Hour, -2 * time.Hour, 100 * time.Hour, -100 * time.Hour})
	faults    = rapid.SampledFrom([]reconciletest.Fault{reconciletest.Unapplied, reconciletest.Applied, reconciletest.CrashBefore, reconciletest.CrashAfter})
	nths      = rapid.IntRange(1, 100)
	coin      = rapid.Bool()
	decisions = rapid.SampledFrom([]events.Outcome{events.OutcomeSettled, "", events.OutcomeFailed, events.OutcomeReversed, events.OutcomeExpired})
	parkAfter = rapid.SampledFrom([]time.Duration{72 * time.Hour, 72 * time.Hour, 2 * time.Minute})
	retryMax  = rapid.SampledFrom([]time.Duration{time.Minute, 10 * time.Minute})
)

// rarely is true in about one of a hundred for each percent.
func rarely(t *rapid.T, chance int, label string) bool {
	return percent.Draw(t, label) >= 100-chance
}

// histories draws a history.
var histories = rapid.Custom(drawHistory)

func drawHistory(t *rapid.T) history {
	h := history{
		Seed: anySeed.Draw(t, "seed"), Workers: 1 + count(2).Draw(t, "workers"),
		Attempts: 2 + count(1).Draw(t, "attempts"), Tiers: 1 + count(2).Draw(t, "tiers"),
		ParkAfter: parkAfter.Draw(t, "park after"), RetryMax: retryMax.Draw(t, "retry max"),
		Stalls: rarely(t, 30, "stalls"),
	}
	for i := range h.Merchants {
		strict := percent.Draw(t, "terms")
		h.Merchants[i] = terms{RequireCollect: strict >= 75, RequirePay: strict >= 60 && strict < 85, Trust: rarely(t, 25, "trust")}
	}
	names := map[string]bool{}
	for range 1 + count(2).Draw(t, "orders") {
		o := drawOrder(t, h)
		if name := o.name().Merchant + "/" + o.ID; !names[name] {
			names[name] = true
			h.Orders = append(h.Orders, o)
		}
	}
	if rarely(t, 30, "people") {
		for range 1 + count(2).Draw(t, "decisions") {
			h.People = append(h.People, person{
				At: moments.Draw(t, "decides at") + moments.Draw(t, "and"), Nth: count(3).Draw(t, "which"), As: decisions.Draw(t, "as"),
			})
		}
	}
	for range count(3).Draw(t, "upsets") {
		h.Upsets = append(h.Upsets, upset{
			Kind: kinds.Draw(t, "kind"), At: moments.Draw(t, "at") + time.Duration(seconds.Draw(t, "s"))*time.Second,
			For: durations.Draw(t, "for"), Who: count(2).Draw(t, "who"), By: leaps.Draw(t, "by"),
		})
	}
	for range count(4).Draw(t, "breaks") {
		h.Breaks = append(h.Breaks, breakage{nths.Draw(t, "nth"), faults.Draw(t, "fault")})
	}
	return h
}

func drawOrder(t *rapid.T, h history) order {
	o := order{
		Merchant: count(1).Draw(t, "merchant"), Flow: flows.Draw(t, "flow"),
		ID:  rapid.SampledFrom([]string{"A", "B", "A_1", "C"}).Draw(t, "id"),
		Lag: lags.Draw(t, "lag"), Known: soon.Draw(t, "known"),
	}
	amount := amounts.Draw(t, "amount")
	life := lives.Draw(t, "life")
	o.Unknown = life == unknownLife
	o.Life = drawLife(t, life, o.Known, amount)
	for i, c := range o.Life {
		o.Pushes = append(o.Pushes, drawPushes(t, h.Merchants[o.Merchant], o, i, c)...)
	}
	if rarely(t, 10, "push of an open order") {
		o.Pushes = append(o.Pushes, push{At: o.Known, Flow: o.Flow, Said: said{callback.Submitted, false, amount, plat}, Of: -1})
	}
	if rarely(t, 65, "registered") {
		r := &registration{At: moments.Draw(t, "registered at"), Flow: o.Flow, Amount: "1000"}
		if rarely(t, 15, "another amount") {
			r.Amount = "999"
		}
		if rarely(t, 4, "the other flow") {
			r.Flow = other(o.Flow)
		}
		if rarely(t, 10, "withdrawn") {
			r.Withdrawn = r.At + moments.Draw(t, "withdrawn at") + time.Second
		}
		o.Registered = r
	}
	return o
}

const (
	plat        = "P1"
	otherPlat   = "P2"
	unknownLife = "S?"
)

// drawLife spells a life: S paid, F failed, R reversed, r reversed while the query
// goes on saying success, A another amount, P another platform order; nothing
// stays open.
func drawLife(t *rapid.T, spelt string, from time.Duration, amount string) (life []change) {
	at := from
	for _, letter := range strings.TrimSuffix(spelt, "?") {
		at += moments.Draw(t, "changes after") + time.Duration(1+seconds.Draw(t, "s"))*time.Second
		c := change{At: at, Status: callback.Success, Amount: amount, Plat: plat}
		c.Says = said{callback.Success, false, amount, plat}
		switch letter {
		case 'S':
			if rarely(t, 3, "no amount") {
				c.Amount = ""
			}
		case 'F':
			c.Status, c.Says.Status = callback.Failed, callback.Failed
			if coin.Draw(t, "query says 0") {
				c.Amount = "0"
			}
		case 'R':
			c.Status, c.Says.Status, c.Says.Reverse = callback.Failed, callback.Failed, true
			if coin.Draw(t, "query says 0") {
				c.Amount = "0"
			}
			if coin.Draw(t, "push says success") {
				c.Says.Status = callback.Success
			}
		case 'r':
			c.Says.Reverse = true
		case 'A':
			c.Amount, c.Says.Amount = "500", "500"
		case 'P':
			c.Plat, c.Says.Plat = otherPlat, otherPlat
		}
		life = append(life, c)
	}
	return life
}

// drawPushes draws how often a change is pushed, and how the pushes are bent.
func drawPushes(t *rapid.T, m terms, o order, of int, c change) (pushes []push) {
	for range arrivals.Draw(t, "arrivals") {
		p := push{At: c.At + offsets.Draw(t, "offset") + time.Duration(seconds.Draw(t, "s"))*time.Second/4, Flow: o.Flow, Said: c.Says, Of: of}
		switch bent := percent.Draw(t, "bent"); {
		case bent >= 98:
			p.Said.Plat, p.Of = "P3", -1
		case bent >= 97:
			p.Flow, p.Of = other(o.Flow), -1
		case bent >= 94:
			p.Said.Amount, p.Of = "998", -1
		case bent >= 91 && !(m.Trust && c.Says.Reverse): // what is trusted is not forged
			p.Said.Status, p.Said.Reverse, p.Of = callback.Success+callback.Failed-c.Says.Status, false, -1
		case bent >= 89 && !m.Trust:
			p.Said.Reverse, p.Of = !c.Says.Reverse, -1
		}
		pushes = append(pushes, p)
	}
	return pushes
}

func other(f events.Flow) events.Flow {
	if f == events.FlowCollect {
		return events.FlowPay
	}
	return events.FlowCollect
}

var merchantIDs = [2]string{"m1", "m2"}

// name is the order as its gateway has it.
func (o order) name() events.Order {
	return events.Order{Flow: o.Flow, Merchant: merchantIDs[o.Merchant], OrderID: o.ID}
}
