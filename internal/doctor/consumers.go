package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/sweep"
)

// wanted is a consumer that has to be there.
type wanted struct {
	stream, merchant string
	config           jetstream.ConsumerConfig
}

// place names a consumer.
type place struct{ stream, name string }

// consumers looks at what every merchant's callbacks and orders hang on.
func consumers(ctx context.Context, v *visit) ([]Finding, error) {
	merchants, err := v.merchants.get(ctx)
	if err != nil {
		return nil, err
	}
	infos, err := v.listConsumers(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	var sweeping []*jetstream.ConsumerInfo
	var waiting, through uint64
	declared := declare(merchants, v.o.Settings)
	for _, want := range declared {
		info := infos[place{want.stream, want.config.Durable}]
		if info == nil {
			f, err := v.absent(ctx, want)
			if err != nil {
				return nil, err
			}
			found = append(found, f)
			continue
		}
		problems := standing(want, info)
		if want.stream == stream.Callbacks {
			through += info.AckFloor.Consumer
			waiting += info.NumPending + uint64(info.NumAckPending)
			if len(problems) == 0 {
				if problems, err = v.worked(ctx, want, info); err != nil {
					return nil, err
				}
			}
		} else {
			sweeping = append(sweeping, info)
		}
		found = append(found, problems...)
	}
	if f, lost := v.ledgerLost(ctx, through); lost {
		found = append(found, f)
	}
	found = append(found, v.swept(sweeping)...)
	found = append(found, orphans(infos, merchants)...)
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("%d consumers as declared; %d callbacks in work or waiting", len(declared), waiting)}, nil
}

// ledgerLost tells a ledger whose files were lost from one that has just begun: a
// cluster makes a stream that it knows anew, and empty. through is how many
// callbacks are behind the workers.
func (v *visit) ledgerLost(ctx context.Context, through uint64) (f Finding, lost bool) {
	ledger, err := v.stream(ctx, stream.Payments)
	if err != nil || ledger.State.LastSeq > 0 || through == 0 {
		return Finding{}, false // the check of the streams says why
	}
	return fail("stop the workers and restore "+stream.Payments+" (deploy/k8s/README.md); if none of these callbacks moved money, all is well",
		"the ledger has never had an event, but %d callbacks are through: it was lost, and what they settled is told again", through), true
}

// declare are the consumers that the merchants need.
func declare(merchants *config.Merchants, s config.Doctor) []wanted {
	var all []wanted
	for _, m := range merchants.All() {
		all = append(all, wanted{stream.Callbacks, m.ID, stream.Reconciler(m.ID, m.RatePerSecond(), s.Topology.AckWait)})
		for _, tier := range sweep.Plan(s.Sweep.Delays, s.Sweep.LookBack) {
			d := stream.Sweeper(m.ID, tier, s.Topology.AckWait)
			all = append(all, wanted{d.Stream, m.ID, d.Config})
		}
	}
	return all
}

func (v *visit) listConsumers(ctx context.Context) (map[place]*jetstream.ConsumerInfo, error) {
	infos := map[place]*jetstream.ConsumerInfo{}
	for _, name := range []string{stream.Callbacks, stream.Orders, stream.Payments} {
		if _, err := v.stream(ctx, name); err != nil {
			return nil, err
		}
		l, err := v.nats.get(ctx)
		if err != nil {
			return nil, err
		}
		s, err := l.js.Stream(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", name, err)
		}
		list := s.ListConsumers(ctx)
		for info := range list.Info() {
			infos[place{name, info.Name}] = info
		}
		if err := list.Err(); err != nil {
			return nil, fmt.Errorf("list the consumers of %s: %w", name, err)
		}
	}
	return infos, nil
}

// absent tells a consumer that is missing from one whose leader did not answer.
func (v *visit) absent(ctx context.Context, want wanted) (Finding, error) {
	l, err := v.nats.get(ctx)
	if err != nil {
		return Finding{}, err
	}
	_, err = l.js.Consumer(ctx, want.stream, want.config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fail("settlehook setup", "merchant %s: consumer %s on %s is missing", want.merchant, want.config.Durable, want.stream), nil
	}
	if err == nil {
		err = errors.New("it has no leader, or came just now")
	}
	return fail(fmt.Sprintf("nats consumer info %s %s", want.stream, want.config.Durable),
		"merchant %s: consumer %s on %s can't be read: %v", want.merchant, want.config.Durable, want.stream, err), nil
}

