package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/pkg/events"
)

// Survey reads how the streams stand, for gauges: how much lies where, and how
// long the oldest of it has. It changes nothing.
type Survey struct {
	js      jetstream.JetStream
	reviews map[string]time.Time // when each open review was stored, by subject
}

// NewSurvey returns a survey over js. It is for one goroutine.
func NewSurvey(js jetstream.JetStream) *Survey {
	return &Survey{js: js, reviews: map[string]time.Time{}}
}

// Backlog is how much waits in one place, and how long the oldest of it has, 0
// where nothing waits.
type Backlog struct {
	Messages uint64
	Oldest   time.Duration
}

func (b *Backlog) add(o Backlog) {
	b.Messages += o.Messages
	b.Oldest = max(b.Oldest, o.Oldest)
}

// Standing is how one stream stands.
type Standing struct {
	Name            string
	Messages, Bytes uint64
	// Replicas is how many copies are there and follow, the leader's included;
	// Declared how many there should be.
	Replicas, Declared int
}

// Streams reads every stream of ours.
func (s *Survey) Streams(ctx context.Context, t config.Topology) ([]Standing, error) {
	var all []Standing
	for _, want := range Declare(t) {
		held, err := s.js.Stream(ctx, want.Name)
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", want.Name, err)
		}
		info := held.CachedInfo()
		all = append(all, Standing{
			Name: want.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes,
			Replicas: following(info.Cluster), Declared: t.Replicas,
		})
	}
	return all, nil
}

// following counts the copies that are there and current. A server that stands
// alone has no cluster to speak of.
func following(c *jetstream.ClusterInfo) int {
	if c == nil {
		return 1
	}
	n := 0
	if c.Leader != "" {
		n++
	}
	for _, r := range c.Replicas {
		if r.Current && !r.Offline {
			n++
		}
	}
	return n
}

// Undecided is what of each merchant's callbacks is not through: waiting, in
// work, or put back. KEDA scales by the same number. A merchant without a durable
// is left out.
func (s *Survey) Undecided(ctx context.Context, merchants []string) (map[string]Backlog, error) {
	held, err := s.js.Stream(ctx, Callbacks)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", Callbacks, err)
	}
	all := map[string]Backlog{}
	for _, merchant := range merchants {
		c, err := held.Consumer(ctx, ReconcilerName(merchant))
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue // one that is not set up yet must not hide the others
		}
		if err != nil {
			return nil, fmt.Errorf("read consumer %s: %w", ReconcilerName(merchant), err)
		}
		info := c.CachedInfo()
		b := Backlog{Messages: info.NumPending + uint64(info.NumAckPending)}
		if b.Messages > 0 {
			if b.Oldest, err = OldestUndecided(ctx, held, info); err != nil {
				return nil, err
			}
		}
		all[merchant] = b
	}
	return all, nil
}

// OldestUndecided is how long the first callback has been stored that a
// merchant's durable is not through with: all below the ack floor is, so the
// next one is not.
func OldestUndecided(ctx context.Context, held jetstream.Stream, durable *jetstream.ConsumerInfo) (time.Duration, error) {
	return age(ctx, held, durable.AckFloor.Stream+1, durable.Config.FilterSubject)
}

// Pending is how many messages a durable still has before it, or in work.
func (s *Survey) Pending(ctx context.Context, d Durable) (uint64, error) {
	c, err := s.js.Consumer(ctx, d.Stream, d.Name)
	if err != nil {
		return 0, fmt.Errorf("read consumer %s: %w", d.Name, err)
	}
	info := c.CachedInfo()
	return info.NumPending + uint64(info.NumAckPending), nil
}

// Parked is what lies in PARKED, by merchant.
func (s *Survey) Parked(ctx context.Context) (map[string]Backlog, error) {
	all := map[string]Backlog{}
	err := s.bySubject(ctx, Parked, "parked.v1.>", func(tokens []string, b Backlog) {
		if len(tokens) == 4 {
			sum := all[tokens[3]]
			sum.add(b)
			all[tokens[3]] = sum
		}
	})
	return all, err
}

