package eventstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe"
)

// ErrPublished is the error of an event that the stream has already: it keeps
// one of each subject.
var ErrPublished = errors.New("the stream has an event of this subject")

// MostAttempts is how often [Source.Drain] offers an event before it takes the
// handler for broken. The real stream offers it for ever.
const MostAttempts = 20

// StuckError means an event that nobody took in [MostAttempts] attempts.
type StuckError struct {
	Subject string
	Err     error // of the last attempt
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("event %s failed %d times, the last time with: %v", e.Subject, MostAttempts, e.Err)
}

// Unwrap returns the error of the last attempt.
func (e *StuckError) Unwrap() error { return e.Err }

// Source stands for the stream and its durables. Its methods may be called
// concurrently, except for two drains of one durable.
type Source struct {
	// LostAcks is the share of acknowledgements that get lost, in percent: their
	// events come again although the handler was done. Default 25.
	LostAcks int

	mu       sync.Mutex
	seed     uint64
	messages []stored
	subjects map[string]bool
	durables map[string]*durable
}

// stored is a message of the stream; its sequence is its index and 1.
type stored struct {
	subject string
	order   string
	body    []byte
	at      time.Time
}

// durable is a position: what was delivered how often, and is done with.
type durable struct {
	made     time.Time
	attempts map[uint64]uint64
	done     map[uint64]bool
}

// NewSource returns an empty stream. The seed says what course deliveries take.
func NewSource(seed uint64) *Source {
	return &Source{LostAcks: 25, seed: seed, subjects: map[string]bool{}, durables: map[string]*durable{}}
}

// Publish appends events, in this order. One that the stream has already is
// [ErrPublished].
func (s *Source) Publish(list ...events.Event) error {
	for _, e := range list {
		body, err := e.MarshalJSON()
		if err != nil {
			return err
		}
		if err := s.PublishRaw(e.NATSSubject(), body); err != nil {
			return err
		}
	}
	return nil
}

// PublishRaw appends a message that may be no event.
func (s *Source) PublishRaw(subject string, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subjects[subject] {
		return fmt.Errorf("%s: %w", subject, ErrPublished)
	}
	s.subjects[subject] = true
	s.messages = append(s.messages, stored{subject: subject, order: orderOf(subject), body: slices.Clone(body), at: time.Now()})
	return nil
}

// Drain hands everything that the durable has not done with to the handler, and
// returns once nothing is left: it is [subscribe.Run] without the waiting. It
// keeps what Run keeps, and no more: first deliveries of one order come in the
// order of the stream, orders are mixed, what failed comes again later, perhaps
// behind the next event of its order, and so does what was done when its
// acknowledgement got lost. With Config.InFlight 1 all of it is strictly in order.
// Events come one at a time; delays are not waited for.
//
// It returns a *[StuckError] for each event that failed again and again, the
// others being done with, and nil when ctx ends.
func (s *Source) Drain(ctx context.Context, cfg subscribe.Config, h subscribe.Handler) error {
	d := s.open(cfg.Durable)
	course := rand.New(rand.NewPCG(s.seed, uint64(len(d.attempts))))
	stuck := map[uint64]error{}
	for ctx.Err() == nil {
		ready := s.ready(cfg, d, stuck)
		if len(ready) == 0 {
			break
		}
		sequence := ready[0]
		if cfg.InFlight != 1 {
			sequence = ready[course.IntN(len(ready))]
		}
		if err := s.deliver(ctx, cfg, d, sequence, h, course); err != nil {
			stuck[sequence] = err
			if cfg.InFlight == 1 {
				break // it holds up all behind it
			}
		}
	}
	return errors.Join(slices.Collect(maps.Values(stuck))...)
}

func (s *Source) open(name string) *durable {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.durables[name] == nil {
		s.durables[name] = &durable{made: time.Now(), attempts: map[uint64]uint64{}, done: map[uint64]bool{}}
	}
	return s.durables[name]
}

// ready are the sequences that may be delivered next: of each order the first
// that never was, and all that come again.
func (s *Source) ready(cfg subscribe.Config, d *durable, stuck map[uint64]error) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []uint64
	begun := map[string]bool{}
	for i, m := range s.messages {
		sequence := uint64(i + 1)
		if d.done[sequence] || stuck[sequence] != nil || !wanted(cfg.Filters, m.subject) || !cfg.Start.Includes(m.at, d.made) {
			continue
		}
		if d.attempts[sequence] == 0 {
			if begun[m.order] {
				continue
			}
			begun[m.order] = true
		}
		list = append(list, sequence)
	}
	return list
}

func (s *Source) deliver(
	ctx context.Context, cfg subscribe.Config, d *durable, sequence uint64, h subscribe.Handler, course *rand.Rand,
) error {
	s.mu.Lock()
	m := s.messages[sequence-1]
	s.mu.Unlock()
	d.attempts[sequence]++
	err := cfg.Deliver(ctx, subscribe.Raw{
		Subject: m.subject, Sequence: sequence, Attempt: d.attempts[sequence], Body: slices.Clone(m.body),
	}, h)
	// A lost acknowledgement is not lost for ever, or a drain would have no end.
	lost := course.IntN(100) < s.LostAcks && d.attempts[sequence] < MostAttempts
	if err == nil && !lost {
		d.done[sequence] = true
	}
	if err != nil && d.attempts[sequence] >= MostAttempts {
		return &StuckError{Subject: m.subject, Err: err}
	}
	return nil
}