// standing looks at how a consumer is made.
func standing(want wanted, info *jetstream.ConsumerInfo) []Finding {
	var found []Finding
	if err := stream.VerifyDurable(want.stream, want.config, info.Config); err != nil {
		for _, b := range brokenFields(err) {
			found = append(found, fieldFinding(b))
		}
	}
	if got := info.Config.MaxAckPending; len(found) == 0 && got != want.config.MaxAckPending {
		found = append(found, warn("settlehook setup", "consumer %s on %s: max_ack_pending is %d, the merchant's rate and ACK_WAIT ask for %d",
			info.Name, want.stream, got, want.config.MaxAckPending))
	}
	if info.Paused {
		found = append(found, fail(fmt.Sprintf("nats consumer resume %s %s", want.stream, info.Name),
			"merchant %s: consumer %s on %s is paused for %s more", want.merchant, info.Name, want.stream, info.PauseRemaining.Round(time.Second)))
	}
	return found
}

// worked looks whether callbacks are decided in time. Without any to decide
// nobody has to pull: workers are scaled down to none then.
func (v *visit) worked(ctx context.Context, want wanted, info *jetstream.ConsumerInfo) ([]Finding, error) {
	waiting := info.NumPending + uint64(info.NumAckPending)
	if waiting == 0 {
		return nil, nil
	}
	age, err := v.oldest(ctx, want, info)
	if err != nil || age <= v.o.Patience {
		return nil, err
	}
	say := fmt.Sprintf("merchant %s: %d %s, the oldest for %s", want.merchant, waiting,
		plural(int(waiting), "callback waits", "callbacks wait"), age.Round(time.Second))
	if info.NumWaiting == 0 && v.longAgo(info.TimeStamp, info.Delivered.Last) {
		return []Finding{fail("start workers with the role callbacks (kubectl get deployments,scaledobjects); one leaves a merchant alone whose gateway does not answer: settlehook gateway balance --merchant "+want.merchant,
			"%s, and nobody pulls them", say)}, nil
	}
	moved := "none before it ended"
	if last := info.AckFloor.Last; last != nil {
		moved = "the one before it ended " + info.TimeStamp.Sub(*last).Round(time.Second).String() + " ago"
	}
	return []Finding{warn("see why in the workers' log: 'callback decided' with merchant "+want.merchant+", and its gateway: settlehook gateway balance --merchant "+want.merchant,
		"%s; %s", say, moved)}, nil
}

// longAgo reports whether something last happened beyond patience, by the
// servers' clock.
func (v *visit) longAgo(now time.Time, last *time.Time) bool {
	return last == nil || now.Sub(*last) > v.o.Patience
}

// oldest is how long the first callback waits that is not through.
func (v *visit) oldest(ctx context.Context, want wanted, info *jetstream.ConsumerInfo) (time.Duration, error) {
	l, err := v.nats.get(ctx)
	if err != nil {
		return 0, err
	}
	s, err := l.js.Stream(ctx, want.stream)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", want.stream, err)
	}
	return stream.OldestUndecided(ctx, s, info)
}

// swept looks whether somebody sweeps: two workers always do.
func (v *visit) swept(infos []*jetstream.ConsumerInfo) []Finding {
	if len(infos) == 0 || slices.ContainsFunc(infos, func(i *jetstream.ConsumerInfo) bool {
		return i.NumWaiting > 0 || !v.longAgo(i.TimeStamp, i.Delivered.Last)
	}) {
		return nil
	}
	return []Finding{fail("start a worker with the role sweep (the Deployment of the sweepers)",
		"nobody sweeps: orders whose callbacks are lost are not found")}
}

// orphans are consumers of merchants that are not configured.
func orphans(infos map[place]*jetstream.ConsumerInfo, merchants *config.Merchants) []Finding {
	var found []Finding
	for at, info := range infos {
		merchant, ours := strings.CutPrefix(info.Name, stream.ReconcilerName(""))
		if !ours || at.stream != stream.Callbacks {
			continue
		}
		if _, configured := merchants.Get(merchant); configured {
			continue
		}
		waiting := info.NumPending + uint64(info.NumAckPending)
		if waiting > 0 {
			found = append(found, warn("settlehook setup: workers park them then; or put the merchant back into the merchants file",
				"merchant %s is not configured, and %d of its callbacks wait", merchant, waiting))
			continue
		}
		found = append(found, warn(fmt.Sprintf("nats consumer rm %s %s --force, or put the merchant back into the merchants file", stream.Callbacks, info.Name),
			"merchant %s is not configured, but has a consumer with nothing to do", merchant))
	}
	slices.SortFunc(found, func(a, b Finding) int { return cmp.Compare(a.Says, b.Says) })
	return found
}
