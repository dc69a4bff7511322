package console

import (
	"context"
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/operator"
	"github.com/settlehook/settlehook/internal/stream"
)

// standing is how many cases are open. It is read anew when somebody looks and what
// is known is old.
type standing struct {
	away    func() bool
	survey  *stream.Survey
	timeout time.Duration
	clock   func() time.Time

	mu   sync.Mutex
	at   time.Time
	open openCases
}

// openCases are what waits for a person.
type openCases struct {
	Reviews, Parked, Quarantined uint64
	Fault                        string // why these are not known
}

const standingAge = 5 * time.Second

// natsAway is what pages say while there is no connection.
const natsAway = "NATS is away; the console connects again by itself"

func newStanding(d *operator.Desk, clock func() time.Time) *standing {
	return &standing{away: func() bool { return !d.NC.IsConnected() }, survey: stream.NewSurvey(d.JS), timeout: d.Timeout(), clock: clock}
}

// look is what waits now, or did a few seconds ago.
func (s *standing) look(ctx context.Context) openCases {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.clock(); now.Sub(s.at) >= standingAge || now.Before(s.at) {
		s.open, s.at = s.read(context.WithoutCancel(ctx)), now // it is for all pages
	}
	return s.open
}

// forget has the next look read anew.
func (s *standing) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = time.Time{}
}

func (s *standing) read(ctx context.Context) (open openCases) {
	if s.away() {
		return openCases{Fault: natsAway}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	reviews, err := s.survey.OpenReviews(ctx)
	if err != nil {
		return openCases{Fault: err.Error()}
	}
	parked, err := s.survey.Parked(ctx)
	if err != nil {
		return openCases{Fault: err.Error()}
	}
	quarantined, err := s.survey.Quarantined(ctx)
	if err != nil {
		return openCases{Fault: err.Error()}
	}
	return openCases{Reviews: messages(reviews), Parked: messages(parked), Quarantined: messages(quarantined)}
}

func messages[K comparable](all map[K]stream.Backlog) (n uint64) {
	for _, b := range all {
		n += b.Messages
	}
	return n
}
