package doctor_test

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/doctor"
)

// TestHealthy finds nothing to do at an installation that nothing is wrong with,
// and leaves it as it was: no message more, no consumer more.
func TestHealthy(t *testing.T) {
	s := newSite(t, plan{})
	before := s.inventory()
	found := s.examine(nil)
	for _, f := range found {
		if f.Status != doctor.OK || f.Mend != "" || f.Says == "" {
			t.Errorf("%s: %s: %s; mend: %s", f.Check, f.Status, f.Says, f.Mend)
		}
	}
	if len(found) != len(doctor.Checks()) {
		t.Errorf("%d findings of %d checks", len(found), len(doctor.Checks()))
	}
	if after := s.inventory(); after != before {
		t.Errorf("it left something behind:\n%s\nbefore:\n%s", after, before)
	}
}

// inventory is what the streams hold and who reads them. Sequences tell of
// messages that are gone again.
func (s *site) inventory() string {
	s.t.Helper()
	text := ""
	list := s.admin().ListStreams(s.t.Context())
	for info := range list.Info() {
		text += fmt.Sprintf("%s: %d messages, the last %d, %d consumers: ", info.Config.Name, info.State.Msgs, info.State.LastSeq, info.State.Consumers)
		held, err := s.admin().Stream(s.t.Context(), info.Config.Name)
		must(s.t, err)
		for name := range held.ConsumerNames(s.t.Context()).Name() {
			text += name + " "
		}
		text += fmt.Sprintf("%+v\n", info.Config)
	}
	must(s.t, list.Err())
	return text
}

// change changes a stream as somebody with too many rights would.
func (s *site) change(name string, how func(*jetstream.StreamConfig)) {
	s.t.Helper()
	held, err := s.admin().Stream(s.t.Context(), name)
	must(s.t, err)
	c := held.CachedInfo().Config
	how(&c)
	_, err = s.admin().UpdateStream(s.t.Context(), c)
	must(s.t, err)
}
