package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
)

// skewed is by how much clocks may differ; synchronised ones differ by
// milliseconds. The worker warns at the same.
const skewed = 2 * time.Second

// offset is by how much this machine's clock is ahead of another's.
type offset struct {
	whose string
	stream.Skew
}

// clocks compares this machine's clock with those of the servers. Booking dates
// come from the workers' clocks, turns of the sweep from NATS', the rate from
// Redis'.
func clocks(ctx context.Context, v *visit) ([]Finding, error) {
	var all []offset
	if len(v.o.Settings.Monitoring.URLs) > 0 {
		servers, _ := v.servers.get(ctx) // those that did not tell are found elsewhere
		for _, s := range servers {
			all = append(all, offset{s.Name, stream.Skew{Ahead: s.Ahead(), GiveOrTake: s.Uncertain}})
		}
	}
	natsClock, err := v.natsClock(ctx)
	if err == nil {
		all = append(all, natsClock)
	}
	redisClock, redisErr := v.redisClock(ctx)
	if redisErr == nil {
		all = append(all, redisClock)
	}
	if len(all) == 0 {
		return nil, errors.Join(err, redisErr)
	}
	return []Finding{compare(all)}, nil
}

// shownOffset rounds to what the way to the other clock and back leaves sure.
func shownOffset(ahead time.Duration) time.Duration {
	if ahead = ahead.Abs(); ahead > time.Minute {
		return ahead.Round(time.Second)
	}
	return ahead.Round(100 * time.Millisecond)
}

func compare(all []offset) Finding {
	var off, names []string
	for _, o := range all {
		names = append(names, o.whose)
		if o.Beyond(skewed) {
			way := "ahead of"
			if o.Ahead < 0 {
				way = "behind"
			}
			off = append(off, fmt.Sprintf("%s %s %s", shownOffset(o.Ahead), way, o.whose))
		}
	}
	if len(off) > 0 {
		return fail("synchronise the machines (NTP): 'timedatectl' or 'chronyc tracking' on each says which is wrong",
			"this machine's clock is %s", strings.Join(off, ", "))
	}
	return ok("within %s of %s", skewed, strings.Join(names, ", "))
}

func (v *visit) natsClock(ctx context.Context) (offset, error) {
	if _, err := v.stream(ctx, stream.Callbacks); err != nil {
		return offset{}, err
	}
	l, err := v.nats.get(ctx)
	if err != nil {
		return offset{}, err
	}
	clock, err := stream.NewServerClock(ctx, l.js, v.o.Now)
	if err != nil {
		return offset{}, err
	}
	skew, err := clock.Measure(ctx)
	return offset{"NATS", skew}, err
}

func (v *visit) redisClock(ctx context.Context) (offset, error) {
	client, err := v.redis.get(ctx)
	if err != nil {
		return offset{}, err
	}
	before := v.o.Now()
	server, err := client.Time(ctx).Result()
	if err != nil {
		return offset{}, fmt.Errorf("ask Redis for its time: %w", err)
	}
	way := v.o.Now().Sub(before) / 2
	return offset{"Redis", stream.Skew{Ahead: before.Add(way).Sub(server), GiveOrTake: way}}, nil
}
