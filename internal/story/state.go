package story

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// State is where an order stands: the outcome that downstream was told last, or one
// of these.
type State string

// The states of an order that downstream was told no outcome of.
const (
	StateReview    State = "review"    // a person is asked
	StateParked    State = "parked"    // given up on
	StateInWork    State = "in work"   // callbacks came, and none is decided
	StateSubmitted State = "submitted" // nothing came of it yet
	StateWithdrawn State = "withdrawn" // its creation was refused
	StateRefused   State = "refused"   // nothing but pushes that were not verified
)

// standing is what decides where an order stands.
type standing struct {
	submitted map[events.Flow]bool // and not withdrawn
	withdrawn bool
	newest    *stream.StoredCallback
	lastLook  *stream.StoredLook
	last      *stream.StoredEvent  // the outcome told last
	answered  time.Time            // when the last event of any kind was stored
	open      []stream.StoredEvent // reviews
	parked    []stream.ParkedCallback
	refused   []stream.Quarantined
}

// registered hears what an order service said. What was submitted in one flow stands
// when the other's is withdrawn.
func (s *standing) registered(kind Kind, flow events.Flow) {
	switch kind {
	case Submitted:
		if s.submitted == nil {
			s.submitted = map[events.Flow]bool{}
		}
		s.submitted[flow] = true
	case Withdrawn:
		s.withdrawn = true
		delete(s.submitted, flow)
	}
}

func (s *standing) heard(c stream.StoredCallback) { s.newest = &c }

func (s *standing) looked(l stream.StoredLook) { s.lastLook = &l }

// told hears the events in the order of the ledger.
func (s *standing) told(e stream.StoredEvent) {
	s.answered = e.At
	switch d := e.Event.Data.(type) {
	case events.Review:
		s.open = append(s.open, e)
	case events.Resolved:
		s.open = slices.DeleteFunc(s.open, func(r stream.StoredEvent) bool {
			opened := r.Event.Data.(events.Review)
			return opened.Case == d.Case && opened.Flow == d.Flow
		})
	default:
		s.last = &e
	}
}

// summary says where the order stands, in a line, and what a person can do.
func (s *standing) summary(merchant, orderID string) (state State, line string, next []string) {
	switch {
	case s.last != nil:
		state, line = State(s.last.Event.Outcome()), fmt.Sprintf("downstream was told at %s: %s", moment(s.last.At), toldWords(s.last.Event))+s.unsettledWords()
	case len(s.open) > 0:
		state, line = StateReview, "a person is asked; downstream was told no outcome"
	case len(s.parked) > 0 && !s.heardAfter(s.parked[len(s.parked)-1]):
		state, line = StateParked, "given up on; downstream was told no outcome"
	case s.newest != nil:
		state, line = StateInWork, "the gateway pushed, and nothing is decided yet"+s.lookWords()
	case len(s.submitted) > 0:
		state, line = StateSubmitted, "no push was taken for it yet; the sweep asks the gateway when its time has come"+s.lookWords()
	case s.withdrawn:
		state, line = StateWithdrawn, "the gateway refused to create it"
	case len(s.refused) > 0:
		state, line = StateRefused, "only refused pushes speak of it, and nothing vouches for those"
	default:
		state, line = StateInWork, "it was looked at, and there is no event of it"+s.lookWords()
	}
	return state, line, s.next(merchant, orderID)
}

// unsettledWords: what is still open about an order with an outcome.
func (s *standing) unsettledWords() string {
	text := ""
	if len(s.open) > 0 {
		text += "; and a person is asked about it"
	}
	if s.undecided() {
		text += fmt.Sprintf("; the push of %s is not decided yet", moment(s.newest.At))
	}
	return text
}

// undecided reports whether no event and no look had an answer to the newest push.
func (s *standing) undecided() bool {
	if s.newest == nil || !s.newest.At.After(s.answered) {
		return false
	}
	return s.lastLook == nil || s.lastLook.Verdict != "ignore" || !s.lastLook.Stored.At.After(s.newest.At)
}

// heardAfter reports whether a callback came after one was parked: put back, or
// pushed again.
func (s *standing) heardAfter(p stream.ParkedCallback) bool {
	return s.newest != nil && s.newest.At.After(p.At)
}

func (s *standing) lookWords() string {
	if s.lastLook == nil {
		return ""
	}
	return fmt.Sprintf("; last look at %s: %s", moment(s.lastLook.Stored.At), lookWords(s.lastLook.Look))
}

// next are commands that show or mend what a person can.
func (s *standing) next(merchant, orderID string) (next []string) {
	for _, r := range s.open {
		next = append(next, "settlehook review show "+quoted(r.Event.ID))
	}
	if len(s.parked) > 0 {
		next = append(next, fmt.Sprintf("settlehook parked ls --merchant %s --order %s", merchant, quoted(orderID)))
	}
	if len(s.refused) > 0 && s.newest == nil {
		next = append(next, fmt.Sprintf("settlehook quarantine ls --merchant %s --order %s", merchant, quoted(orderID)))
	}
	return next
}

// quoted is a word for a shell: order ids are whatever a service made them.
func quoted(word string) string {
	if !strings.ContainsFunc(word, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:%", r))
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
