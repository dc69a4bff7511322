package orderapi

import (
	"context"
	"math"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// Rate is one merchant's query rate, shared by all workers through Redis: a
// reservation in a generic cell rate algorithm, spaced evenly (burst of one),
// since siblings of this gateway count within one second. Where Redis does not
// answer, this worker takes its share alone.
type Rate struct {
	client   redis.UniversalClient
	key      string
	interval time.Duration
	horizon  time.Duration
	alone    *rate.Limiter
	waited   func(time.Duration)
}

// NewRate allows perSecond queries of merchant over all workers; maxWorkers
// divides it when Redis can't. horizon is the longest that anybody waits for a
// turn in it.
func NewRate(client redis.UniversalClient, prefix, merchant string, perSecond float64, maxWorkers int, horizon time.Duration) *Rate {
	return &Rate{
		client: client, horizon: horizon,
		key: prefix + "rate:" + merchant,
		// Whole microseconds, as the script counts, rounded so that the rate is
		// never exceeded.
		interval: time.Duration(math.Ceil(1e6/perSecond)) * time.Microsecond,
		alone:    rate.NewLimiter(rate.Limit(perSecond/float64(max(maxWorkers, 1))), 1),
	}
}

// OnWait has f hear how long each question has to wait for its turn, 0 where the
// rate has room: what is left of the budget. It returns r.
func (r *Rate) OnWait(f func(time.Duration)) *Rate {
	r.waited = f
	return r
}

// reserveScript answers the microseconds to wait for the reserved slot, or
// minus that wait when it is longer than allowed and nothing was reserved. The
// clock is Redis', so that workers need not agree on the time.
var reserveScript = redis.NewScript(`
local t = redis.call("TIME")
local now = t[1] * 1000000 + t[2]
local interval, longest, horizon = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slot = math.max(tonumber(redis.call("GET", KEYS[1]) or "0"), now)
local wait = slot - now
if wait > horizon + interval then
  -- Nobody reserves beyond the horizon: the clock stepped back, or a replica
  -- took over whose clock is behind.
  slot, wait = now, 0
end
if wait > longest then return -wait end
redis.call("SET", KEYS[1], string.format("%.0f", slot + interval), "PX", math.ceil((wait + interval) / 1000) + 1000)
return wait`)

// Reserve takes the next slot and returns how long to wait for it. ok is false
// when the wait would be longer than longest: nothing was taken, and wait says
// when to come back.
func (r *Rate) Reserve(ctx context.Context, longest time.Duration) (wait time.Duration, ok bool) {
	wait, ok = r.reserve(ctx, longest)
	if r.waited != nil {
		r.waited(wait)
	}
	return wait, ok
}

func (r *Rate) reserve(ctx context.Context, longest time.Duration) (wait time.Duration, ok bool) {
	us, err := reserveScript.Run(ctx, r.client, []string{r.key}, r.interval.Microseconds(), longest.Microseconds(),
		max(r.horizon, longest).Microseconds()).Int64()
	if err != nil {
		return r.reserveAlone(longest)
	}
	if us < 0 {
		return time.Duration(-us) * time.Microsecond, false
	}
	return time.Duration(us) * time.Microsecond, true
}

func (r *Rate) reserveAlone(longest time.Duration) (time.Duration, bool) {
	res := r.alone.Reserve()
	wait := res.Delay()
	if wait > longest {
		res.Cancel()
		return wait, false
	}
	return wait, true
}