// QuarantineSubject names what lies in QUARANTINE.
type QuarantineSubject struct {
	Class    Class
	Merchant string
}

// Quarantined is what lies in QUARANTINE, by class and merchant.
func (s *Survey) Quarantined(ctx context.Context) (map[QuarantineSubject]Backlog, error) {
	all := map[QuarantineSubject]Backlog{}
	err := s.bySubject(ctx, Quarantine, "quarantine.v1.>", func(tokens []string, b Backlog) {
		if len(tokens) == 5 {
			key := QuarantineSubject{Class: Class(tokens[2]), Merchant: tokens[4]}
			sum := all[key]
			sum.add(b)
			all[key] = sum
		}
	})
	return all, err
}

// bySubject hands over the backlog of each subject. It is for streams with few
// subjects: merchants and fixed lists.
func (s *Survey) bySubject(ctx context.Context, name, filter string, each func(tokens []string, b Backlog)) error {
	held, subjects, err := s.subjects(ctx, name, filter)
	if err != nil {
		return err
	}
	for subject, n := range subjects {
		oldest, err := age(ctx, held, 1, subject)
		if err != nil {
			return err
		}
		each(strings.Split(subject, "."), Backlog{Messages: n, Oldest: oldest})
	}
	return nil
}

func (s *Survey) subjects(ctx context.Context, name, filter string) (jetstream.Stream, map[string]uint64, error) {
	held, err := s.js.Stream(ctx, name)
	if err != nil {
		return nil, nil, fmt.Errorf("read stream %s: %w", name, err)
	}
	info, err := held.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, nil, fmt.Errorf("read the subjects of stream %s: %w", name, err)
	}
	return held, info.State.Subjects, nil
}

// age is how long the first message of a subject from a sequence on has been
// stored, by the server's clock; 0 where there is none any more.
func age(ctx context.Context, held jetstream.Stream, from uint64, subject string) (time.Duration, error) {
	m, err := held.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read the oldest of %s: %w", subject, err)
	}
	return max(held.CachedInfo().TimeStamp.Sub(m.Time), 0), nil
}

// OpenReviews is which reviews no resolution closes, by merchant. It reads the
// names of all reviews, and of each open one once when it was stored.
func (s *Survey) OpenReviews(ctx context.Context) (map[string]Backlog, error) {
	held, reviews, err := s.subjects(ctx, Payments, "payments.v1.review.>")
	if err != nil {
		return nil, err
	}
	// Resolutions second: a review that is closed between the two is closed.
	_, resolved, err := s.subjects(ctx, Payments, "payments.v1.resolved.>")
	if err != nil {
		return nil, err
	}
	open, all := map[string]time.Time{}, map[string]Backlog{}
	for subject, order := range Unresolved(reviews, resolved) {
		at, known := s.reviews[subject]
		if !known {
			m, err := held.GetLastMsgForSubject(ctx, subject)
			if err != nil {
				return nil, fmt.Errorf("read review %s: %w", subject, err)
			}
			at = m.Time
			s.reviews[subject] = at // the next round goes on from here, if this one does not end
		}
		open[subject] = at
		sum := all[order.Merchant]
		sum.add(Backlog{Messages: 1, Oldest: max(held.CachedInfo().TimeStamp.Sub(at), 0)})
		all[order.Merchant] = sum
	}
	s.reviews = open
	return all, nil
}

// Unresolved is which of the reviews, by subject, no resolution closes, with the
// order each is about. Subjects that are not ours are left out.
func Unresolved(reviews, resolved map[string]uint64) map[string]events.Order {
	open := map[string]events.Order{}
	for subject := range reviews {
		parts, err := events.ParseSubject(subject)
		if err != nil {
			continue
		}
		if _, closed := resolved[events.ResolvedSubject(parts.Order, parts.Tail)]; !closed {
			open[subject] = parts.Order
		}
	}
	return open
}
